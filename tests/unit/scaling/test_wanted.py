"""What Application Auto Scaling should have, and what differs from it."""

from datetime import UTC, datetime, timedelta

import pytest
from fakes import config

from perennial.scaling import Standing, changes, wanted
from perennial.scaling_bounds import Bounds, Raised

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MORNING = {"name": "morning", "at": "cron(0 8 ? * MON-FRI *)", "time_zone": "Europe/Zurich", "min": 2}
CPU = {"name": "cpu", "metric": "CPUUtilization", "above": {70: 1, 90: 3}}


def wish(now=NOON, **scaling):
    return wanted(config(scaling=scaling), "e", Raised(), now)


def standing(wish, **also):
    """What AWS describes after all of it was put, with what it adds of its own."""
    return Standing(
        wish.bounds,
        {name: {**body, "PolicyARN": f"arn:{name}", "Alarms": []} for name, body in wish.policies.items()},
        {name: {**body, "CreationTime": NOON} for name, body in wish.actions.items()} | also,
    )


FULL = {"schedule": [MORNING], "steps": [CPU], "max": 5}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(FULL, FULL, "", id="the same"),
        pytest.param({}, {"max": 5}, "1 to 5 instances", id="bounds alone"),
        pytest.param(
            {}, {"invocations_per_instance": 9}, "policies put: e-invocations-per-instance", id="target alone"
        ),
        pytest.param(
            {}, {"scale_in": False}, "policies put: e-invocations-per-instance", id="scale-in protection"
        ),
        pytest.param(
            {},
            {"metric": "concurrency"},
            "policies put: e-concurrent-requests; policies removed: e-invocations-per-instance",
            id="another metric",
        ),
        pytest.param(
            {"max": 5, "min": 2},
            {"max": 5, "min": 2, "schedule": [MORNING]},
            "schedule put: e-schedule-morning",
            id="a schedule",
        ),
        pytest.param(
            FULL,
            {"max": 5, "min": 2, "steps": [CPU]},
            "schedule removed: e-schedule-morning",
            id="a schedule that is gone",
        ),
        pytest.param(
            FULL,
            {**FULL, "steps": [{**CPU, "above": {75: 1}}]},
            "policies put: e-step-cpu",
            id="a step",
        ),
        pytest.param(
            FULL, {**FULL, "steps": []}, "policies removed: e-step-cpu", id="a step policy that is gone"
        ),
        pytest.param(
            FULL,
            {**FULL, "schedule": [{**MORNING, "time_zone": "Asia/Tokyo"}]},
            "schedule put: e-schedule-morning",
            id="another time zone",
        ),
    ],
)
def test_only_what_differs_changes(before, after, told):
    """A changed config changes the policy and nothing else; what is gone from it is removed."""
    found = changes(wish(**after), standing(wish(**before)))
    assert (found.words(), bool(found)) == (told, bool(told))


def test_what_is_not_ours_is_left_alone():
    """Policies and actions by other names, and those of another endpoint of ours."""
    foreign = {"mine": {}, "e2-step-cpu": {}, "e-latency": {}}
    there = standing(wish())
    found = changes(wish(), Standing(there.bounds, {**there.policies, **foreign}, foreign))
    assert not found


def test_nothing_is_registered_yet():
    """All of it is put."""
    found = changes(wish(**FULL), Standing(None))
    assert found.register == Bounds(2, 5)
    assert set(found.policies) == {"e-invocations-per-instance", "e-step-cpu"}
    assert set(found.actions) == {"e-schedule-morning"}


@pytest.mark.parametrize(
    ("entry", "later", "same"),
    [
        pytest.param({**MORNING, "start": NOON + timedelta(days=1)}, timedelta(days=2), True, id="it began"),
        pytest.param(
            {"name": "beat", "at": "rate(5 hours)", "min": 2, "start": NOON},
            timedelta(hours=17),
            True,
            id="beat",
        ),
        pytest.param(
            {**MORNING, "end": NOON + timedelta(days=1)}, timedelta(hours=9), True, id="it will end"
        ),
        pytest.param(
            {**MORNING, "end": NOON + timedelta(days=1)}, timedelta(days=2), False, id="it has ended"
        ),
        pytest.param(
            {"name": "fair", "at": "at(2026-03-04T13:00:00)", "min": 2}, timedelta(0), True, id="once"
        ),
        pytest.param(
            {"name": "fair", "at": "at(2026-03-04T13:00:00)", "min": 2},
            timedelta(hours=2),
            False,
            id="it was",
        ),
    ],
)
def test_time_passes_over_a_schedule(entry, later, same):
    """A start that has passed changes nothing; what can never be due again is removed."""
    there = standing(wish(schedule=[entry]))
    now = wish(NOON + later, schedule=[entry])
    found = changes(now, Standing(now.bounds, there.policies, there.actions))
    assert bool(found) is not same
    assert bool(found.no_actions) is not same


def test_a_rate_is_put_with_its_next_time():
    """A start in the past may be refused, and the beat must stay."""
    beat = {"name": "beat", "at": "rate(5 hours)", "min": 2, "start": NOON}
    body = wish(NOON + timedelta(hours=7), schedule=[beat]).actions["e-schedule-beat"]
    assert body["StartTime"] == NOON + timedelta(hours=10)
    other = {**beat, "start": NOON + timedelta(hours=1)}
    assert changes(wish(schedule=[other]), standing(wish(schedule=[beat]))).actions


@pytest.mark.parametrize(
    ("policy", "operator", "threshold", "steps"),
    [
        pytest.param(
            CPU,
            "GreaterThanOrEqualToThreshold",
            70,
            [(0, 20, 1), (20, None, 3)],
            id="above",
        ),
        pytest.param(
            {"name": "idle", "metric": "CPUUtilization", "below": {20: -1, 5: -2}},
            "LessThanOrEqualToThreshold",
            20,
            [(None, -15, -2), (-15, 0, -1)],
            id="below",
        ),
        pytest.param(
            {"name": "rare", "metric": "GPUUtilization", "below": {99.1: -1, 28.48: -2}},
            "LessThanOrEqualToThreshold",
            99.1,
            [(None, 28.48 - 99.1, -2), (28.48 - 99.1, 0, -1)],
            id="fractions that do not add up again",
        ),
    ],
)
def test_steps_are_told_as_distances_from_the_threshold(policy, operator, threshold, steps):
    """AWS wants them so, without gaps, and open at the far end."""
    found = wish(steps=[policy])
    [name] = found.alarms
    alarm, step_policy = found.alarms[name], found.policies[name]["StepScalingPolicyConfiguration"]
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == (operator, threshold)
    assert steps == [
        (
            each.get("MetricIntervalLowerBound"),
            each.get("MetricIntervalUpperBound"),
            each["ScalingAdjustment"],
        )
        for each in step_policy["StepAdjustments"]
    ]
