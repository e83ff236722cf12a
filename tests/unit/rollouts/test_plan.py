"""A rollout is what its name says, or it is refused with the nearest one that would be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.rollout_plan import LONGEST, deployment_config, first_step, refusal
from perennial.sections_serving import Rollout

TYPES = st.sampled_from(["canary", "linear", "rolling", "all_at_once"])
ROLLOUTS = st.builds(Rollout, type=TYPES, percent=st.integers(5, 50), bake_minutes=st.integers(0, 60))


@pytest.mark.parametrize(
    ("rollout", "instances", "words"),
    [
        pytest.param({"type": "canary"}, 2, None, id="canary of two"),
        pytest.param({"type": "all_at_once"}, 1, None, id="all at once of one"),
        pytest.param({"type": "canary"}, 1, "rollout.type to all_at_once", id="canary of one"),
        pytest.param({"type": "rolling"}, 1, "endpoint.instances to 2", id="rolling of one"),
        pytest.param({"type": "linear", "percent": 5}, 20, "the nearest is percent 10", id="small steps"),
        pytest.param(
            {"type": "linear", "percent": 10, "bake_minutes": 60},
            20,
            "bake_minutes 47",
            id="longer than a day's work",
        ),
        pytest.param({"type": "linear", "percent": 10, "bake_minutes": 47}, 20, None, id="just in time"),
        pytest.param({"type": "canary", "bake_minutes": 60}, 2, None, id="a long bake"),
    ],
)
def test_refusals(rollout, instances, words):
    """A plan that SageMaker would refuse, or run as another, is refused with the nearest valid one."""
    found = refusal(Rollout(**rollout), instances)
    assert found is None if words is None else words in (found or "")


@given(ROLLOUTS, st.integers(1, 100))
def test_what_is_not_refused_keeps_within_sagemakers_limits(rollout, instances):
    """Every plan that passes has steps of at most half the fleet and a time limit beyond all its waits."""
    if refusal(rollout, instances):
        return
    request = deployment_config(rollout, instances)
    policy = request.get("RollingUpdatePolicy") or request["BlueGreenUpdatePolicy"]
    routing = policy.get("TrafficRoutingConfiguration", policy)
    sizes = [
        routing[key]["Value"]
        for key in ("CanarySize", "LinearStepSize", "MaximumBatchSize")
        if key in routing
    ]
    assert all(1 <= size <= instances // 2 for size in sizes)
    limit = policy["MaximumExecutionTimeoutInSeconds"]
    steps = 2 if rollout.type == "canary" else -(-instances // first_step(rollout, instances))
    assert steps * rollout.bake_minutes * 60 < limit <= LONGEST
    assert 600 <= limit


@given(ROLLOUTS, st.integers(2, 100))
def test_the_first_step_is_never_everything(rollout, instances):
    """Where traffic can be split, a bad version never gets all of it at once unless that was asked for."""
    assert rollout.type == "all_at_once" or first_step(rollout, instances) < instances
