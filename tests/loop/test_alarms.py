"""From a metric to a decision: each alarm's intent on the deployed stack, repeated, doubled, flapping, and governed."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from load import bounds
from stranger import FEW_ROWS, SMALL, Entry, Model, Stack, wait_for
from watched import HOUR, Captured, alarm_state, put_state, serve, stamp, this_hour, usual

from stack.places import ROOT

MONITORS = {
    "data_quality": {"every": "1h"},
    "model_quality": {"every": "1h", "label_delay": "5m"},
    "bias": {"every": "1h", "facet": "region", "privileged": "north"},
}
NAMESPACES = {"data_quality": "data-metrics", "model_quality": "model-metrics", "bias": "bias-metrics"}
INTENTS = {"data-quality", "model-quality", "bias", "label-coverage", "silence", "latency", "errors"}


@pytest.fixture(scope="module")
def guarded(stack: Stack) -> Model:
    """A model in service with every monitor; retraining would need newer data."""
    model = serve(stack, "guarded", monitors=MONITORS)
    model.wait_for("alarms_changed")
    return model


@pytest.fixture(scope="module")
def learner(stack: Stack) -> Model:
    """A model that learns from its own traffic."""
    monitors = {name: MONITORS[name] for name in ("data_quality", "model_quality")}
    retraining = {"data": "traffic", "traffic_days": 1, "cooldown_hours": 24}
    gate = {"metric": "auc", "minimum": 0.5, "minimum_gain": -1.0, "approval": "automatic"}
    return serve(stack, "learner", monitors=monitors, retraining=retraining, gate=gate)


def alarms(model: Model) -> dict[str, Any]:
    """The model's alarms by intent."""
    names = [f"{model.name}-{intent}" for intent in INTENTS]
    found = model.stack.client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    return {alarm["AlarmName"].removeprefix(f"{model.name}-"): alarm for alarm in found}


def report(model: Model, monitor: str, back: int = 1, **more: Any) -> str:
    """A window's summary as the analysis would leave it; its key."""
    start = this_hour() - back * HOUR
    summary = {
        "version": 1,
        "model": model.model,
        "monitor": monitor,
        "endpoint": model.name,
        "schedule": f"{model.name}-{monitor.replace('_', '-')}",
        "window": {"start": stamp(start), "end": stamp(start + HOUR)},
        "status": "violations",
        "reason": "a test wrote it",
        "records": 500,
        **more,
    }
    key = f"reports/{monitor}/{start:%Y/%m/%d/%H00}/summary.json"
    model.put(key, json.dumps(summary).encode())
    return f"models/{model.model}/{key}"


def violations(kind: str, *features: str) -> dict[str, Any]:
    check = "missing_column_check" if kind == "schema" else "baseline_drift_check"
    found = [{"feature": f, "check": check, "kind": kind, "description": "a test says so"} for f in features]
    return {"violations": found}


def measure(model: Model, monitor: str, values: Mapping[str, float], windows: int = 2) -> None:
    """Datapoints of the last windows, the newest last, as the analysis emits them."""
    now = datetime.now(UTC)
    dimensions = [
        {"Name": "Endpoint", "Value": model.name},
        {"Name": "MonitoringSchedule", "Value": f"{model.name}-{monitor.replace('_', '-')}"},
    ]
    for back in reversed(range(windows)):
        data = [
            {"MetricName": name, "Dimensions": dimensions, "Value": value, "Timestamp": now - back * HOUR}
            for name, value in values.items()
        ]
        namespace = f"aws/sagemaker/Endpoints/{NAMESPACES[monitor]}"
        model.stack.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=data)


def clear(model: Model, intent: str) -> Entry:
    """Set an alarm to OK until that was answered: CloudWatch, which looks by itself, may have it ring before."""
    wait_for("its answer, which is kept after it is told", lambda: answered(model, intent))

    def look() -> list[Entry]:
        model.stack.client("cloudwatch").set_alarm_state(
            AlarmName=f"{model.name}-{intent}", StateValue="OK", StateReason="a test says so"
        )
        return model.decided("alarm_cleared", intent=intent)

    entry: Entry = model.wait_until(f"the end of {intent}", look)[-1]
    return entry


def answered(model: Model, intent: str) -> bool:
    return (model.state(f"alarm#{intent}") or {}).get("status") in ("answered", "cleared")


def sample(model: Model, intent: str, state: str = "ALARM") -> dict[str, Any]:
    """An alarm's event as AWS sends it."""
    event: dict[str, Any] = json.loads((Path(ROOT) / "events/alarm_data_quality.json").read_text())
    event["detail"]["alarmName"] = f"{model.name}-{intent}"
    event["detail"]["state"]["value"] = state
    return event


