"""A rollout on a world in memory, and what SageMaker does to it."""

from dataclasses import replace
from datetime import timedelta

from fakes import NAMES, NOW, InMemoryWorld, config

from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.scaling import variant

ENDPOINT = NAMES.endpoint("mortgage")
TARGET = variant(ENDPOINT)
LATER = NOW + timedelta(minutes=5)


def first_in_service(**settings):
    """Version 1 is in service."""
    made = InMemoryWorld()
    made.catalog.put(config(**settings), NOW)
    made.registry.add("mortgage", "Approved")
    deploy_model("mortgage", made, because="v1")
    end(made)
    return made


def settled_in_service(**settings):
    """Version 1 is in service, and SageMaker has been done with it for a minute."""
    made = first_in_service(**settings)
    made.endpoints.endpoints[ENDPOINT] = replace(made.endpoints.endpoints[ENDPOINT], modified_at=NOW)
    made.time = NOW + timedelta(minutes=1)
    return made


def approved_again():
    """Version 1 is in service, version 2 is approved."""
    made = settled_in_service()
    made.registry.add("mortgage", "Approved")
    return made


def end(world, config_name=None, status="InService"):
    """SageMaker is done: on our config, unless it says otherwise."""
    world.endpoints.become(ENDPOINT, status, config_name or world.state.rollout("mortgage").config_name)
    return settle_endpoint("mortgage", world, because="endpoint changed")


def rolled_back(world):
    return end(world, NAMES.endpoint_config("mortgage", 1, config().endpoint_hash))


def rollback_alarms(world):
    return sorted(name for name in world.alarms.standing if "-rollback-" in name)


def suspended(world):
    return [each for each, value in world.scaling.suspended(TARGET).items() if value]


def kill(world, port, method):
    """Let the handler die at that call, once."""
    real = getattr(port, method)

    def die(*arguments, **named):
        setattr(port, method, real)
        raise TimeoutError

    setattr(port, method, die)
