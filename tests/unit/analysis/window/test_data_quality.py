"""The data quality monitor: quiet on the same data, loud on bent data, and never fatal."""

import json
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from loans import (
    CLASSES,
    END,
    FEATURES,
    FORMS,
    START,
    baseline_of,
    captured,
    record,
    request,
    rows,
    side,
    source,
)

from perennial_analysis.window import Analysis, analyze


def window(records, files, **settings) -> Analysis:
    return analyze(request("data_quality", **settings), files, [source(records)], [])


def violated(analysis: Analysis) -> set[tuple[str, str]]:
    return {(each.feature, each.kind) for each in analysis.summary.violations}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("batch", [1, 7])
def test_every_form_of_a_request_is_the_same_rows(form, batch, files):
    """However a request carries its rows and its answer, the window has the same rows, and nothing has drifted."""
    found = window(captured(rows(400, 3), form=form, batch=batch), files)
    plain = window(captured(rows(400, 3)), files)
    assert (found.summary.status, found.summary.records, found.summary.broken.count) == ("ok", 400, 0)
    assert found.summary.features == plain.summary.features


@pytest.mark.parametrize("seed", range(3, 9))
@pytest.mark.parametrize("size", [150, 1500])
def test_the_same_data_are_quiet(size, seed, files):
    """A window of the distribution of training violates nothing."""
    assert window(captured(rows(size, seed)), files).summary.status == "ok"


def bent(name):
    moved = rows(1000, 5)
    match name:
        case "moved":
            return rows(1000, 5, shift=0.6)
        case "sentinel":
            return moved.with_column(
                "income", [-999.0 if k % 20 == 0 else v for k, v in enumerate(moved.inputs["income"])]
            )
        case "category":
            return moved.with_column(
                "region", ["abroad" if k % 10 == 0 else v for k, v in enumerate(moved.inputs["region"])]
            )
        case "nulls":
            return moved.with_column(
                "income", [None if k % 4 == 0 else v for k, v in enumerate(moved.inputs["income"])]
            )
        case "words":
            return moved.with_column(
                "dependants", ["two" if k % 4 == 0 else v for k, v in enumerate(moved.inputs["dependants"])]
            )
    raise ValueError(name)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("moved", ("income", "drift")),
        ("moved", ("endpointOutput_score", "drift")),
        ("sentinel", ("income", "drift")),
        ("category", ("region", "domain")),
        ("nulls", ("income", "missing")),
        ("words", ("dependants", "schema")),
    ],
)
@pytest.mark.parametrize("form", ["csv", "objects"])
def test_bent_data_are_found(fault, expected, form, files):
    """Each fault is told of the feature that has it, as what it is, whatever carried it."""
    found = window(captured(bent(fault), form=form), files)
    assert expected in violated(found)
    assert found.summary.status == "violations"
    first = found.summary.features[0]
    assert first.tripped
    assert found.summary.drifted_features == len(
        {feature for feature, kind in violated(found) if kind == "drift"}
    )


@pytest.mark.parametrize(
    ("form", "feature", "check"),
    [
        ("objects", "postcode", "extra_column_check"),
        ("header", "postcode", "extra_column_check"),
        ("csv", "_c4", "extra_column_check"),
        ("lists", "_c4", "extra_column_check"),
    ],
)
def test_an_extra_column_breaks_the_schema(form, feature, check, files):
    """A column that training did not have is a break of the schema, named where the request names it."""
    found = rows(300, 3)
    analysis = window(captured(found.with_column("postcode", [8000] * 300), form=form), files)
    assert [(each.feature, each.check, each.kind) for each in analysis.summary.violations] == [
        (feature, check, "schema")
    ]


@pytest.mark.parametrize("form", ["objects", "header", "csv"])
def test_a_missing_column_breaks_the_schema(form, files):
    """A column that no row has is a break of the schema."""
    found = rows(300, 3)
    less = found.__class__({n: v for n, v in found.inputs.items() if n != "sex"}, found.labels, found.scores)
    analysis = window(captured(less, form=form), files)
    assert [(each.feature, each.check, each.kind) for each in analysis.summary.violations] == [
        ("sex", "missing_column_check", "schema")
    ]


def test_a_stray_column_breaks_nothing(files):
    """One request with a key too many is not a break of the schema."""
    found = captured(rows(300, 3), form="objects")
    stray = captured(rows(1, 4).with_column("debug", [1]), form="objects", seed="stray")
    assert window([*found, *stray], files).summary.status == "ok"


