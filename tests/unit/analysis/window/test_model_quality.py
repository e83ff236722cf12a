"""The model quality monitor: labels joined when they come, an estimate until then."""

from dataclasses import replace

import msgspec
import pytest
from loans import START, captured, labelled, record, request, rows, side, source, table

from perennial_analysis.columns import numbers
from perennial_analysis.window import Holdout, Request, analyze, baseline


def window(records, labels, files, **settings):
    sources = [source(labels, "labels/one.jsonl")] if labels else []
    return analyze(request("model_quality", **settings), files, [source(records)], sources)


@pytest.mark.parametrize("seed", range(3, 9))
@pytest.mark.parametrize("size", [150, 1500])
def test_the_same_quality_is_quiet(size, seed, files):
    """A window whose labels follow the scores as at training violates nothing."""
    found = rows(size, seed)
    analysis = window(captured(found), labelled(found), files)
    assert analysis.summary.status == "ok"
    assert analysis.summary.label_coverage == 1.0


def test_lost_quality_is_found_and_its_line_told(files):
    """Labels that no longer follow the scores trip the metrics, the first of them in the reason."""
    analysis = window(captured(rows(1500, 4)), labelled(rows(1500, 4, noise=0.7)), files)
    auc = analysis.summary.quality["auc"]
    assert analysis.summary.status == "violations"
    assert auc.tripped
    assert auc.value < auc.threshold < auc.baseline
    assert auc.operator == "LessThanThreshold"
    assert analysis.summary.reason.startswith("auc is ")
    written = msgspec.json.decode(analysis.files["constraint_violations.json"])["violations"]
    assert {each["metric_name"] for each in written} == {each.feature for each in analysis.summary.violations}
    assert all(
        " was " in each["description"] and each["description"].startswith("Metric ") for each in written
    )


@pytest.mark.parametrize(
    ("settings", "tripped"),
    [
        ({"metric": "auc", "minimum": 0.95}, {"auc"}),
        ({"metric": "auc", "minimum": 0.6}, set()),
        ({"metric": "false_positive_rate", "maximum": 0.01}, {"false_positive_rate"}),
        ({"metric": "no_such", "minimum": 0.6}, set()),
    ],
)
def test_a_line_set_by_a_person_is_taken_at_its_word(settings, tripped, files):
    """`minimum` and `maximum` trip on the metric's own value, whatever training had."""
    found = rows(1500, 3)
    analysis = window(captured(found), labelled(found), files, **settings)
    assert {each.feature for each in analysis.summary.violations} == tripped
    assert ("no_such" in analysis.summary.reason) == (settings["metric"] == "no_such")


def test_a_line_needs_no_baseline():
    """Without a baseline the line alone is judged; without that either, nothing is."""
    found = rows(500, 3)
    judged = window(captured(found), labelled(found), {}, metric="auc", minimum=0.95)
    assert judged.summary.status == "violations"
    assert window(captured(found), labelled(found), {}).summary.status == "no_baseline"


@pytest.mark.parametrize(("share", "status"), [(0.0, "too_few"), (0.1, "too_few"), (0.5, "ok"), (1.0, "ok")])
def test_until_labels_come_there_is_an_estimate(share, status, files):
    """Coverage is told whatever it is; with too few labels the metrics are estimated from the scores alone."""
    found = rows(600, 3)
    analysis = window(captured(found), labelled(found, share=share), files)
    summary, metrics = analysis.summary, {each.name: each.value for each in analysis.datapoints}
    assert (summary.status, summary.label_coverage) == (status, share)
    assert (summary.labels.joined, summary.labels.missing) == (int(600 * share), 600 - int(600 * share))
    assert metrics["label_coverage"] == share
    assert ("auc" in metrics) == (status == "ok")
    auc = summary.estimate["auc"]
    assert auc.low < auc.value < auc.high
    assert auc.low < auc.baseline < auc.high
    assert msgspec.json.decode(analysis.files["estimate.json"])["estimate"] is True
    assert ("Estimated from scores alone: auc" in summary.reason) == (status == "too_few")


def test_late_labels_change_what_is_said(files):
    """The same window analysed again after its labels came has metrics in place of a wait."""
    found = rows(600, 3, noise=0.9)
    early, late = (window(captured(rows(600, 3)), labels, files) for labels in ([], labelled(found)))
    assert (early.summary.status, late.summary.status) == ("too_few", "violations")


