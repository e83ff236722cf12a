"""What an alarm means, by the newest reports."""

from datetime import UTC, datetime, timedelta

import pytest
from alarms.samples import AT, HOUR, document, drifted, lost, report, violation
from fakes import NOW, config

from perennial.alarms.attribution import why_not_the_version
from perennial.alarms.diagnosis import diagnose, not_running, what_follows
from perennial.alarms.reports import A_DAY, A_WEEK, Report, Reports, silent
from perennial.deployment import Rollout
from perennial.monitoring.summary import Summary

ALL = config(
    monitors={
        "data_quality": {"every": "1h"},
        "model_quality": {"every": "1d", "min_coverage": 0.6},
        "bias": {"every": "1d", "facet": "afam", "privileged": "no"},
    }
)


def read(*documents):
    return [Report(f"folder-{n}/", Summary.model_validate(each)) for n, each in enumerate(documents)]


def of(intent, reports, settings=ALL):
    return diagnose(intent, reports, settings, "Threshold Crossed")


@pytest.mark.parametrize(
    ("inputs", "outcome", "severity", "words"),
    [
        pytest.param([drifted()], "drift_found", "warning", "pirat moved away", id="drift"),
        pytest.param(
            [document(start=AT + HOUR), drifted()],
            "drift_found",
            "warning",
            "pirat",
            id="a quiet one came since",
        ),
        pytest.param(
            [drifted("hir", kind="schema")], "schema_broken", "error", "A person has to mend", id="schema"
        ),
        pytest.param(
            [
                drifted(
                    features=[
                        {
                            "name": "pirat",
                            "type": "Fractional",
                            "missing": {"baseline": 0.0, "current": 1.0},
                        }
                    ],
                    kind="missing",
                )
            ],
            "schema_broken",
            "error",
            "every cell is missing",
            id="a column without a value",
        ),
        pytest.param(
            [drifted("chist", kind="missing")],
            "drift_found",
            "warning",
            "more missing cells than allowed in chist;",
            id="more are missing",
        ),
        pytest.param(
            [drifted("region", kind="domain")],
            "drift_found",
            "warning",
            "values that training never saw in region;",
            id="new values",
        ),
        pytest.param(
            [drifted("endpointOutput_predicted_label", "endpointOutput_score", "pirat")],
            "drift_found",
            "warning",
            "the predicted label, the score, pirat moved away from the training data",
            id="the answers are named for people",
        ),
        pytest.param([document()], "alarm_ignored", None, "nothing to explain", id="nothing tripped"),
        pytest.param([], "alarm_ignored", "warning", "no report", id="no report at all"),
    ],
)
def test_data_quality(inputs, outcome, severity, words):
    """A broken schema, a column that is gone, drift, or nothing that a report knows of."""
    found = of("data-quality", Reports(data_quality=read(*inputs)))
    assert (outcome, severity) == (found.outcome, found.severity)
    assert words in found.reason


@pytest.mark.parametrize(
    ("quality", "inputs", "words", "severity"),
    [
        pytest.param(
            [lost(value=0.6)], {}, "the quality is lost, too (auc)", "error", id="labels say it is lost"
        ),
        pytest.param(
            [document("model_quality", quality={"auc": {"value": 0.83}})],
            {},
            "the quality holds (auc 0.83) by the labels until",
            "warning",
            id="labels say it holds",
        ),
        pytest.param(
            [],
            {"estimate": {"auc": {"value": 0.8, "low": 0.78, "high": 0.84, "baseline": 0.83}}},
            "the quality probably holds (estimated auc 0.8)",
            "warning",
            id="the scores say it holds",
        ),
        pytest.param(
            [],
            {"estimate": {"auc": {"value": 0.7, "low": 0.68, "high": 0.72, "baseline": 0.83}}},
            "has probably fallen (estimated auc 0.7, 0.83 at training)",
            "warning",
            id="the scores say it fell",
        ),
        pytest.param([], {}, "the quality is not known", "warning", id="nobody knows"),
    ],
)
def test_drift_says_what_is_known_of_the_quality(quality, inputs, words, severity):
    """Drift alone is no loss: the message says whether the quality holds, and how one knows."""
    found = of("data-quality", Reports(data_quality=read(drifted(**inputs)), model_quality=read(*quality)))
    assert words in found.reason
    assert severity == found.severity


def test_lost_quality_names_its_figures():
    """The metric, its value and its limit; without drift the version may be to blame."""
    found = of("model-quality", Reports(model_quality=read(lost(value=0.612, threshold=0.8))))
    assert ("quality_lost", "error", True) == (found.outcome, found.severity, found.attributed)
    assert "auc 0.612 (limit 0.8)" in found.reason