def test_broken_records_are_counted_and_shown_where_they_stand(files):
    """Lines that are no records, payloads that cannot be read and rows of another width are told with file and line;
    the others are analysed."""
    good = captured(rows(200, 3))
    answer = side("yes,0.9\n", mode="OUTPUT")
    bad = [
        b"not json",
        b'{"captureData":',
        record(side("{", "JSON", "application/json"), answer, "x1", START),
        record(side("!!", "BASE64"), answer, "x2", START),
        record(side("1,2\n"), answer, "x3", START),
        record(None, answer, "x4", START),
        {"captureData": {}, "eventMetadata": {"eventId": "x5", "inferenceTime": "once"}},
        b'{"captureData":{},"eventMetadata":{"eventId":"x6","inferenceTime":"\xff"}}',
    ]
    found = window([*bad, *good], files)
    assert (found.summary.status, found.summary.records) == ("ok", 200)
    assert found.summary.broken.count == len(bad)
    assert [each.split(": ")[0] for each in found.summary.broken.examples] == [
        f"capture/one.jsonl:{k}" for k in range(1, 6)
    ]


def test_another_windows_losses_are_not_ours(files):
    """A file of the hour before may be looked into; what is broken in it was told by that hour's window."""
    before = captured(rows(50, 3), start=START - timedelta(hours=1))
    assert window([b"not json", *before], files).summary.status == "empty"
    timeless = {"captureData": {}, "eventMetadata": {"eventId": "x", "inferenceTime": "once"}}
    assert window([b"not json", timeless], files).summary.broken.count == 2


def test_a_rollouts_own_request_is_nobodys_traffic(files):
    """The smoke test of a new version is captured like any request, and left out."""
    own = captured(rows(5, 9), batch=5)
    for each in own:
        each["eventMetadata"]["inferenceId"] = "perennial-smoke-test"
    assert window(own, files).summary.status == "empty"
    assert window([*own, *captured(rows(200, 3))], files).summary.records == 200


def test_a_request_without_an_answer_is_a_request(files):
    """Rows whose answer is missing or unreadable count as input, and the missing answers show."""
    found = captured(rows(200, 3))
    for each in found[:100:2]:
        del each["captureData"]["endpointOutput"]
    for each in found[1:100:2]:
        each["captureData"]["endpointOutput"]["data"] = "a,b\nc,d\n"
    analysis = window(found, files)
    assert analysis.summary.records == 200
    assert analysis.summary.broken.count == 50
    assert violated(analysis) == {
        ("endpointOutput_predicted_label", "missing"),
        ("endpointOutput_score", "missing"),
    }


def test_answers_that_were_not_captured_break_nothing(files):
    """A capture of inputs alone is analysed as such."""
    found = captured(rows(200, 3), form="objects")
    for each in found:
        del each["captureData"]["endpointOutput"]
    assert window(found, files).summary.status == "ok"


def test_only_the_window_counts(files):
    """Records before the start, and from the end on, are another window's."""
    inside = captured(rows(200, 3))
    before, after = (
        captured(rows(200, 3, shift=3), start=time) for time in (START - timedelta(hours=1), END)
    )
    found = window([*before, *inside, *after], files)
    assert (found.summary.status, found.summary.requests, found.summary.records) == ("ok", 200, 200)


