"""Decisions as they really come, one for each kind, for `perennial preview`, the documents and the tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from perennial.decision import Decision, Severity

AT = datetime(2026, 3, 1, 3, 12, tzinfo=UTC)
MODEL = "mortgage"
_REPORT = "models/mortgage/reports/data_quality/2026/03/01/0200"
_QUALITY = "models/mortgage/reports/model_quality/2026/02/28/0000"
_SERVES = {"version": "3", "endpoint": "perennial-mortgage"}


def _of(outcome: str, news: Severity, fact: str, reason: str, **details: str) -> Decision:
    named = {
        name.replace("_", "-") if name == "log_group" else name: value for name, value in details.items()
    }
    return Decision(MODEL, fact, outcome, reason, news, named)


def _told(outcome: str, news: Severity, intent: str, found: str, action: str) -> Decision:
    """What an alarm's answer tells: what it found, and what followed."""
    folder = {"data-quality": _REPORT, "model-quality": _QUALITY, "label-coverage": _QUALITY}.get(intent)
    files = {"summary": f"{folder}/summary.json", "report": f"{folder}/report.html"} if folder else {}
    alarm = f"perennial-mortgage-{intent}"
    fact = f"alarm {alarm} is ALARM since 2026-03-01 03:10:00 UTC"
    details = {"alarm": alarm, "intent": intent, **files, "version": "3", "action": action}
    return Decision(MODEL, fact, outcome, f"{found}. {action[:1].upper()}{action[1:]}", news, details)


_ALL = [
    _told(
        "drift_found", "warning", "data-quality",
        "pirat, hirat and region moved away from the training data; the quality holds (auc 0.83 estimated, 0.84 at "
        "training)",
        "retraining started: dataset 0123456789ab is trained on: it is newer than version 3",
    ),
    _told(
        "schema_broken", "error", "data-quality",
        "the schema is broken: pirat: every cell is missing. A person has to mend what sends the data",
        "retraining would learn garbage: a person mends the data",
    ),
    _told(
        "quality_lost", "error", "model-quality", "the quality is lost: auc 0.71 (limit 0.79)",
        "retraining withheld: retrained 6 hours ago, cooldown until 2026-03-01 21:00 UTC",
    ),
    _told("bias_found", "warning", "bias", "DPPL of afam=yes is 0.2, 0.05 at training", "nothing but telling"),
    _told(
        "latency_high", "warning", "latency", "p99 of the model's latency is above 500 ms",
        "scaling adjusted: at least 4 instances until 04:12 UTC",
    ),
    _told("errors_high", "error", "errors", "more than 1 % of the requests end in an error of the model (5xx)", "nothing but telling"),
    _told(
        "backlog_high", "warning", "backlog", "an instance has more than 8 requests in flight",
        "scaling adjusted: the floor is raised from 1 to 2 until 04:12 UTC: 2 to 4 instances",
    ),
    _told("no_data", "warning", "silence", "3 windows in a row held no request", "nothing but telling"),
    _told("labels_missing", "warning", "label-coverage", "31 % of the predictions have a label, 50 % are expected", "nothing but telling"),
    _of(
        "alarm_cleared", "info", "alarm perennial-mortgage-data-quality is OK since 2026-03-01 03:10:00 UTC",
        "data-quality is well again", alarm="perennial-mortgage-data-quality", intent="data-quality",
        cleared="drift_found",
    ),
    _of(
        "fire_drill", "warning", "fire drill mortgage.20260301T031200-ab12cd",
        "this is a fire drill: a test of the way from an alarm to you. Nothing is wrong",
        alarm="perennial-fire-drill", drill="mortgage.20260301T031200-ab12cd", intent="fire-drill", action="nothing",
    ),
    _of(
        "analysis_failed", "error", "window 2026-03-01 02:00 of data_quality was due",
        "the processing job ended as Failed: AlgorithmError: exit code 1", log_group="/aws/sagemaker/ProcessingJobs",
    ),
    _of(
        "retraining_started", "info", "alarm perennial-mortgage-data-quality rang",
        "the data drifted; job perennial-mortgage-0123456789ab-1927b0-r1 on ml.m5.large (spot)",
        intent="data-quality",
    ),
    _of(
        "retraining_withheld", "warning", "alarm perennial-mortgage-data-quality rang",
        "retrained 6 hours ago; cooldown until 2026-03-01 21:00 UTC", intent="data-quality",
    ),
    _of("rollback_started", "warning", "alarm perennial-mortgage-errors rang", "version 3 fails; version 2 takes over", **_SERVES),
    _of("rollback_withheld", "error", "alarm perennial-mortgage-errors rang", "there is no approved version before version 3", **_SERVES),
    _of("scaling_restored", "info", "ada ended what was raised", "ended now: the floor of 4 (raised by ada)", **_SERVES),
    _of("scaling_adjusted", "info", "alarm perennial-mortgage-latency rang", "from 2 to 4 instances until 04:12 UTC", **_SERVES),
    _of("muted", "info", "a person pressed Mute", "@ada mutes data-quality until 2026-03-02 03:12 UTC", intent="data-quality"),
    _of("approved", "info", "a person pressed Approve", "@ada approves version 3", **_SERVES),
    _of("rejected", "info", "a person pressed Reject", "@ada rejects version 3", **_SERVES),
    _of(
        "version_registered", "info", "training job perennial-mortgage-0123456789ab-1927b0 Completed",
        "PendingManualApproval: auc 0.85 on 476 held-out rows, 0.02 more than version 2; the gate asks a person",
        version="3", approval="PendingManualApproval", auc="0.85", dataset="0123456789ab",
    ),
    _of("version_in_service", "info", "endpoint perennial-mortgage is InService", "version 3 serves on perennial-mortgage", **_SERVES),
    _of(
        "rolled_back", "error", "endpoint perennial-mortgage changed",
        "version 3 does not serve: alarm perennial-mortgage-errors rang during the canary", **_SERVES,
        log_group="/aws/sagemaker/Endpoints/perennial-mortgage",
    ),
    _of(
        "drop_refused", "error", "drop 2026-03-01 is complete", "2 problems: part.csv line 17: pirat is 'high', a number is expected",
        report="s3://perennial-data/models/mortgage/quarantine/2026-03-01/report.json", problems="2",
    ),
    _of(
        "training_failed", "error", "training job perennial-mortgage-0123456789ab-1927b0 Failed",
        "AlgorithmError: hyperparameter misspelt is unknown; the retries are used up (2 of 2)",
        log="starting\nreading 2,380 rows\nhyperparameter misspelt is unknown; known are num_leaves, learning_rate",
        log_group="/aws/sagemaker/TrainingJobs",
    ),
    _of(
        "configuration_refused", "error", "models/mortgage/model.yaml uploaded",
        "line 7: gate.metrik is not known; did you mean gate.metric?",
    ),
]  # fmt: skip
SAMPLES: Mapping[str, Decision] = {decision.outcome: decision for decision in _ALL}