def test_labels_that_came_too_late_are_counted_when_the_window_is_analysed_again(files):
    """Collected after they were due they are joined all the same, and told; of two for one record the later counts."""
    found = rows(600, 3)
    labels = labelled(found)
    wrong = [{**each, "groundTruthData": {"data": "maybe", "encoding": "CSV"}} for each in labels[:50]]
    files_of_labels = [
        source(wrong, "2026/11/23/04/z.jsonl"),
        source(labels[:400], "2026/11/23/05/a.jsonl"),
        source(labels[400:], "2026/11/23/09/a.jsonl"),
    ]
    asked = request("model_quality", label_delay="2h")
    analysis = analyze(asked, files, [source(captured(found))], files_of_labels)
    told = analysis.summary.labels
    assert (told.joined, told.missing, told.late) == (600, 0, 200)
    assert msgspec.json.decode(analysis.files["labels.json"])["late"] == 200
    assert b"200 came later than they were due" in analysis.files["report.html"]


@pytest.mark.parametrize("batch", [1, 7])
def test_labels_are_joined_by_inference_id_or_event_id(batch, files):
    """A label belongs to the record whose inference id it names, else to that of its event id, one for each row."""
    found = rows(700, 3)
    records, labels = captured(found, batch=batch), labelled(found, batch=batch)
    for k, (each, label) in enumerate(zip(records, labels, strict=True)):
        if k % 2:
            each["eventMetadata"]["inferenceId"] = f"order-{k}"
            label["eventMetadata"] = {"eventId": f"order-{k}"}
    stray = labelled(rows(5, 3), seed="elsewhere")
    analysis = window(records, [*labels, *stray], files)
    assert analysis.summary.labels.joined == 700
    assert analysis.summary.labels.unmatched == 5


def test_broken_labels_are_counted(files):
    """Label lines that cannot be read are told with their file; labels that are no class leave a row unlabelled."""
    found = rows(300, 3)
    labels = labelled(found)
    labels[0]["groundTruthData"]["data"] = "perhaps"
    analysis = window(captured(found), [b"{", *labels], files)
    assert analysis.summary.status == "ok"
    assert analysis.summary.labels.joined == 299
    assert analysis.summary.broken.count == 1
    assert analysis.summary.broken.examples[0].startswith("labels/one.jsonl: ")


@pytest.mark.parametrize("form", ["csv", "header", "objects", "json lines", "base64", "scores"])
def test_answers_are_read_whatever_their_form(form, files):
    """A score alone tells the label, too; inputs that cannot be read do not matter here."""
    found = rows(400, 3)
    records = captured(found, form=form, batch=4)
    for each in records:
        each["captureData"]["endpointInput"]["data"] = "\x00"
    plain = window(captured(found), labelled(found), files).summary
    assert window(records, labelled(found, batch=4), files).summary.quality == plain.quality


def test_no_traffic_is_an_empty_window(files):
    """Nothing captured is said, and told as a number."""
    analysis = window([], labelled(rows(10, 3)), files)
    assert analysis.summary.status == "empty"
    assert {each.name: each.value for each in analysis.datapoints} == {"records": 0.0}


@pytest.mark.parametrize(("share", "known"), [(0.1, True), (1.0, False)])
def test_what_was_not_judged_has_no_metric_but_its_coverage(share, known, files):
    """With too few labels, or without a baseline, nobody says that nothing is violated: only how many labels came."""
    analysis = window(captured(rows(500, 3)), labelled(rows(500, 3), share=share), files if known else {})
    assert analysis.summary.status == ("too_few" if known else "no_baseline")
    assert {each.name: each.value for each in analysis.datapoints} == {
        "records": 500,
        "label_coverage": share,
    }


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("classes", [("0.0", "1.0"), ("2.5", "10.0"), ("False", "True"), ("01", "02")])
def test_classes_may_be_called_like_numbers(classes, quoted, files):
    """A class that pandas wrote as 1.0 is the baseline's 1, in quoted lines as well: neither drift nor lost answers."""
    names = dict(zip(("no", "yes"), classes, strict=True))
    renamed = [
        replace(each, labels=[names[label] for label in each.labels])
        for each in (rows(3000, 2), rows(900, 3))
    ]
    known, current = renamed
    made = baseline(
        table(known),
        Holdout(known.labels, [names[each] for each in known.predicted], known.scores),
        problem="binary_classification",
        target="granted",
        classes=classes,
    )
    records = captured(current)
    for each in records:
        given, answer = each["captureData"]["endpointInput"], each["captureData"]["endpointOutput"]
        if quoted:
            cells = given["data"].strip().split(",")
            given["data"] = ",".join([*cells[:2], f'"{cells[2]}"', *cells[3:]]) + "\n"
        label, _, score = answer["data"].partition(",")
        answer["data"] = f"{names[label]},{score}"
    labels = labelled(current)
    for monitor in ("data_quality", "model_quality"):
        asked = Request(**{**request(monitor).__dict__, "classes": classes})
        found = analyze(asked, made, [source(records)], [source(labels, "labels/one.jsonl")]).summary
        assert (found.status, found.violations) == ("ok", ()), found.reason


