"""Files that AWS's own tools wrote or ship (samples/SOURCES.md), read and written back by ours."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from perennial_analysis.bias import check as bias_check
from perennial_analysis.bias.groups import Facet, outcome
from perennial_analysis.bias.report import bias_report
from perennial_analysis.check import check, write_violations
from perennial_analysis.columns import texts
from perennial_analysis.constraints import read_constraints, write_constraints
from perennial_analysis.ground_truth import LabelFile, read_labels
from perennial_analysis.model_quality.statistics import binary_quality
from perennial_analysis.readers.capture import read_captures
from perennial_analysis.statistics import profile
from perennial_analysis.statistics_file import read_statistics, write_statistics

SAMPLES = Path(__file__).with_name("samples")


def sample(name):
    return json.loads((SAMPLES / name).read_text())


def names_and_types(document, place=""):
    """Every field of a document by its path, lists by their first item, with the type that JSON has for it."""
    if isinstance(document, dict):
        return {
            path: kind
            for key, value in document.items()
            for path, kind in names_and_types(value, f"{place}.{key}").items()
        }
    if isinstance(document, list):
        return names_and_types(document[0], f"{place}[]") if document else {}
    return {place: "number" if isinstance(document, int | float) else type(document).__name__}


def test_statistics_are_written_back_as_they_were():
    """Nothing is lost, and nothing added, between AWS's statistics.json and ours of it."""
    given = (SAMPLES / "sdk-statistics.json").read_bytes()
    assert json.loads(write_statistics(read_statistics(given))) == json.loads(given)


def test_constraints_are_written_back_as_they_were():
    """Names from before the service's release are understood, and outlive reading and writing."""
    given = (SAMPLES / "sdk-constraints.json").read_bytes()
    constraints = read_constraints(given)
    assert json.loads(write_constraints(constraints)) == json.loads(given)
    assert constraints.monitoring.comparison_threshold == 1.0
    assert constraints.features["message"].domain == ("preproc-not-YET-supported-for-csv-json",)


def test_a_window_is_checked_against_the_samples():
    """The message is missing its pair and says something else: the violations have the sample's fields."""
    constraints = read_constraints((SAMPLES / "sdk-constraints.json").read_bytes())
    baseline = read_statistics((SAMPLES / "sdk-statistics.json").read_bytes())
    report = check(profile({"message": texts("message", ["hello"] * 9)}, baseline), constraints, baseline)
    ours = json.loads(write_violations(report))
    assert {each["constraint_check_type"] for each in ours["violations"]} == {
        "missing_column_check",
        "categorical_values_check",
    }
    assert names_and_types(ours) == names_and_types(sample("sdk-constraint_violations.json"))


def test_captured_json_is_read():
    """A list of numbers beside a list of predictions is a row for each."""
    (table,) = read_captures([io.BytesIO((SAMPLES / "sdk-captured-data.jsonl").read_bytes())])
    assert [column.kind for column in table.values()] == ["Fractional"] * 2
    assert table["_c0"].values[:3].tolist() == [3.5, 4.0, 5.5]
    assert table["_c1"].values[:3].tolist() == [1.0, 2.0, 5.0]


def test_captured_csv_and_its_labels_are_read():
    """The sample's captures have seven features and a score; its labels name the same events."""
    captured = (SAMPLES / "sdk-capture-head.jsonl").read_text().replace("{%s}", "2026-01-01T10:00:00Z")
    labels = (SAMPLES / "sdk-actuals-head.jsonl").read_text().replace("{%s}", "2026-01-01T11:00:00Z")
    (table,) = read_captures([io.BytesIO(captured.encode())])
    assert [each[0] for each in (column.values.tolist() for column in table.values())] == [
        0.302709460258,
        *(9.0, 45.0, 45.0, 42.0, 7.0, 5.0, 0.0),
    ]
    truth = read_labels([LabelFile(labels.encode(), datetime(2026, 1, 1, 11, tzinfo=UTC))])
    assert not truth.problems
    events = {json.loads(line)["eventMetadata"]["eventId"] for line in captured.splitlines()}
    assert events == {json.loads(line)["eventMetadata"]["eventId"] for line in labels.splitlines()}


def test_model_quality_has_the_samples_fields():
    """Ours has every metric of AWS's file, in the same places and types."""
    given = sample("model-quality-binary-statistics.json")["binary_classification_metrics"]
    chance = np.random.default_rng(3)
    scores = chance.random(300)
    label = (chance.random(300) < scores).astype(int)
    ours = binary_quality(label, (scores > 0.5).astype(int), scores, classes=[0, 1]).document()
    assert set(given) <= set(ours["binary_classification_metrics"])
    for name, metric in given.items():
        assert set(metric) == set(ours["binary_classification_metrics"][name]), name


@pytest.fixture
def unfair():
    """A window of the sample's facet and label in which one group is given far less."""
    chance = np.random.default_rng(4)
    sex = chance.integers(0, 2, 4000)
    target = (chance.random(4000) < np.where(sex == 1, 0.8, 0.2)).astype(int)
    return bias_report(
        [Facet("Sex", sex, values=[0])],
        outcome("Target", target, values=[1]),
        target == 1,
        group_variable=chance.integers(0, 3, 4000),
    )


def test_bias_is_held_against_clarifys_own_file(unfair):
    """Clarify's analysis.json is a baseline for us, and what we find has the fields of what it found."""
    found = bias_check.check(unfair, sample("bias-analysis.json"))
    assert found["violations"]
    assert names_and_types(found) == names_and_types(sample("bias-constraint_violations.json"))


def test_bias_analysis_has_clarifys_fields(unfair):
    """Names, descriptions and values of metrics stand where Clarify has them."""
    ours, theirs = unfair.analysis(), sample("bias-analysis.json")
    shared = {stage: theirs[stage] for stage in theirs if stage in ours}
    assert names_and_types(shared).items() <= names_and_types(ours).items()
    described = {
        metric["name"]: metric["description"]
        for metric in ours["post_training_bias_metrics"]["facets"]["Sex"][0]["metrics"]
    }
    for metric in theirs["post_training_bias_metrics"]["facets"]["Sex"][0]["metrics"]:
        assert described[metric["name"]] == metric["description"]
