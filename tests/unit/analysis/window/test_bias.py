"""The bias monitor: groups beside the privileged one, with and without labels."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from loans import CLASSES, captured, labelled, request, rows, source, table

from perennial_analysis.bias.thresholds import by_threshold, group_of
from perennial_analysis.window import Holdout, analyze, baseline


def window(records, labels, files, **settings):
    sources = [source(labels, "labels/one.jsonl")] if labels else []
    return analyze(request("bias", **settings), files, [source(records)], sources)


@pytest.mark.parametrize("seed", range(3, 9))
@pytest.mark.parametrize("size", [150, 1500])
def test_the_same_treatment_is_quiet(size, seed, files):
    """A window that treats groups as the holdout of training did violates nothing."""
    found = rows(size, seed)
    assert window(captured(found), labelled(found), files).summary.status == "ok"


@pytest.mark.parametrize("form", ["csv", "header", "objects"])
@pytest.mark.parametrize("with_labels", [True, False])
def test_an_unfair_model_is_found_with_and_without_labels(with_labels, form, files):
    """Lower scores for one group show in its predictions; metrics that need labels are there once labels are."""
    found = rows(1500, 4, unfair=2.0)
    labels = labelled(found) if with_labels else []
    analysis = window(captured(found, form=form), labels, files)
    tripped = {(each.facet, each.group, each.metric) for each in analysis.summary.bias if each.tripped}
    assert {("sex", "f", "DPPL"), ("sex", "f", "DI")} <= tripped
    assert {each.kind for each in analysis.summary.violations} == {"bias"}
    assert ("AD" in {each.metric for each in analysis.summary.bias}) == with_labels
    dppl = next(each for each in analysis.summary.bias if each.metric == "DPPL")
    assert dppl.low < dppl.value < dppl.high
    assert dppl.baseline < dppl.low
    document = msgspec.json.decode(analysis.files["analysis.json"])
    assert ("pre_training_bias_metrics" in document) == with_labels
    assert document["post_training_bias_metrics"]["label"] == "granted"
    written = msgspec.json.decode(analysis.files["constraint_violations.json"])["violations"]
    assert {each["constraint_check_type"] for each in written} == {"bias_drift_check"}


def test_the_tolerance_is_what_is_allowed_beyond_training(files):
    """A wide tolerance allows what a narrow one does not."""
    found = captured(rows(1500, 4, unfair=2.0))
    assert window(found, [], files, tolerance=2.0).summary.status == "ok"
    assert window(found, [], files, tolerance=0.0).summary.status == "violations"


def test_only_the_metrics_asked_for_are_held(files):
    """What `metrics` does not name is in analysis.json, and trips nothing."""
    found = captured(rows(1500, 4, unfair=2.0))
    analysis = window(found, [], files, metrics=["AD"])
    assert (analysis.summary.status, analysis.summary.bias) == ("ok", ())


def test_a_small_group_is_said_to_be_too_small(files):
    """Too few rows of a group are no judgement, however unfair they look."""
    found = rows(400, 4, unfair=4.0)
    few = found.with_column("sex", ["f" if k < 12 else "m" for k in range(400)])
    analysis = window(captured(few), [], files)
    assert analysis.summary.status == "too_few"
    assert "Too small to judge: f." in analysis.summary.reason
    assert not analysis.summary.violations


@pytest.mark.parametrize("absent", ["f", "m"])
def test_a_group_without_rows_is_said_to_be_too_small(absent, files):
    """Who is not there cannot be judged, and neither can the others if the privileged group is not there."""
    there = {"f": "m", "m": "f"}[absent]
    found = rows(400, 4).with_column("sex", [there] * 400)
    analysis = window(captured(found), [], files)
    assert analysis.summary.status == "too_few"
    assert "Too small to judge: f." in analysis.summary.reason


def aged(size, seed, unfair=0.0, youngest=18):
    """Rows with an age; `unfair` lowers the scores of those above 60."""
    age = np.random.default_rng(seed).integers(youngest, 90, size)
    found = rows(size, seed).with_column("age", age.tolist())
    scores = np.array(found.scores)
    return replace(found, scores=np.where(age > 60, scores ** (1 + unfair), scores).tolist())


def of_age(found, thresholds, privileged, **more):
    """A window of these rows beside a baseline that was made with the same thresholds."""
    holdout = aged(2000, 2)
    training = table(aged(1000, 1))
    given = Holdout(
        holdout.labels, holdout.predicted, holdout.scores, by_threshold(holdout.inputs["age"], thresholds)
    )
    files = baseline(
        {name: training[name] for name in ("income", "region")},
        given,
        problem="binary_classification",
        target="granted",
        classes=CLASSES,
        facet="age",
        privileged=group_of(privileged, thresholds),
    )
    asked = request("bias", facet="age", facet_threshold=thresholds, privileged=privileged)
    asked = replace(asked, features=(*asked.features, "age"))
    return analyze(asked, files, [source(captured(found, **more))], [])


@pytest.mark.parametrize("form", ["csv", "objects"])
@pytest.mark.parametrize(
    ("thresholds", "privileged", "groups"),
    [
        ([60], "30", {"(60, inf]"}),
        ([60], "61", {"(-inf, 60]"}),
        ([30.5, 60], "45", {"(-inf, 30.5]", "(60, inf]"}),
    ],
)
def test_groups_of_a_numeric_facet(form, thresholds, privileged, groups):
    """Thresholds part the rows: the same treatment is quiet, and a group that is treated otherwise is told."""
    fair = of_age(aged(1500, 5), thresholds, privileged, form=form)
    assert fair.summary.status == "ok"
    assert {each.group for each in fair.summary.bias} == groups
    unfair = of_age(aged(1500, 5, unfair=3.0), thresholds, privileged, form=form)
    tripped = {each.group for each in unfair.summary.bias if each.tripped}
    assert tripped == {group for group in groups if group != "(-inf, 30.5]"}
    assert f"of the group {group_of(privileged, thresholds)}<" in unfair.files["report.html"].decode()


def test_a_threshold_that_parts_no_rows_is_no_judgement():
    """Where everyone is on one side, the other group is said to be too small."""
    analysis = of_age(aged(400, 5, youngest=61), [60], "70")
    assert analysis.summary.status == "too_few"
    assert "Too small to judge: (-inf, 60]." in analysis.summary.reason


@pytest.mark.parametrize(
    ("size", "known", "facet", "status"),
    [
        (0, True, "sex", "empty"),
        (40, True, "sex", "too_few"),
        (300, False, "sex", "no_baseline"),
        (300, True, "age", "too_few"),
    ],
)
def test_what_cannot_be_judged_is_said(size, known, facet, status, files):
    """Without traffic, with too little, without a baseline or without the facet nothing is judged."""
    analysis = window(captured(rows(size, 3, unfair=3.0)), [], files if known else {}, facet=facet)
    assert analysis.summary.status == status
    assert not analysis.summary.violations
    assert {each.name: each.value for each in analysis.datapoints}["records"] == size


def test_metrics_have_the_dimensions_of_clarify(files):
    """Clarify's metric names and seven dimensions, of the metrics asked for."""
    found = rows(500, 3)
    analysis = window(captured(found), labelled(found), files)
    metrics = {each.name: each for each in analysis.datapoints}
    assert set(metrics) == {"records", "violations", "bias_metric_AD", "bias_metric_DI", "bias_metric_DPPL"}
    assert metrics["bias_metric_DI"].namespace == "aws/sagemaker/Endpoints/bias-metrics"
    assert metrics["bias_metric_DI"].dimensions == {
        "Endpoint": "perennial-loans",
        "MonitoringSchedule": "perennial-loans-bias",
        "BiasStage": "Post-Training",
        "Label": "granted",
        "LabelValue": "yes",
        "Facet": "sex",
        "FacetValue": "f",
    }