@pytest.mark.parametrize(
    ("size", "kept", "status", "words"),
    [
        (0, "all", "empty", "No request to perennial-loans"),
        (0, "none", "empty", "No request to perennial-loans"),
        (30, "all", "too_few", "30 rows in this window; at least 100 are needed"),
        (200, "none", "no_baseline", "no data quality baseline"),
        (200, "garbage", "no_baseline", "no data quality baseline"),
    ],
)
def test_what_cannot_be_judged_is_said(size, kept, status, words, files):
    """Without traffic, with too little, or without a baseline there is a full analysis that says so."""
    known = {"all": files, "none": {}, "garbage": {"statistics.json": b"[", "constraints.json": b"{}"}}[kept]
    found = window(captured(rows(size, 3, shift=3)), known)
    assert found.summary.status == status
    assert words in found.summary.reason
    assert msgspec.json.decode(found.files["constraint_violations.json"]) == {"violations": []}
    # No violations of what nobody judged: a zero would clear an alarm.
    assert {each.name: each.value for each in found.datapoints} == {"records": size}
    assert b"<!doctype html>" in found.files["report.html"]


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, "violations"),
        ({"drift": "robust"}, "violations"),
        ({"drift": "simple"}, "violations"),
        ({"drift": 0.3}, "ok"),
        ({"exclude": ["income", "endpointOutput_score", "endpointOutput_predicted_label"]}, "ok"),
    ],
)
def test_the_settings_of_drift(settings, status, files):
    """`drift` names the method or a threshold of Model Monitor's, and `exclude` what is not looked at."""
    found = window(captured(rows(1000, 5, shift=0.6)), files, **settings)
    assert found.summary.status == status
    method = msgspec.json.decode(found.files["constraints.json"])["monitoring_config"][
        "distribution_constraints"
    ]
    assert method["comparison_method"] == {"robust": "Robust", "simple": "Simple", 0.3: "Robust"}.get(
        settings.get("drift"), "Calibrated"
    )
    names = {each.name for each in found.summary.features}
    assert names.isdisjoint(settings.get("exclude", ()))


@pytest.mark.parametrize(("max_missing", "expected"), [(0.1, set()), (0.0, {("income", "missing")})])
def test_missing_values_are_allowed_up_to_their_share(max_missing, expected, files):
    """A column may lack as many values as the settings allow, or as many as at training."""
    found = rows(1000, 3)
    holes = found.with_column(
        "income", [None if k % 12 == 0 else v for k, v in enumerate(found.inputs["income"])]
    )
    assert violated(window(captured(holes), files, max_missing=max_missing)) == expected


def test_datapoints_have_the_names_that_alarms_use(files):
    """Aggregates always; a metric for each feature only where it is asked for."""
    found = window(captured(rows(300, 3)), files, per_feature_metrics=True)
    assert {each.namespace for each in found.datapoints} == {"aws/sagemaker/Endpoints/data-metrics"}
    assert {each.timestamp for each in found.datapoints} == {END}
    expected = {"Endpoint": "perennial-loans", "MonitoringSchedule": "perennial-loans-data-quality"}
    assert all(each.dimensions == expected for each in found.datapoints)
    names = {each.name for each in found.datapoints}
    assert {"records", "violations", "drifted_features", "feature_baseline_drift_income"} <= names
    assert {"feature_non_null_region", "feature_data_income"} <= names


def test_the_summary_has_what_readers_expect(files):
    """summary.json is the contract with alarms, messages and people."""
    found = json.loads(window(captured(rows(300, 5, shift=1)), files).files["summary.json"])
    assert found["window"] == {"start": "2026-11-23T04:00:00Z", "end": "2026-11-23T05:00:00Z"}
    assert (found["version"], found["model_version"], found["dataset_version"]) == (1, 3, "0123456789ab")
    assert {each["name"] for each in found["features"]} == {
        *FEATURES,
        "endpointOutput_score",
        "endpointOutput_predicted_label",
    }
    income = next(each for each in found["features"] if each["name"] == "income")
    assert set(income) == {"name", "type", "effect", "threshold", "tripped", "baseline", "current", "missing"}
    assert income["tripped"]
    assert income["effect"] > income["threshold"]
    assert (found["label_coverage"], found["quality"], found["estimate"], found["bias"]) == (None,) * 4
    assert "report.html" in found["files"]


def test_positions_follow_the_features_of_the_request(files):
    """Rows without names are named by the order of the request's features, whatever that of training was."""
    found = rows(300, 3)
    turned = found.__class__(dict(reversed(found.inputs.items())), found.labels, found.scores)
    asked = replace(request("data_quality"), features=tuple(reversed(FEATURES)))
    analysis = analyze(asked, files, [source(captured(turned))], [])
    assert analysis.summary.status == "ok"


def test_the_baseline_knows_its_own_holdout():
    """Without a holdout there are the inputs' files only; the classes' names are those of the schema."""
    made = baseline_of(rows(500, 1), rows(200, 2))
    names = [each["name"] for each in json.loads(made["statistics.json"])["features"]]
    assert names == ["endpointOutput_predicted_label", "endpointOutput_score", *FEATURES]
    domains = {
        each["name"]: each.get("string_constraints")
        for each in json.loads(made["constraints.json"])["features"]
    }
    assert domains["endpointOutput_predicted_label"] == {"domains": list(CLASSES)}
