"""Adjustments from the wish to the end: ledger, registration, rollouts, the sweep, and what belongs to others."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import NOW, InMemoryWorld, config
from rollouts.under_way import ENDPOINT, TARGET, end, settled_in_service

from perennial.errors import Conflict
from perennial.monitoring.summary import Summary
from perennial.reactions.adjust_scaling import adjust_scaling, order_scaling, restore_scaling
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep
from perennial.reactions.watch_requests import watch_requests
from perennial.scaling_bounds import Bounds

ADA = "arn:aws:iam::123456789012:user/ada"
CPU = {"name": "cpu", "metric": "CPUUtilization", "above": {70: 1}}
STEP = f"{ENDPOINT}-step-cpu"


def serving(**scaling):
    """Version 1 is in service."""
    return settled_in_service(scaling=scaling)


def look(world):
    """A sweep, and what it wakes."""
    for model, due in sweep(world).due:
        if due.reaction == "settle_endpoint":
            settle_endpoint(model, world, because="sweep")


def bounds(world):
    return world.scaling.targets[TARGET].bounds


def settings(world):
    """What stands on the target, but for the ARNs that policies get anew when it is registered again."""
    standing = world.scaling.targets[TARGET]
    policies = {
        name: {key: value for key, value in body.items() if key != "PolicyARN"}
        for name, body in standing.policies.items()
    }
    return replace(standing, policies=policies)


def order(world, bound="floor", instances=3, hours=2.0):
    until = world.now() + timedelta(hours=hours)
    return order_scaling("mortgage", world, bound=bound, instances=instances, until=until, by=ADA)


def test_an_operators_floor_from_the_order_to_its_end():
    """Registered at once, told with who and until when, and taken back by the sweep alone."""
    world = serving()
    told = order(world)
    assert ("scaling_adjusted", "info", ADA) == (told.outcome, told.news, told.details["by"])
    assert ("mortgage", "settle_endpoint", None) in world.hints.sent
    settle_endpoint("mortgage", world, because="hint")
    assert bounds(world) == Bounds(3, 4)
    world.time += timedelta(minutes=119)
    look(world)
    assert bounds(world) == Bounds(3, 4)
    world.time += timedelta(minutes=1)
    look(world)
    assert bounds(world) == Bounds(1, 4)
    assert f"the floor of 3 (raised by {ADA}) is over" in world.ledger.decisions[-1].reason
    assert "settle_endpoint" not in [due.reaction for _, due in sweep(world).due]


def test_an_operator_may_end_it():
    """What alarms raised ends, too; a second time there is nothing to end."""
    world = serving(max=9)
    adjust_scaling("mortgage", world, because="latency")
    order(world, instances=5)
    settle_endpoint("mortgage", world, because="hint")
    assert bounds(world).least == 5
    assert "scaling_restored" == restore_scaling("mortgage", world, by=ADA).outcome
    settle_endpoint("mortgage", world, because="hint")
    assert bounds(world) == Bounds(1, 9)
    assert "nothing" == restore_scaling("mortgage", world, by=ADA).outcome


@pytest.mark.parametrize(
    ("endpoint", "instances", "words"),
    [
        pytest.param({}, 9, "allows no more than 4", id="above the limit"),
        pytest.param({}, 1, "is 1 already", id="no more than there is"),
        pytest.param({"kind": "serverless"}, 3, "serverless endpoint scales by itself", id="serverless"),
    ],
)
def test_what_cannot_be_raised_is_withheld(endpoint, instances, words):
    """With the reason, in the ledger, and nothing is kept."""
    world = InMemoryWorld()
    world.catalog.put(config(endpoint=endpoint), NOW)
    told = order(world, instances=instances)
    assert ("scaling_withheld", True) == (told.outcome, words in told.reason)
    assert ["scaling_withheld"] == world.ledger.outcomes
    assert [] == world.hints.sent


def test_during_a_rollout_it_is_kept_for_afterwards():
    """Scaling is held still while traffic shifts; what was raised is registered when that has ended."""
    world = serving()
    world.registry.add("mortgage", "Approved")
    deploy_model("mortgage", world, because="v2")
    world.endpoints.become(ENDPOINT, "Updating")
    assert "it takes effect when that has ended" in order(world).reason
    settle_endpoint("mortgage", world, because="hint")
    look(world)
    assert bounds(world) == Bounds(1, 4)
    end(world)
    assert bounds(world) == Bounds(3, 4)


def test_a_schedule_is_never_undone():
    """What AWS set at the time is what we would set, before and after a sweep; nothing is written."""
    schedule = [{"name": "noon", "at": "cron(30 12 * * ? *)", "min": 3, "max": 6}]
    world = serving(schedule=schedule)
    assert bounds(world) == Bounds(3, 6)  # since yesterday
    world.time += timedelta(hours=1)
    world.scaling.writes = 0
    look(world)
    assert (bounds(world), world.scaling.writes) == (Bounds(3, 6), 0)


def test_a_missed_scheduled_action_is_caught_up_with():
    """It was due while scaling was suspended, or deregistered for another instance type."""
    schedule = [{"name": "fair", "at": "at(2026-03-01T13:00:00)", "min": 3}]
    world = serving(schedule=schedule)
    assert bounds(world) == Bounds(1, 4)
    world.time += timedelta(hours=2)
    look(world)
    assert bounds(world) == Bounds(3, 4)
    assert not world.scaling.targets[TARGET].actions  # it will never be due again


def test_what_somebody_deleted_is_put_back():
    """A policy, its alarm, the whole target: the sweep finds out."""
    world = serving(steps=[CPU])
    everything = settings(world)
    for harm in (
        lambda: world.scaling.delete_policy(TARGET, STEP),
        lambda: world.alarms.standing.pop(f"{STEP}-scaling"),
        lambda: world.scaling.remove(TARGET),
    ):
        harm()
        look(world)
        assert settings(world) == everything
        assert f"{STEP}-scaling" in world.alarms.standing
        assert "settle_endpoint" not in [due.reaction for _, due in sweep(world).due]


def test_a_step_policy_that_is_gone_takes_its_alarm_along():
    """And nothing else: what is somebody's own stays."""
    world = serving(steps=[CPU])
    world.scaling.put_policy(TARGET, "somebody-elses", {"PolicyType": "StepScaling"})
    world.alarms.put({"AlarmName": "TargetTracking-endpoint/x", "Tags": []})
    world.catalog.put(config(scaling={}), NOW)
    settle_endpoint("mortgage", world, because="configuration")
    assert set(world.scaling.targets[TARGET].policies) == {
        f"{ENDPOINT}-invocations-per-instance",
        "somebody-elses",
    }
    assert f"{STEP}-scaling" not in world.alarms.standing
    assert "TargetTracking-endpoint/x" in world.alarms.standing


