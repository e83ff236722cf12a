"""What a handler did or found is told, though it dies before it tells."""

from datetime import timedelta

import pytest
from rollouts.under_way import end

from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.sweep import sweep


class Killed(BaseException):
    """What a handler does not see coming."""


def killed_at(port, name, when):
    """The handler dies instead of this call of a port; the next one lives."""
    real = getattr(port, name)

    def die(*arguments, **options):
        if when(*arguments):
            setattr(port, name, real)
            raise Killed
        return real(*arguments, **options)

    setattr(port, name, die)


def of(world, outcome):
    return [made for made in world.ledger.decisions if made.outcome == outcome and made.news]


def swept(world, times=3):
    for _ in range(times):
        world.time += timedelta(minutes=10)
        for _, due in sweep(world).due:
            if due.reaction == "deploy_model":
                deploy_model("mortgage", world, because=due.because)


def test_an_update_whose_line_was_not_written(world):
    """Its handler dies between SageMaker's acceptance and the ledger: the sweep has it told, once, and asks for nothing."""
    before = len(of(world, "endpoint_update_started"))
    killed_at(world.ledger, "record", lambda decision: decision.outcome == "endpoint_update_started")
    with pytest.raises(Killed):
        deploy_model("mortgage", world, because="v2")
    assert "deploy_model" not in {due.reaction for _, due in sweep(world).due}, (
        "its handler may be at it still"
    )
    swept(world)
    told = of(world, "endpoint_update_started")[before:]
    assert ["v2"] == [each.fact for each in told]
    assert 1 == sum(call[0] == "update" for call in world.endpoints.calls)
    assert "version_in_service" == end(world).outcome


def test_an_update_that_ended_is_not_told_to_begin(world):
    """Once it is told how it ended, nobody wants to hear that it began."""
    killed_at(world.ledger, "record", lambda decision: decision.outcome == "endpoint_update_started")
    with pytest.raises(Killed):
        deploy_model("mortgage", world, because="v2")
    assert "version_in_service" == end(world).outcome
    swept(world)
    assert [] == of(world, "endpoint_update_started")


def test_what_waits_for_a_person_is_told_though_its_handler_died(world):
    """It dies between remembering that it told and telling: the sweep has it told, once."""
    for version in (1, 2):
        world.registry.set_approval("mortgage", version, "Rejected")
    killed_at(world.ledger, "record", lambda decision: decision.news == "warning")
    with pytest.raises(Killed):
        deploy_model("mortgage", world, because="rejected")
    swept(world)
    [told] = of(world, "deployment_waits")
    assert ("warning", True) == (told.news, "no approved version remains" in told.reason)