_FEATURES = [
    ("pirat", 0.41, True, "mean 0.33, sd 0.11", "mean 0.52, sd 0.12"),
    ("hirat", 0.28, True, "mean 0.26, sd 0.09", "mean 0.35, sd 0.10"),
    ("region", 0.17, True, "north 61 %, south 39 %", "north 38 %, south 62 %"),
    ("lvrat", 0.04, False, "mean 0.74, sd 0.18", "mean 0.75, sd 0.18"),
    ("endpointOutput_score", 0.03, False, "mean 0.12, sd 0.15", "mean 0.14, sd 0.16"),
    *((f"other_{number}", 0.01, False, "mean 1.0, sd 0.2", "mean 1.0, sd 0.2") for number in range(7)),
]


def summary_of(decision: Decision) -> dict[str, Any] | None:
    """The summary.json beside a sample that names one."""
    if "summary" not in decision.details:
        return None
    labelled = "model_quality" in decision.details["summary"]
    quality = {
        "value": 0.71,
        "standard_deviation": 0.01,
        "baseline": 0.84,
        "threshold": 0.79,
        "tripped": True,
    }
    return {
        "version": 1,
        "model": MODEL,
        "monitor": "model_quality" if labelled else "data_quality",
        "endpoint": "perennial-mortgage",
        "schedule": "perennial-mortgage-data-quality",
        "window": {"start": "2026-03-01T02:00:00Z", "end": "2026-03-01T03:00:00Z"},
        "model_version": 3,
        "dataset_version": "0123456789ab",
        "status": "violations",
        "reason": decision.reason,
        "records": 1234,
        "requests": 900,
        "broken": {"count": 2, "examples": ["a.jsonl:17: no JSON"]},
        "features": [
            {
                "name": name,
                "type": "Fractional",
                "effect": effect,
                "threshold": 0.05,
                "tripped": tripped,
                "baseline": before,
                "current": after,
            }
            for name, effect, tripped, before, after in _FEATURES
        ],
        "drifted_features": 3,
        "label_coverage": 0.93 if labelled else None,
        "quality": {"auc": {**quality, "operator": "LessThanThreshold"}} if labelled else None,
        "estimate": None
        if labelled
        else {"auc": {"value": 0.83, "low": 0.8, "high": 0.86, "baseline": 0.84}},
    }