def test_an_alarm_that_a_slower_handler_puts_by_an_older_configuration():
    """Its policy is gone by then: it has scaling settled once more, and so has every sweep until the alarm is gone."""
    world = serving()
    world.catalog.put(config(scaling={"steps": [CPU]}), NOW)
    put = world.alarms.put

    def meanwhile(request):
        world.alarms.put = put
        world.catalog.put(config(), NOW)
        settle_endpoint("mortgage", world, because="the newer configuration")
        world.hints.sent.clear()
        put(request)

    world.alarms.put = meanwhile
    with pytest.raises(Conflict):
        settle_endpoint("mortgage", world, because="the older configuration")
    assert STEP not in world.scaling.targets[TARGET].policies
    assert f"{STEP}-scaling" in world.alarms.standing
    assert ("mortgage", "settle_endpoint", None) in world.hints.sent
    look(world)
    assert f"{STEP}-scaling" not in world.alarms.standing
    assert "settle_endpoint" not in [due.reaction for _, due in sweep(world).due]


def test_another_instance_type_in_aws_order():
    """Deregistered with the alarms of steps, updated, registered again with what the time and the orders ask for."""
    world = serving(steps=[CPU])
    order(world)
    settle_endpoint("mortgage", world, because="hint")
    world.catalog.put(config(scaling={"steps": [CPU]}, endpoint={"instance": "ml.c5.large"}), NOW)
    deploy_model("mortgage", world, because="configuration")
    assert TARGET not in world.scaling.targets
    assert f"{STEP}-scaling" not in world.alarms.standing
    end(world)
    assert bounds(world) == Bounds(3, 4)
    assert f"{STEP}-scaling" in world.alarms.standing


def window(number, rows):
    start = NOW + timedelta(hours=number)
    times = {"start": start, "end": start + timedelta(hours=1)}
    more = {"endpoint": ENDPOINT, "schedule": "s", "status": "ok", "reason": "fine", "window": times}
    return Summary.model_validate(
        {"model": "mortgage", "monitor": "data_quality", "records": rows * 10, "requests": 10, **more}
    )


@pytest.mark.parametrize(
    ("rows", "limit", "raised"),
    [
        pytest.param([5, 5, 5, 10], 2, True, id="doubled"),
        pytest.param([5, 5, 5, 9], 2, False, id="not quite"),
        pytest.param([5, 5, 10], 2, False, id="too few windows to compare with"),
        pytest.param([5, 5, 5, 10], None, False, id="not watched"),
        pytest.param([5, 50, 5, 10], 2, True, id="one odd window in the past"),
    ],
)
def test_requests_that_carry_more_rows_raise_the_floor(rows, limit, raised):
    """Twice the rows with each request are twice the work, and invocations do not show it."""
    world = serving(adjust={"rows_per_request": limit})
    settings = world.catalog.get("mortgage")
    told = [watch_requests(settings, window(number, count), world) for number, count in enumerate(rows)]
    assert (told[-1] is not None) is raised
    assert not any(told[:-1])
    again = watch_requests(settings, window(0, 500), world)
    assert again is None  # a window of long ago, analysed anew, is no news
