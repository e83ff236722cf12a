"""What is left for a person to decide, and that it is told once."""

from datetime import timedelta

import pytest
from fakes import NAMES, NOW, config
from rollouts.under_way import ENDPOINT, first_in_service

from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint


@pytest.fixture
def world():
    """Version 1 is in service, version 2 is approved."""
    made = first_in_service()
    made.registry.add("mortgage", "Approved")
    made.time = NOW + timedelta(hours=1)
    return made


def end(world, version):
    """SageMaker is done, with the settings of the beginning."""
    world.endpoints.become(
        ENDPOINT, "InService", NAMES.endpoint_config("mortgage", version, config().endpoint_hash)
    )
    return settle_endpoint("mortgage", world, because="endpoint changed")


def rolled_back(world):
    world.time += timedelta(minutes=10)
    return end(world, 1)


def waits(world):
    return [each for each in world.ledger.decisions if each.outcome == "deployment_waits" and each.news]


def test_a_version_that_is_not_approved_goes_on_serving(world):
    """Told once, however often it is looked at; and again when it comes to it again."""
    world.registry.set_approval("mortgage", 1, "Rejected")
    deploy_model("mortgage", world, because="v2")
    rolled_back(world)
    for because in ("the rollout ended", "an alarm", "sweep"):
        deploy_model("mortgage", world, because=because)
    [told] = waits(world)
    assert "keeps serving version 1, which is not approved" in told.reason
    world.registry.set_approval("mortgage", 1, "Approved")
    deploy_model("mortgage", world, because="v1", approved=1)
    world.registry.set_approval("mortgage", 1, "Rejected")
    deploy_model("mortgage", world, because="v1")
    assert len(waits(world)) == 2


def test_no_version_is_approved(world):
    """The one that serves goes on: told once."""
    for version in (1, 2):
        world.registry.set_approval("mortgage", version, "Rejected")
    for because in ("v1", "v2", "sweep"):
        deploy_model("mortgage", world, because=because)
    [told] = waits(world)
    assert "no approved version remains" in told.reason


def test_a_loss_is_told_by_itself(world):
    """An approved version goes on serving after it, so nothing more waits for anybody."""
    deploy_model("mortgage", world, because="v2")
    rolled_back(world)
    deploy_model("mortgage", world, because="the rollout ended")
    assert waits(world) == []
    assert world.ledger.decisions[-1].news is None


def test_new_settings_that_are_lost(world):
    """The version goes on serving with the settings before, and that is what people hear."""
    world.registry.set_approval("mortgage", 2, "Rejected")
    world.catalog.put(config(endpoint={"instance": "ml.c5.large"}), NOW)
    deploy_model("mortgage", world, because="configuration")
    told = rolled_back(world)
    assert told.reason.startswith("version 1 with its new settings does not serve")
    assert told.details["action"] == "it goes on serving with the settings before"
