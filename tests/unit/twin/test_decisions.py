"""The twin's own decisions about rollouts, alarms and scaling: pure, so told by tables."""

from typing import Any

import pytest

from twin.autoscaling.decide import Bounds, step, track
from twin.errors import AwsError
from twin.sagemaker.hosting_plan import Plan, Step, plan

BOUNDS = Bounds(1, 8)


def blue_green(kind: str, **routing: Any) -> dict[str, Any]:
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": {"Type": kind, **routing}}}


def percent(value: int) -> dict[str, Any]:
    return {"Type": "CAPACITY_PERCENT", "Value": value}


@pytest.mark.parametrize(
    ("deployment", "steps"),
    [
        pytest.param(None, (Step(1.0),), id="no deployment config"),
        pytest.param(blue_green("ALL_AT_ONCE", WaitIntervalInSeconds=60), (Step(1.0, 60),), id="all at once"),
        pytest.param(
            blue_green("CANARY", CanarySize=percent(10), WaitIntervalInSeconds=60),
            (Step(0.1, 60), Step(1.0, 60)),
            id="canary by share",
        ),
        pytest.param(
            blue_green("CANARY", CanarySize={"Type": "INSTANCE_COUNT", "Value": 1}, WaitIntervalInSeconds=60),
            (Step(0.25, 60), Step(1.0, 60)),
            id="canary by instances",
        ),
        pytest.param(
            blue_green("LINEAR", LinearStepSize=percent(40), WaitIntervalInSeconds=60),
            (Step(0.4, 60), Step(0.8, 60), Step(1.0, 60)),
            id="linear",
        ),
        pytest.param(
            {"RollingUpdatePolicy": {"MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 60}},
            (Step(0.5, 60, 0.5), Step(1.0, 60, 1.0)),
            id="rolling",
        ),
    ],
)
def test_a_deployment_config_becomes_steps(
    deployment: dict[str, Any] | None, steps: tuple[Step, ...]
) -> None:
    """Each shape of rollout is a list of shares with their bakes."""
    assert plan(deployment, {"v": 4}, {"v": 4}).steps == steps


def test_other_variant_names_fall_back_to_all_at_once() -> None:
    """SageMaker ignores the deployment config, alarms and all, when variants are renamed."""
    deployment = {
        **blue_green("CANARY", CanarySize=percent(10), WaitIntervalInSeconds=60),
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]},
    }
    assert plan(deployment, {"old": 4}, {"new": 4}) == Plan()


def test_the_time_limit_must_leave_room_for_the_waits() -> None:
    """A plan that cannot end in time is refused."""
    deployment = blue_green("CANARY", CanarySize=percent(10), WaitIntervalInSeconds=600)
    deployment["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] = 1200
    with pytest.raises(AwsError, match="MaximumExecutionTimeoutInSeconds must be larger"):
        plan(deployment, {"v": 4}, {"v": 4})


@pytest.mark.parametrize(
    ("current", "values", "out", "expected"),
    [
        pytest.param(2, [1500.0, 100.0], True, 3, id="out to what the newest minute needs"),
        pytest.param(2, [90000.0], True, 8, id="out to the maximum at most"),
        pytest.param(4, [200.0, 300.0], False, 2, id="in to what the busiest minute needs"),
        pytest.param(4, [0.0], False, 1, id="in to the minimum at most"),
        pytest.param(4, [2000.0], False, 4, id="in never adds"),
        pytest.param(4, [100.0], True, 4, id="out never removes"),
        pytest.param(4, [None, None], False, 4, id="without data nothing"),
    ],
)
def test_target_tracking_divides_the_load(
    current: int, values: list[float | None], out: bool, expected: int
) -> None:
    """The count is where each instance has its target, within bounds and in one direction only."""
    assert track(current, values, 1000.0, BOUNDS, out=out) == expected


@pytest.mark.parametrize(
    ("config", "breach", "expected"),
    [
        pytest.param({"AdjustmentType": "ChangeInCapacity"}, 5, 5, id="first step"),
        pytest.param({"AdjustmentType": "ChangeInCapacity"}, 10, 6, id="second step"),
        pytest.param({"AdjustmentType": "ChangeInCapacity"}, -5, None, id="no step"),
        pytest.param({"AdjustmentType": "ExactCapacity"}, 10, 2, id="exact"),
        pytest.param(
            {"AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentMagnitude": 3}, 5, 7, id="percent"
        ),
    ],
)
def test_a_step_is_chosen_by_the_breach(config: dict[str, Any], breach: float, expected: int | None) -> None:
    """The breach picks the step; the adjustment type says what its number means."""
    steps = [
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 2},
    ]
    assert step(4, breach, {**config, "StepAdjustments": steps}, BOUNDS) == expected
