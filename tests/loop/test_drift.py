"""The drift loop as a stranger meets it: traffic goes in, and people hear of what matters and of nothing else."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from stranger import SMALL, Model, Stack, wait_for
from watched import (
    HOUR,
    Captured,
    Inbox,
    alarm_state,
    analyze,
    ask,
    richer,
    serve,
    this_hour,
    turned,
    usual,
)

ROWS = 500
MONITORS = {
    "data_quality": {"every": "1h"},
    "model_quality": {"every": "1h", "metric": "auc", "minimum": 0.7, "label_delay": "5m"},
    "bias": {"every": "1h", "facet": "region", "privileged": "north", "tolerance": 0.1},
}
SAYS_NOTHING = {"slack": "default", "digest_minutes": 0}


@pytest.fixture
def model(stack: Stack, request: pytest.FixtureRequest) -> Model:
    """A model in service with every monitor; a person approves its next version."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")[:24].strip("-")
    served = serve(stack, name, monitors=MONITORS, notify=SAYS_NOTHING, retraining={"data": "traffic"})
    served.reconfigure(
        monitors=MONITORS,
        notify=SAYS_NOTHING,
        retraining={"data": "traffic"},
        endpoint=SMALL,
        gate={"metric": "auc", "minimum": 0.5, "minimum_gain": -1.0, "approval": "manual"},
    )
    return served


def hours_back(count: int) -> list[datetime]:
    """The last hours that are over, the oldest first."""
    return [this_hour() - back * HOUR for back in range(count, 0, -1)]


def paged(model: Model) -> list[str]:
    """What people were asked to act on."""
    return [entry.decision for entry in model.ledger() if entry.news in ("warning", "error")]


def test_a_quiet_stretch(model: Model) -> None:
    """Hours like the training data page nobody, whichever monitor looks at them, and each leaves its report."""
    hours = hours_back(3)
    for number, hour in enumerate(hours):
        rows = usual(ROWS, seed=10 + number)
        captured = Captured(model, hour)
        captured.write(rows)
        captured.label(rows)
        for monitor in MONITORS:
            summary = analyze(model, monitor, hour)
            assert (summary["status"], summary["records"]) == ("ok", ROWS), summary
    assert paged(model) == [], model.story()
    for intent in ("data-quality", "model-quality", "bias", "label-coverage", "silence"):
        wait_for(f"data for the {intent} alarm", lambda intent=intent: alarm_state(model, intent) == "OK")
    reports = [key for key in model.keys("reports/") if key.endswith("report.html")]
    assert len(reports) == len(hours) * len(MONITORS)


def test_drift_is_told_learnt_and_quiet(model: Model) -> None:
    """Two drifting hours: one message, one retraining on what the traffic has become, and the next window is quiet."""
    inbox = Inbox(model.stack)
    for number, hour in enumerate(hours_back(2)):
        rows = richer(usual(ROWS, seed=20 + number))
        captured = Captured(model, hour)
        captured.write(rows)
        captured.label(rows)
        summary = analyze(model, "data_quality", hour)
        assert summary["status"] == "violations"
        moved = [each["name"] for each in summary["features"] if each["tripped"]]
        assert "income" in moved
        assert not {"ratio", "region"} & set(moved)
    found = model.wait_for("drift_found")
    assert "income" in found.reason
    assert found.details["report"].endswith("report.html")
    [message] = wait_for(
        "the message", lambda: [m for m in inbox.messages(model.model) if "The data drifted" in json.dumps(m)]
    )
    assert message["kind"] == "slack"
    assert "income" in json.dumps(message)

    registered = model.wait_for("version_registered", version="2")
    assert registered.details["approval"] == "PendingManualApproval"
    offers = wait_for(
        "the button", lambda: [m for m in inbox.messages(model.model) if '"approve' in json.dumps(m)]
    )
    [button] = [
        element["action_id"]
        for block in offers[0]["blocks"]
        for element in block.get("elements", [])
        if element.get("action_id", "").startswith("approve")
    ]
    inbox.press(offers[0]["id"], button)
    model.wait_until_serving(2)

    settled = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    wait_for("a whole second", lambda: datetime.now(UTC) >= settled)
    ask(model, richer(usual(ROWS, seed=30)))
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    wait_for("that second to pass", lambda: datetime.now(UTC) >= end)
    summary = analyze(model, "data_quality", settled, end)
    assert summary["model_version"] == 2
    assert (summary["status"], summary["records"]) == ("ok", ROWS), summary
    assert len(model.decided("drift_found")) == 1, model.story()
    assert len(model.decided("retraining_started")) == 1, model.story()


