"""An endpoint and its inference component as one state, the next step, and what is refused up front."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import LATER, NAMES, NOW, config

from perennial import components
from perennial.components import Component, asked_for, combined, next_step
from perennial.config import ModelConfig
from perennial.deployment import EndpointState, Rollout

ENDPOINT = NAMES.endpoint("mortgage")
ZERO = {"scaling": {"min": 0, "max": 3}}
HOST = EndpointState(ENDPOINT, "InService", "host", modified_at=NOW)
OURS = Rollout("v2", 2, NOW, "started")


@pytest.mark.parametrize(
    ("endpoint", "component", "status", "awaits"),
    [
        (HOST, None, "Creating", "component"),
        (replace(HOST, status="Creating"), None, "Creating", ""),
        (HOST, Component(ENDPOINT, "Creating", "v1", "", LATER, 1, 0), "Creating", ""),
        (HOST, Component(ENDPOINT, "InService", "v1", "", LATER, 1, 1), "InService", ""),
        (HOST, Component(ENDPOINT, "InService", "v1", "", LATER, 0, 0), "InService", ""),
        (HOST, Component(ENDPOINT, "InService", "v1", "", LATER, 2, 0), "Updating", ""),
        (HOST, Component(ENDPOINT, "InService", "v1", "", NOW - timedelta(hours=1), 1, 1), "InService", ""),
        (HOST, Component(ENDPOINT, "Failed", "v1", "full", LATER, 0, 0), "Failed", ""),
        (
            replace(HOST, status="Updating"),
            Component(ENDPOINT, "InService", "v1", "", LATER, 1, 1),
            "Updating",
            "",
        ),
    ],
)
def test_an_endpoint_and_its_component_are_one_state(endpoint, component, status, awaits):
    """What serves is InService only when the component is, with a copy that answers wherever one is wanted."""
    state = combined(endpoint, component)
    assert (state.status, state.awaits, state.host_config) == (status, awaits, "host")
    assert state.config_name == (component.model_name if component else "")


MISSING = replace(HOST, status="Creating", config_name="", host_config="v1", awaits="component")
RENEWED = replace(HOST, config_name="v1", host_config="v2")  # other instances, the version before


@pytest.mark.parametrize(
    ("endpoint", "rollout", "asked", "action", "model"),
    [
        (None, OURS, "", "nothing", ""),
        (HOST, OURS, "", "nothing", ""),
        (MISSING, OURS, "", "create", "v2"),
        (MISSING, replace(OURS, status="succeeded"), "", "create", "v2"),
        (MISSING, replace(OURS, status="failed"), "", "remove", ""),
        (MISSING, None, "", "remove", ""),
        (RENEWED, OURS, "", "update", "v2"),
        (RENEWED, OURS, asked_for(replace(OURS, started_at=LATER)), "update", "v2"),
        (RENEWED, OURS, asked_for(OURS), "nothing", ""),
        (replace(RENEWED, config_name="v2", instances=1), OURS, "", "nothing", ""),
        (replace(RENEWED, config_name="v2"), OURS, "", "update", "v2"),
        (replace(RENEWED, config_name="v2"), OURS, asked_for(OURS), "nothing", ""),
        (replace(RENEWED, config_name="v2"), replace(OURS, status="succeeded"), "", "nothing", ""),
        (replace(RENEWED, host_config="v1"), OURS, "", "nothing", ""),
        (replace(RENEWED, status="Updating"), OURS, "", "nothing", ""),
        (RENEWED, replace(OURS, status="rolled_back"), "", "nothing", ""),
        (RENEWED, None, "", "nothing", ""),
    ],
)
def test_the_next_step(endpoint, rollout, asked, action, model):
    """A rollout under way, or one that won, says what goes on the endpoint, once; one meant for nothing goes."""
    step = next_step(endpoint, rollout, asked)
    assert (step.action, step.model_name) == (action, model)


@pytest.mark.parametrize(
    ("count", "percent", "size"),
    [
        (1, 50, {"Type": "CAPACITY_PERCENT", "Value": 50}),
        (2, 50, {"Type": "COPY_COUNT", "Value": 1}),
        (10, 10, {"Type": "COPY_COUNT", "Value": 1}),
        (10, 25, {"Type": "COPY_COUNT", "Value": 3}),
        (3, 50, {"Type": "COPY_COUNT", "Value": 1}),
    ],
)
def test_a_batch_is_at_most_half_of_the_copies(count, percent, size):
    """Batches are counted in copies, never none and never more than half; half of one copy is left to SageMaker."""
    rollout = {"type": "rolling", "percent": percent, "bake_minutes": 1}
    asked = components.deployment_config(config(**ZERO, endpoint={"rollout": rollout}), count)
    assert asked["RollingUpdatePolicy"]["MaximumBatchSize"] == size


def test_all_at_once_has_no_batches():
    """SageMaker knows one policy for components; without it all copies are replaced at once."""
    assert (
        components.deployment_config(config(**ZERO, endpoint={"rollout": {"type": "all_at_once"}}), 4) is None
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"endpoint": {"rollout": {"type": "canary"}}}, "the nearest is type: rolling"),
        ({"endpoint": {"rollout": {"type": "linear"}}}, "the nearest is type: rolling"),
        ({"endpoint": {"shadow": True}}, "has no shadow variants"),
        ({"endpoint": {"kind": "serverless"}}, "scales to zero by itself"),
        ({"scaling": {"min": 0, "scale_in": False}}, "would never be reached"),
        (
            {"scaling": {"min": 0, "steps": [{"name": "cpu", "metric": "CPUUtilization", "above": {70: 1}}]}},
            "leave steps out",
        ),
        (
            {"scaling": {}, "endpoint": {"copies": {"cpus": 2}}},
            "only an endpoint with scaling.min: 0 has copies",
        ),
        (
            {"scaling": {"schedule": [{"name": "night", "at": "cron(0 20 * * ? *)", "min": 0}]}},
            "no other endpoint scales to zero",
        ),
    ],
)
def test_what_is_excluded_is_refused_up_front(changes, words):
    """model.yaml that asks for what an endpoint of components cannot have is refused, with the nearest that it can."""
    with pytest.raises(ValueError, match=words):
        config(**{**ZERO, **changes})


def test_the_rollout_that_goes_with_it_is_the_default():
    """Where model.yaml names no rollout it is rolling by half, and stays so when the configuration is read again."""
    one = config(**ZERO)
    assert (one.endpoint.rollout.type, one.endpoint.rollout.percent) == ("rolling", 50)
    assert ModelConfig.model_validate_json(one.model_dump_json(by_alias=True)) == one
    assert config().endpoint.rollout.type == "canary"
