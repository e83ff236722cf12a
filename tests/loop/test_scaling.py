"""Scaling under load: out and in, by schedule, by steps, by an order that expires, and around another instance type."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from load import (
    Load,
    actions,
    activities,
    bounds,
    instances,
    policies,
    registration,
    resource,
    scaler,
    targets,
    until,
)
from stranger import SMALL, Model, Stack, drop_of, wait_for
from watched import put_state

QUICK = {"scale_in_cooldown_seconds": 60, "scale_out_cooldown_seconds": 60}
FOUR_A_SECOND = {"min": 1, "max": 3, "invocations_per_instance": 240, **QUICK}
IDLE = {"min": 1, "max": 3, "invocations_per_instance": 1_000_000, **QUICK}
# An order of these tests raises the bounds; no alarm of a slow machine does.
BY_HAND = {"latency": ["notify"]}
# Requests a second: for less than one instance, and for three, also where a busy machine brings about two thirds of it.
SLOWLY, FAST = 2.0, 14.0


@pytest.fixture(scope="module")
def served(stack: Stack) -> Model:
    """A model on one instance that no load of these tests scales by itself."""
    model = stack.model("scales").configure(endpoint=SMALL, scaling=IDLE, on_alarm=BY_HAND)
    model.drop("first", drop_of(200))
    model.wait_for("version_registered")
    model.approve(1)
    model.wait_until_serving(1)
    return model


@pytest.fixture
def model(served: Model) -> Iterator[Model]:
    """Afterwards scaling is what it was before: nothing of a test's is left."""
    yield served
    configure(served)
    wait_for("the bounds of before", lambda: bounds(served) == (1, 3))
    wait_for("the policy of before", lambda: policies(served) == [f"{served.name}-invocations-per-instance"])
    wait_for("no scheduled action", lambda: actions(served) == [])
    wait_for("no alarm of a step", lambda: alarms_of_steps(served) == [])


def alarms_of_steps(model: Model) -> list[str]:
    found = model.stack.client("cloudwatch").describe_alarms(AlarmNamePrefix=f"{model.name}-step-")
    return [alarm["AlarmName"] for alarm in found["MetricAlarms"]]


def configure(model: Model, scaling: Any = IDLE, endpoint: Any = SMALL) -> None:
    """Upload it, and wait until it is in force."""
    model.put("model.yaml", model.yaml(endpoint=endpoint, scaling=scaling, on_alarm=BY_HAND))
    model.wait_until("the configuration to be in force", model.is_configured)


def order(model: Model, method: str, body: Any = None) -> dict[str, Any]:
    """What `perennial scale` sends."""
    request = AWSRequest(
        method,
        model.stack.outputs["ApiUrl"].rstrip("/") + f"/models/{model.model}/scale",
        data=json.dumps(body) if body else None,
        headers={"content-type": "application/json"},
    )
    SigV4Auth(Credentials("test", "test"), "lambda", "us-east-1").add_auth(request)
    answer = URLLib3Session(timeout=60).send(request.prepare())
    return {"status": answer.status_code, **json.loads(answer.content)}


def test_out_and_in_under_a_load_curve(model: Model) -> None:
    """Instances follow the load both ways, no request fails, and neither sweep nor ledger fights it."""
    changed = len(model.decided("scaling_changed"))
    configure(model, FOUR_A_SECOND)
    wait_for("the target", lambda: (targets(model), bounds(model)) == ([240.0], (1, 3)))
    told = model.wait_for("scaling_changed", times=changed + 1)
    with Load(model, SLOWLY) as load:
        until(load, lambda: len(load.answers) > 10, 120, "answers")
        load.rate = FAST
        until(load, lambda: instances(model) == 3, 120, "three instances")
        model.stack.sweep()
        load.rate = SLOWLY
        until(load, lambda: instances(model) == 1, 120, "one instance again")
    assert load.failures == []
    counts = [look.instances for look in load.looks]
    assert (min(counts), max(counts)) == (1, 3)
    since = model.decided("scaling_changed")[changed:]
    assert {entry.fact for entry in since} == {told.fact}, "what the new configuration took, and nothing else"
    causes = " ".join(activity["Cause"] for activity in activities(model))
    assert "AlarmHigh" in causes
    assert "AlarmLow" in causes


def test_concurrency_in_high_resolution(model: Model) -> None:
    """Requests in flight scale out as invocations do; the policy is another one, and the old one is gone."""
    configure(model, {"min": 1, "max": 3, "metric": "concurrency", "concurrent_requests": 2, **QUICK})
    wait_for("the policy", lambda: policies(model) == [f"{model.name}-concurrent-requests"])
    slow = model.stack.fault(
        "slow-answers", f"{model.name}-v*", 10**6
    )  # so that requests overlap on any machine
    with slow, Load(model, FAST) as load:
        until(load, lambda: instances(model) >= 2, 120, "a second instance")
    assert load.failures == []