def test_lost_quality_while_the_inputs_drift():
    """Inputs that drifted in the same hours explain the loss; an older version sees them, too."""
    reports = Reports(model_quality=read(lost()), data_quality=read(drifted("pirat")))
    found = of("model-quality", reports)
    assert ("quality_lost", False) == (found.outcome, found.attributed)
    assert "the inputs drifted (pirat)" in found.reason


def test_drift_of_another_time_explains_nothing():
    """Only windows of the same traffic are looked at."""
    reports = Reports(model_quality=read(lost()), data_quality=read(drifted(start=AT + 3 * HOUR)))
    assert of("model-quality", reports).attributed


def test_lost_quality_on_a_broken_schema():
    """The cause comes first: nothing is to be learned from broken inputs."""
    reports = Reports(model_quality=read(lost()), data_quality=read(drifted(kind="schema")))
    assert "schema_broken" == of("model-quality", reports).outcome


def test_bias():
    """Group, metric, value and what it was at training."""
    figure = {
        "facet": "afam",
        "group": "yes",
        "metric": "DPPL",
        "value": 0.31,
        "baseline": 0.05,
        "tripped": True,
    }
    found = of(
        "bias",
        Reports(
            bias=read(
                document("bias", "violations", bias=[figure], violations=[violation("afam", "bias", "DPPL")])
            )
        ),
    )
    assert "bias_found" == found.outcome
    assert "DPPL 0.31 for afam = yes (0.05 at training)" in found.reason


def test_missing_labels():
    """Coverage below the wanted share; windows with enough of them explain nothing."""
    low, enough = (document("model_quality", label_coverage=share) for share in (0.2, 0.9))
    found = of("label-coverage", Reports(model_quality=read(low)))
    assert ("labels_missing", True) == (found.outcome, "20% of the predictions" in found.reason)
    assert "alarm_ignored" == of("label-coverage", Reports(model_quality=read(enough))).outcome


def test_silence_takes_three_windows():
    """A person is told only when three windows in a row had nothing; before that the alarm is early."""
    empty = [document(status="empty", start=AT - n * HOUR, records=0) for n in range(3)]
    early = of("silence", Reports(data_quality=read(*empty[:2])))
    assert ("alarm_ignored", True, None) == (early.outcome, early.pending, early.severity)
    talking = of("silence", Reports(data_quality=read(*empty[:2], document(start=AT - 2 * HOUR))))
    assert talking.pending
    found = of("silence", Reports(data_quality=read(*empty)))
    assert ("no_data", "warning") == (found.outcome, found.severity)
    assert "since 2026-03-01 09:00 UTC" in found.reason


def silence(at, traffic, hours=60):
    """What an alarm on silence means at a time, to a model whose hours have traffic where `traffic` says so."""

    def records(start):
        return 500 if traffic(start) else 0

    starts = [at - back * HOUR for back in range(1, hours)]
    found = [
        document(status="ok" if records(start) else "empty", start=start, records=records(start))
        for start in starts
    ]
    kept = silent(read(*found))
    before = {
        start - back: records(start - back) for start in starts[: len(kept)] for back in (A_DAY, A_WEEK)
    }
    return of("silence", Reports(data_quality=read(*found), earlier=before))


MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def by_day(at):
    return 6 <= at.hour < 22


def on_weekdays(at):
    return by_day(at) and at.weekday() < 5


@pytest.mark.parametrize(
    ("traffic", "out", "hour", "outcome"),
    [
        pytest.param(by_day, None, 26, "alarm_ignored", id="every night"),
        pytest.param(by_day, None, 29, "alarm_ignored", id="every night, at its end"),
        pytest.param(by_day, 12, 15, "no_data", id="three hours of the day"),
        pytest.param(by_day, 30, 31, "alarm_ignored", id="a late morning"),
        pytest.param(by_day, 30, 33, "no_data", id="no morning at all"),
        pytest.param(on_weekdays, None, 5 * 24 + 12, "alarm_ignored", id="Saturday"),
        pytest.param(on_weekdays, None, 6 * 24 + 12, "alarm_ignored", id="Sunday"),
        pytest.param(on_weekdays, 7 * 24, 7 * 24 + 9, "no_data", id="no Monday"),
        pytest.param(lambda at: at.hour == 12, None, 20, "alarm_ignored", id="once a day"),
        pytest.param(lambda at: at.hour == 12, 24, 24 + 13, "no_data", id="not this day"),
        pytest.param(lambda at: True, 12, 15, "no_data", id="always"),
    ],
)
def test_silence_is_news_only_at_hours_that_used_to_have_traffic(traffic, out, hour, outcome):
    """A quiet night wakes nobody while nights are quiet; a morning without traffic does. `out` is when traffic ends."""
    ends = MONDAY + timedelta(hours=out) if out is not None else None
    found = silence(MONDAY + timedelta(hours=hour), lambda at: traffic(at) and (ends is None or at < ends))
    assert (outcome, outcome == "no_data") == (found.outcome, found.severity is not None)
    assert not found.pending