def test_lost_quality(model: Model) -> None:
    """Predictions that are wrong with inputs as usual are lost quality, and that is what people are told."""
    for number, hour in enumerate(hours_back(2)):
        rows = usual(ROWS, seed=40 + number)
        captured = Captured(model, hour)
        captured.write(rows)
        captured.label(turned(rows))
        inputs = analyze(model, "data_quality", hour)
        assert inputs["status"] == "ok", inputs
        summary = analyze(model, "model_quality", hour)
        assert summary["quality"]["auc"]["tripped"], summary["quality"]["auc"]
        assert summary["label_coverage"] == 1.0
    found = model.wait_for("quality_lost")
    assert "auc" in found.reason
    assert model.decided("drift_found") == []


def test_missing_labels(model: Model) -> None:
    """Labels that do not come are told as that, with what the scores alone let expect; no quality is claimed lost."""
    for number, hour in enumerate(hours_back(2)):
        rows = usual(ROWS, seed=50 + number)
        captured = Captured(model, hour)
        captured.write(rows)
        captured.label(rows[: ROWS // 10])
        summary = analyze(model, "model_quality", hour)
        assert summary["label_coverage"] == pytest.approx(0.1, abs=0.01)
        assert summary["estimate"]
    model.wait_for("labels_missing")
    assert model.decided("quality_lost") == []
    assert model.decided("retraining_started") == []


def test_bias(model: Model) -> None:
    """A group that is denied whatever it brings is told as bias, and nothing is retrained for it unasked."""
    for number, hour in enumerate(hours_back(2)):
        rows = usual(ROWS, seed=60 + number)
        captured = Captured(model, hour)
        captured.write(rows, score=lambda row: 0.9 if row[2] == "west" or row[1] > 0.5 else 0.1)
        summary = analyze(model, "bias", hour)
        assert summary["status"] == "violations", json.dumps(summary)
        assert {each["group"] for each in summary["bias"] if each["tripped"]} >= {"west"}
    model.wait_for("bias_found")
    assert model.decided("retraining_started") == []


def test_a_broken_schema(model: Model) -> None:
    """Texts where numbers were: a person is paged, and nothing is learnt from it."""
    for number, hour in enumerate(hours_back(2)):
        rows = [(f"EUR {row[0]}", *row[1:]) for row in usual(ROWS, seed=70 + number)]
        # Our own container would refuse such a request; another one, or another's capture, may not.
        Captured(model, hour).write(rows, score=lambda row: 0.8 if row[1] > 0.5 else 0.2)
        summary = analyze(model, "data_quality", hour)
        assert {"income"} == {each["feature"] for each in summary["violations"] if each["kind"] == "schema"}
    found = model.wait_for("schema_broken")
    assert found.news == "error"
    assert model.decided("retraining_started") == []


def test_broken_records_and_an_empty_hour(model: Model) -> None:
    """What cannot be read is counted and reported; an hour without traffic is a report, too. Nobody is paged."""
    first, second = hours_back(2)
    Captured(model, first).write(usual(ROWS, seed=80), broken=7)
    summary = analyze(model, "data_quality", first)
    assert (summary["status"], summary["records"], summary["broken"]["count"]) == ("ok", ROWS, 7), summary
    assert analyze(model, "data_quality", second)["status"] == "empty"
    assert paged(model) == []