def test_an_order_that_expires(model: Model) -> None:
    """A raised floor brings an instance at once, holds against scale-in, and the sweep has it taken back."""
    changed = len(model.decided("scaling_changed"))
    with Load(model, SLOWLY) as load:
        told = order(model, "POST", {"bound": "floor", "instances": 2, "hours": 1})
        assert (told["status"], told.get("outcome")) == (200, "scaling_adjusted"), told
        until(load, lambda: bounds(model) == (2, 3), 120, "the raised floor")
        until(load, lambda: instances(model) == 2, 120, "two instances")
        model.stack.sweep()
        assert bounds(model) == (2, 3)
        [raised] = (model.state("scaling_adjustments") or {})["raises"]
        over = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
        put_state(model, "scaling_adjustments", {"raises": [{**raised, "until": over}]})

        def taken_back() -> bool:
            model.stack.sweep()
            return bounds(model) == (1, 3)

        until(load, taken_back, 120, "the end of it")
    assert load.failures == []
    assert model.decided("scaling_adjusted")[-1].details["by"] == told["details"]["by"]
    assert told["details"]["by"].startswith("arn:aws:")
    assert "is over" in model.wait_for("scaling_changed", times=changed + 2).reason  # told after it is done


def test_an_order_above_the_limit_is_refused(model: Model) -> None:
    """With the reason, and nothing changes."""
    told = order(model, "POST", {"bound": "ceiling", "instances": 9})
    assert (told["status"], told["error"]["code"]) == (409, "scaling_withheld")
    assert "no more than 3" in told["error"]["message"]
    told = order(model, "DELETE")
    assert told.get("outcome") == "nothing", told


def test_a_schedule_sets_the_bounds_and_nobody_undoes_them(model: Model) -> None:
    """In its own time zone; the sweep leaves it, a raised floor survives it, and without the entry all is as before."""
    tokyo = datetime.now(ZoneInfo("Asia/Tokyo")) + timedelta(
        seconds=30
    )  # a busy machine configures it in time
    entry = {
        "name": "rush",
        "at": f"at({tokyo:%Y-%m-%dT%H:%M:%S})",
        "time_zone": "Asia/Tokyo",
        "min": 2,
        "max": 2,
    }
    with Load(model, SLOWLY) as load:
        configure(model, {**IDLE, "schedule": [entry]})
        wait_for("the scheduled action", lambda: actions(model) == [f"{model.name}-schedule-rush"])
        assert bounds(model) == (1, 3)
        until(load, lambda: datetime.now(UTC) > tokyo, 120, "the time")
        until(load, lambda: bounds(model) == (2, 2), 120, "the bounds of the schedule")
        until(load, lambda: instances(model) == 2, 120, "two instances")
        changed = len(model.decided("scaling_changed"))
        for _ in range(2):
            model.stack.sweep()
        until(load, lambda: actions(model) == [], 120, "the end of what cannot happen again")
        assert bounds(model) == (2, 2)
        # Two events of one change may both find the past entry; neither touches the bounds.
        since = model.decided("scaling_changed")[changed:]
        assert {entry.reason for entry in since} <= {f"schedule removed: {model.name}-schedule-rush"}
    assert load.failures == []


def test_steps_add_instances_by_an_alarm_of_ours(model: Model) -> None:
    """Our alarm triggers the policy; somebody else's policy on the same endpoint is left alone."""
    rush = {
        "name": "rush",
        "metric": "InvocationsPerInstance",
        "statistic": "Sum",
        "periods": 1,
        "above": {240: 1, 100_000: 5},
        "cooldown_seconds": 60,
    }
    scaler(model).put_scheduled_action(
        ScheduledActionName="somebody-elses",
        Schedule="cron(0 0 1 1 ? *)",
        ScalableTargetAction={"MinCapacity": 1},
        **resource(model),
    )
    configure(model, {**IDLE, "steps": [rush]})
    wait_for("the step policy", lambda: f"{model.name}-step-rush" in policies(model))
    with Load(model, FAST) as load:
        until(load, lambda: instances(model) >= 2, 120, "a second instance")
    assert load.failures == []
    assert actions(model) == ["somebody-elses"]
    scaler(model).delete_scheduled_action(ScheduledActionName="somebody-elses", **resource(model))


def test_another_instance_type_with_scaling_attached(model: Model) -> None:
    """Deregistered, updated, registered: all of its scaling is back, and no request fails."""
    schedule = [{"name": "night", "at": "cron(0 0 1 1 ? *)", "min": 1}]
    steps = [{"name": "cpu", "metric": "CPUUtilization", "above": {10_000: 1}}]
    configure(model, {**IDLE, "schedule": schedule, "steps": steps})
    attached = [f"{model.name}-invocations-per-instance", f"{model.name}-step-cpu"]
    wait_for("the schedule", lambda: actions(model) == [f"{model.name}-schedule-night"])
    wait_for("the policies", lambda: policies(model) == attached)  # put after the schedule
    registered = registration(model)
    served = len(model.decided("version_in_service"))
    with Load(model, SLOWLY) as load:
        configure(model, {**IDLE, "schedule": schedule, "steps": steps}, {**SMALL, "instance": "ml.c5.large"})
        model.wait_for("version_in_service", times=served + 1)
        until(load, lambda: policies(model) == attached, 120, "its policies")
        until(load, lambda: actions(model) == [f"{model.name}-schedule-night"], 120, "its schedule")
    assert load.failures == []
    assert registration(model) != registered, "it was deregistered for the update"
    assert bounds(model) == (1, 3)
    configure(model, IDLE)
    model.wait_for("version_in_service", times=served + 2)
