"""The twin's own decisions about rollouts, alarms and scaling: pure, so told by tables."""

from datetime import UTC, datetime
from typing import Any

import pytest

from twin.autoscaling.decide import Bounds, aggregated, not_scaled, step, track
from twin.autoscaling.schedules import next_run
from twin.autoscaling.state import ScheduledAction
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


@pytest.mark.parametrize(
    ("current", "out", "reason"),
    [
        pytest.param(8, True, {"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 8}, id="out at the maximum"),
        pytest.param(1, False, {"Code": "AlreadyAtMinCapacity", "MinCapacity": 1}, id="in at the minimum"),
        pytest.param(3, True, {"Code": "AlreadyAtDesiredCapacity", "CurrentCapacity": 3}, id="enough"),
    ],
)
def test_what_is_not_scaled_has_a_reason(current: int, out: bool, reason: dict[str, Any]) -> None:
    """The code and the limit that was met."""
    assert not_scaled(current, BOUNDS, out=out) == reason


@pytest.mark.parametrize(
    ("how", "value"), [("Average", 4.0), ("Minimum", 1.0), ("Maximum", 7.0)], ids=["mean", "least", "most"]
)
def test_datapoints_are_aggregated_as_the_policy_says(how: str, value: float) -> None:
    """MetricAggregationType decides; missing datapoints do not count."""
    assert aggregated([7.0, None, 1.0, 4.0], how) == value
    assert aggregated([None], how) is None


def scheduled(schedule: str, zone: str = "UTC", **limits: datetime) -> ScheduledAction:
    created = datetime(2026, 1, 1, 0, 7, tzinfo=UTC)
    return ScheduledAction("s", "arn", schedule, zone, {"MinCapacity": 1}, created, **limits)


@pytest.mark.parametrize(
    ("action", "after", "due"),
    [
        pytest.param(
            scheduled("cron(0 8 * * ? *)", "Europe/Berlin"),
            "2026-03-28T12:00",
            "2026-03-29T06:00",
            id="clocks were set forward",
        ),
        pytest.param(
            scheduled("cron(30 2 * * ? *)", "Europe/Berlin"),
            "2026-10-25T00:30",
            "2026-10-26T01:30",
            id="the hour that comes twice counts once",
        ),
        pytest.param(
            scheduled("rate(10 minutes)"), "2026-01-01T00:07", "2026-01-01T00:17", id="a period later"
        ),
        pytest.param(
            scheduled("rate(10 minutes)", start=datetime(2026, 1, 2, tzinfo=UTC)),
            "2026-01-01T12:00",
            "2026-01-02T00:00",
            id="from the start time on",
        ),
        pytest.param(
            scheduled("at(2026-05-01T09:00:00)", "Asia/Tokyo"),
            "2026-04-30T00:00",
            "2026-05-01T00:00",
            id="once",
        ),
        pytest.param(scheduled("at(2026-05-01T09:00:00)"), "2026-05-02T00:00", None, id="past"),
        pytest.param(
            scheduled("cron(0 8 * * ? *)", end=datetime(2026, 1, 2, tzinfo=UTC)),
            "2026-01-01T09:00",
            None,
            id="after the end time",
        ),
    ],
)
def test_a_schedule_is_read_on_the_wall_clock(action: ScheduledAction, after: str, due: str | None) -> None:
    """Cron and at() in the action's time zone, rates from its start."""
    expected = due and datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert next_run(action, datetime.fromisoformat(after).replace(tzinfo=UTC)) == expected