def other(problem: str, classes: tuple[str, ...]) -> Request:
    found = request("model_quality")
    return Request(**{**found.__dict__, "problem": problem, "classes": classes})


@pytest.mark.parametrize(("noise", "status"), [(0.1, "ok"), (3.0, "violations")])
def test_a_regression_is_judged_by_its_errors(noise, status):
    """Predicted numbers are compared with the numbers that came; text among them is left out."""
    truth = [float(k % 17) for k in range(500)]
    made = baseline(
        {"a": numbers("a", truth)},
        Holdout(truth, None, [value + 0.1 * (-1) ** k for k, value in enumerate(truth)]),
        problem="regression",
        target="price",
    )
    records = [
        record(side("1\n"), side(f"{value + noise * (-1) ** k}\n", mode="OUTPUT"), f"e-{k:06}", START)
        for k, value in enumerate(truth)
    ]
    labels = [
        {
            "groundTruthData": {"data": str(value), "encoding": "CSV"},
            "eventMetadata": {"eventId": f"e-{k:06}"},
        }
        for k, value in enumerate(["unknown", *truth[1:]])
    ]
    analysis = analyze(other("regression", ()), made, [source(records)], [source(labels)])
    assert analysis.summary.status == status
    assert analysis.summary.labels.joined == 499
    assert analysis.summary.quality["rmse"].value == pytest.approx(noise, rel=0.01)
    assert analysis.summary.quality["rmse"].operator == "GreaterThanThreshold"
    assert b"1 more metric<" in analysis.files["report.html"]


def test_more_than_two_classes():
    """A problem of three classes has weighted metrics and no estimate."""
    names = ("a", "b", "c")
    truth = [names[k % 3] for k in range(600)]
    called = [names[(k + (k % 5 == 0)) % 3] for k in range(600)]
    made = baseline(
        {"x": numbers("x", range(600))},
        Holdout(truth, called, [0.8] * 600),
        problem="multiclass_classification",
        target="kind",
        classes=names,
    )
    records = [
        record(
            side("1\n"),
            side(
                f'{{"predictions":[{{"predicted_label":"{each}","score":0.8,"probabilities":[0.1,0.8,0.1]}}]}}',
                "JSON",
                "application/json",
            ),
            f"e-{k:06}",
            START,
        )
        for k, each in enumerate(called)
    ]
    labels = [
        {"groundTruthData": {"data": each, "encoding": "CSV"}, "eventMetadata": {"eventId": f"e-{k:06}"}}
        for k, each in enumerate(truth)
    ]
    analysis = analyze(other("multiclass_classification", names), made, [source(records)], [source(labels)])
    assert analysis.summary.status == "ok"
    assert analysis.summary.quality["accuracy"].value == 0.8
    assert analysis.summary.estimate is None


def test_metrics_go_to_their_namespace_by_their_names(files):
    """The quality metrics have AWS's names; those of a constant classifier are not published."""
    found = rows(500, 3)
    analysis = window(captured(found), labelled(found), files)
    names = {each.name for each in analysis.datapoints}
    assert {each.namespace for each in analysis.datapoints} == {"aws/sagemaker/Endpoints/model-metrics"}
    assert {"records", "violations", "label_coverage", "auc", "accuracy", "f1", "true_positive_rate"} <= names
    assert not [name for name in names if "constant" in name]