def test_a_silence_is_no_witness_for_itself():
    """In the first week a whole day without traffic makes the next one no usual one."""
    now = MONDAY + timedelta(days=1, hours=15)
    starts = [now - back * HOUR for back in range(1, 40)]
    found = [document(status="empty", start=start, records=0) for start in starts]
    before = {start - A_DAY: 0 for start in starts}
    told = of("silence", Reports(data_quality=read(*found), earlier=before))
    assert "no_data" == told.outcome


def test_the_analysis_itself():
    """No report at all is worse than an empty one: nothing is watched."""
    assert ("no_data", "error") == (not_running(None).outcome, not_running(None).severity)
    assert "until 2026-03-01 12:00" in not_running(report()).reason


@pytest.mark.parametrize(("intent", "outcome"), [("latency", "latency_high"), ("errors", "errors_high")])
def test_the_endpoints_own_metrics(intent, outcome):
    """They need no report."""
    assert outcome == of(intent, Reports()).outcome


@pytest.mark.parametrize(
    ("intent", "changes", "words"),
    [
        ("latency", {"endpoint": {"rollback_on": {"p99_ms": 200}}}, "above 200 ms: "),
        ("latency", {"endpoint": {"rollback_on": {"p99_ms": None}}}, "too high: "),
        ("errors", {"endpoint": {"rollback_on": {"error_percent": None}}}, "too many of the requests"),
        ("backlog", {"scaling": {"adjust": {"backlog": 1}}}, "an instance has more than 1 request in flight"),
        ("backlog", {}, "an instance has too many requests in flight"),
    ],
)
def test_a_limit_may_be_gone_by_the_time_its_alarm_is_answered(intent, changes, words):
    """model.yaml may have changed since the alarm rang: what it rang for is told without the limit then."""
    assert words in diagnose(intent, Reports(), config(**changes), "CloudWatch's reason").reason


def test_signatures():
    """The same columns are the same trouble; others are another."""
    one = of("data-quality", Reports(data_quality=read(drifted("a", "b")))).signature
    two = of("data-quality", Reports(data_quality=read(drifted("b", "a", start=AT + HOUR)))).signature
    other = of("data-quality", Reports(data_quality=read(drifted("c")))).signature
    assert one == two != other


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        pytest.param(drifted(), ("notify", "retrain"), id="drift: as model.yaml says"),
        pytest.param(drifted(kind="schema"), ("notify",), id="schema: a person, whatever it says"),
        pytest.param(document(), (), id="nothing to explain"),
    ],
)
def test_what_follows(inputs, expected):
    """A broken schema is told and never trained on."""
    found = of("data-quality", Reports(data_quality=read(inputs)))
    assert expected == what_follows(found, "data-quality", config())[0]
    silent = config(on_alarm={"data_quality": []})
    told = "notify" in what_follows(found, "data-quality", silent)[0]
    assert told == (found.outcome == "schema_broken")


SINCE = Rollout("perennial-mortgage-v2-abcdef", 2, NOW, "succeeded")


@pytest.mark.parametrize(
    ("rollout", "lost_since", "drift", "words"),
    [
        pytest.param(SINCE, NOW + HOUR, False, None, id="lost soon after it came"),
        pytest.param(SINCE, NOW + HOUR, True, "inputs changed", id="the inputs drifted"),
        pytest.param(SINCE, NOW - 2 * HOUR, False, "before version 2 came", id="lost before it came"),
        pytest.param(SINCE, NOW + 9 * HOUR, False, "has done well since", id="it did well for long"),
        pytest.param(None, NOW, False, "not known since when", id="history is not known"),
    ],
)
def test_whose_fault_it_is(rollout, lost_since, drift, words):
    """Rolling back helps only when the loss came with the version."""
    lost_window = (lost_since, lost_since + HOUR)
    found = why_not_the_version(rollout, 2, lost_window, 7 * HOUR, drift)
    assert (found is None) if words is None else (words in found)