def test_each_intent_has_its_alarm(guarded: Model) -> None:
    """Seven alarms, none of which rings because it is new."""
    found = alarms(guarded)
    assert set(found) == INTENTS
    assert "ALARM" not in {alarm["StateValue"] for alarm in found.values()}
    metric = found["data-quality"]
    assert (metric["Namespace"], metric["MetricName"]) == (
        "aws/sagemaker/Endpoints/data-metrics",
        "violations",
    )
    assert "drift_found" not in guarded.news()


def test_drift_is_told_once(guarded: Model) -> None:
    """One breaching window is none; two ring; repetitions change nothing; the end is told."""
    key = report(guarded, "data_quality", **violations("drift", "ratio"))
    measure(guarded, "data_quality", {"violations": 1.0}, windows=1)
    assert alarm_state(guarded, "data-quality") != "ALARM"
    measure(guarded, "data_quality", {"violations": 1.0})
    found = guarded.wait_for("drift_found")
    assert found.news == "warning"
    assert found.details["summary"] == key
    assert found.details["version"] == "1"
    assert "retraining withheld: nothing newer to learn from" in found.details["action"]
    guarded.wait_for("retraining_withheld")

    for _ in range(2):
        answer = guarded.stack.invoke("AnswerAlarm", sample(guarded, "data-quality"))
        assert answer["outcome"] == "nothing", answer
    assert len(guarded.decided("drift_found")) == 1


def test_a_flapping_alarm_is_told_once(guarded: Model) -> None:
    """The same trouble again within the cooldown is recorded and neither told nor acted on."""
    assert guarded.wait_for("drift_found")
    assert clear(guarded, "data-quality").news == "info"
    # The datapoints still breach: CloudWatch sees it when it looks again.
    measure(guarded, "data_quality", {"violations": 1.0})
    assert guarded.wait_for("alarm_ignored", intent="data-quality").news == "none"
    assert len(guarded.decided("drift_found")) == 1


@pytest.mark.parametrize(
    ("monitor", "summary", "values", "windows", "decision"),
    [
        pytest.param(
            "model_quality",
            {
                "quality": {"auc": {"value": 0.6, "threshold": 0.8, "tripped": True}},
                "violations": [
                    {"feature": "auc", "check": "LessThanThreshold", "kind": "quality", "description": "low"}
                ],
            },
            {"violations": 1.0},
            2,
            "quality_lost",
            id="model-quality",
        ),
        pytest.param("bias", violations("bias", "region"), {"violations": 1.0}, 2, "bias_found", id="bias"),
        pytest.param(
            "model_quality",
            {"label_coverage": 0.1, "status": "too_few"},
            {"label_coverage": 0.1},
            2,
            "labels_missing",
            id="label-coverage",
        ),
    ],
)
def test_from_a_metric_to_a_decision(
    guarded: Model,
    monitor: str,
    summary: dict[str, Any],
    values: dict[str, float],
    windows: int,
    decision: str,
) -> None:
    """The report says what the alarm means, and the ledger has it with both."""
    back = 2 if decision == "labels_missing" else 1
    report(guarded, monitor, back, **summary)
    measure(guarded, monitor, values, windows)
    found = guarded.wait_for(decision)
    assert found.details["alarm"].startswith(guarded.name)
    assert f"/reports/{monitor}/" in found.details["summary"]


def test_silence(stack: Stack) -> None:
    """Three windows without a record are told; the reports say that the analysis runs."""
    model = serve(stack, "silent")
    for back in (1, 2, 3):
        report(model, "data_quality", back, status="empty", records=0)
    model.wait_for("alarms_changed")
    measure(model, "data_quality", {"records": 0.0}, windows=3)
    found = model.wait_for("no_data")
    assert found.news == "warning"
    assert "The analysis itself runs" in found.reason


def test_alarms_raise_the_least_number_of_instances_for_a_while(stack: Stack) -> None:
    """Latency raises it by the rule; errors extend that and do not stack; the sweep restores it when it is over."""
    limits = {**SMALL, "rollback_on": {"p99_ms": 0.001, "error_percent": 5}}
    scaling = {"min": 1, "max": 4, "adjust": {"percent": 50, "lasts": "1h"}}
    model = serve(stack, "slow", endpoint=limits, scaling=scaling, on_alarm={"errors": ["notify", "scale"]})
    model.wait_for("alarms_changed")

    def told() -> Any:
        model.invoke(FEW_ROWS)
        return model.decided("latency_high")

    wait_for("latency to be told", told)
    assert model.wait_for("scaling_adjusted").details["instances"] == "2"
    wait_for("the raised least number of instances", lambda: bounds(model) == (2, 4))

    ends_in(model, timedelta(minutes=5))
    wait_for("errors to be told", lambda: fail(model) or model.decided("errors_high"))
    again = model.wait_for("scaling_adjusted", times=2)
    assert again.details["instances"] == "2"
    assert "stays 2 until" in again.reason
    [raised] = (model.state("scaling_adjustments") or {})["raises"]
    assert datetime.fromisoformat(raised["until"]) > datetime.now(UTC) + timedelta(minutes=50)
    model.stack.sweep()
    assert bounds(model) == (2, 4)

    ends_in(model, timedelta(minutes=-1))

    def restored() -> bool:
        model.stack.sweep()
        return bounds(model) == (1, 4)

    wait_for("the least number of before", restored)
    assert "is over" in model.wait_for("scaling_changed", times=2).reason


def ends_in(model: Model, left: timedelta) -> None:
    """Of what is raised, the time that is left."""
    document = model.state("scaling_adjustments") or {}
    until = (datetime.now(UTC) + left).isoformat()
    put_state(
        model, "scaling_adjustments", {"raises": [{**each, "until": until} for each in document["raises"]]}
    )


def fail(model: Model) -> None:
    """Requests of the running minute, every one of which failed."""
    dimensions = [
        {"Name": "EndpointName", "Value": model.name},
        {"Name": "VariantName", "Value": "AllTraffic"},
    ]
    data = [
        {"MetricName": name, "Dimensions": dimensions, "Values": [1.0], "Counts": [30.0]}
        for name in ("Invocations", "Invocation5XXErrors")
    ]
    model.stack.client("cloudwatch").put_metric_data(Namespace="AWS/SageMaker", MetricData=data)


def test_errors(guarded: Model) -> None:
    """A share of failed requests, of enough of them, over some minutes."""
    [found] = wait_for("errors to be told", lambda: fail(guarded) or guarded.decided("errors_high"))
    assert found.news == "error"


def test_two_alarms_of_one_cause_start_one_training(learner: Model) -> None:
    """Traffic with its labels becomes a drop, a dataset, a version; a second training is withheld."""
    hour = this_hour() - HOUR
    rows = usual(300, seed=3)
    captured = Captured(learner, hour)
    captured.write(rows)
    captured.label(rows)
    report(learner, "data_quality", **violations("drift", "ratio"))
    lost = {"auc": {"value": 0.6, "threshold": 0.8, "tripped": True}}
    report(learner, "model_quality", quality=lost, **violations("quality", "auc"))
    learner.wait_for("alarms_changed")
    measure(learner, "data_quality", {"violations": 1.0})
    measure(learner, "model_quality", {"violations": 1.0})
    learner.wait_for("drift_found")
    learner.wait_for("quality_lost")

    collected = learner.wait_for("traffic_collected")
    assert collected.details["rows"] == "300"
    drop = collected.details["drop"]
    assert f"drops/{drop}/manifest.json" in learner.keys("drops/")
    assert learner.wait_for("dataset_pinned", rows="300")
    learner.wait_for("version_registered", version="2")
    assert len(learner.decided("retraining_started")) == 1
    assert len(learner.jobs()) == 2

    [withheld] = learner.decided("retraining_withheld")
    assert (
        "about to start" in withheld.reason or "under way" in withheld.reason or "cooldown" in withheld.reason
    )


def test_the_governor_keeps_the_cooldown(learner: Model) -> None:
    """Another trouble a moment later starts nothing, and the ledger says why."""
    learner.wait_for("version_registered", version="2")
    learner.wait_until_serving(2)
    clear(learner, "data-quality")
    report(learner, "data_quality", **violations("drift", "income"))
    measure(learner, "data_quality", {"violations": 1.0})
    found = learner.wait_for("drift_found", times=2)
    assert "the cooldown of 24 hours ends" in found.details["action"]
    assert len(learner.decided("retraining_started")) == 1


def test_others_alarms_are_left_alone(guarded: Model) -> None:
    """Alarms of the stack that are no model's are left alone."""
    event = sample(guarded, "data-quality")
    event["detail"]["alarmName"] = "perennial-DeadLettersAlarm"
    assert guarded.stack.invoke("AnswerAlarm", event) == {"outcome": "ignored"}
