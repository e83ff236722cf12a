"""What training leaves for monitoring: the analysis library's baseline of the rows that the model learned from."""

import json
from pathlib import Path

import numpy as np
import pytest
from container_jobs import LOANS, Job, loan_rows, make_job, schema

from perennial_analysis.check import check
from perennial_analysis.columns import Table, numbers, texts
from perennial_analysis.constraints import read_constraints
from perennial_analysis.statistics import Statistics, profile
from perennial_analysis.statistics_file import read_statistics

INPUTS = {"statistics.json", "constraints.json"}
QUALITY = {"model_quality_statistics.json", "model_quality_constraints.json", "errors.json"}


def baseline(job: Job) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (job.base / "output/data/baseline").iterdir()}


def statistics(job: Job) -> Statistics:
    return read_statistics(baseline(job)["statistics.json"])


def trained(folder: Path, document: dict, rows: list[dict], **settings: str) -> Job:
    job = make_job(folder, document, {"p.csv": rows}, **settings)
    assert job.run() == 0
    return job


def test_files_of_a_binary_model(loans: Job):
    """A binary model with a facet leaves every file of a baseline, and says so in its log."""
    files = baseline(loans)
    assert set(files) == INPUTS | QUALITY | {"calibration.json", "bias_analysis.json"}
    assert "wrote a baseline for monitoring: " in (loans.base / "log").read_text()
    quality = json.loads(files["model_quality_statistics.json"])["binary_classification_metrics"]
    for ours, aws in (("auc", "auc"), ("accuracy", "accuracy"), ("f1", "f1")):
        assert quality[aws]["value"] == pytest.approx(loans.evaluation["metrics"][ours])


def test_inputs_are_those_of_training(loans: Job):
    """The baseline has every training row under the data's own names, with its gaps, and the model's answers."""
    found = statistics(loans)
    rows = loans.evaluation["rows"]
    assert found.rows == rows["training"]
    assert list(found.features) == [
        "endpointOutput_predicted_label", "endpointOutput_score", "ratio", "score", "group", "first",
    ]  # fmt: skip
    assert found.features["ratio"].rows == rows["training"]
    assert found.features["endpointOutput_score"].rows == rows["holdout"]
    assert 0.05 < 1 - found.features["ratio"].completeness < 0.15
    assert found.features["score"].kind == "Integral"
    assert set(found.features["group"].words.counts) == {"a", "b, c", 'd"e'}
    assert set(found.features["first"].words.counts) == {"False", "True"}


def loans_table(rows: list[dict]) -> Table:
    return {
        "ratio": numbers("ratio", [None if row["ratio"] == "NA" else row["ratio"] for row in rows]),
        "score": numbers("score", [row["score"] for row in rows], "Integral"),
        "group": texts("group", [row["group"] or None for row in rows]),
        "first": texts("first", [str(row["first"]) for row in rows]),
    }


@pytest.mark.parametrize(
    ("shift", "found"),
    [
        pytest.param(0.0, set(), id="the same people"),
        pytest.param(1.0, {"baseline_drift_check"}, id="others"),
    ],
)
def test_traffic_against_the_baseline(loans: Job, shift: float, found: set[str]):
    """Traffic from where the training data came from violates nothing; traffic from elsewhere does."""
    table = loans_table(loan_rows(2000, seed=2))
    table["ratio"].values[:] += shift
    known = read_constraints(baseline(loans)["constraints.json"])
    violations = check(profile(table, statistics(loans)), known, statistics(loans)).violations
    watched = {each.check for each in violations if not each.feature.startswith("endpointOutput_")}
    assert watched == found


def test_numbers_are_not_rounded(tmp_path: Path):
    """The ends of a column are its own, though the model reads 32-bit floats: traffic at an end is not beyond it."""
    generator = np.random.default_rng(7)
    rows = [
        {"x": 0.1 + 0.8 * (n % 5), "id": 123_456_789 + 16 * (n % 7), "y": generator.normal()}
        for n in range(60)
    ]
    job = trained(tmp_path, schema("regression", "y", {"x": "float", "id": "int"}), rows)
    found = statistics(job).features
    assert (found["x"].numbers.minimum, found["x"].numbers.maximum) == (0.1, 0.1 + 0.8 * 4)
    assert (found["id"].numbers.minimum, found["id"].numbers.maximum) == (123_456_789, 123_456_885)


def test_rare_categories_are_known(tmp_path: Path):
    """A category that is too rare for the model to learn is still a value that the data had."""
    rows = [{**row, "group": f"g{number}"} for number, row in enumerate(loan_rows(600))]
    job = trained(tmp_path, LOANS, rows)
    assert statistics(job).features["group"].words.distinct == job.evaluation["rows"]["training"] > 254


@pytest.mark.parametrize(
    ("threshold", "privileged", "held", "compared"),
    [
        ("0.5", "0", "(-inf, 0.5]", ["(0.5, inf]"]),
        ("[-0.5, 0.5]", "-0.5", "(-inf, -0.5]", ["(-0.5, 0.5]", "(0.5, inf]"]),
    ],
)
def test_groups_of_a_numeric_facet(
    tmp_path: Path, threshold: str, privileged: str, held: str, compared: list[str]
):
    """Thresholds part a column of numbers with gaps, for the gate and for the baseline of later windows."""
    job = trained(
        tmp_path, LOANS, loan_rows(400), facet="ratio", facet_threshold=threshold, privileged=privileged
    )
    found = job.evaluation["bias"]
    assert found["privileged"] == held
    assert set(found["groups"]) == {held, *compared}
    assert sum(found["groups"].values()) < job.evaluation["rows"]["holdout"]
    facets = json.loads(baseline(job)["bias_analysis.json"])["post_training_bias_metrics"]["facets"]
    assert [each["value_or_threshold"] for each in facets["ratio"]] == compared
    [dppl] = [each["value"] for each in facets["ratio"][-1]["metrics"] if each["name"] == "DPPL"]
    assert abs(dppl) > 0.3, "high ratios are denied"


def test_files_of_a_regression(tmp_path: Path):
    """What a regression does not have (labels' probabilities, a facet) it leaves no file for."""
    generator = np.random.default_rng(4)
    rows = [{"x": x, "y": 3 * x} for x in generator.normal(size=200).round(4)]
    job = trained(tmp_path, schema("regression", "y", {"x": "float"}), rows)
    assert set(baseline(job)) == INPUTS | QUALITY
    assert "endpointOutput_predicted_label" not in statistics(job).features


def test_without_holdout(tmp_path: Path):
    """Without held-out rows the inputs are watched all the same."""
    job = trained(tmp_path, LOANS, loan_rows(100), holdout="0")
    assert set(baseline(job)) == INPUTS
    assert statistics(job).rows == 100


def test_classes_that_cannot_be_told_apart(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Where the model's quality cannot be measured as monitoring does, the inputs are watched all the same."""
    document = schema("binary_classification", "deny", {"ratio": "float"}, ["1", "1.0"])
    rows = [{"ratio": row["ratio"], "deny": {"no": "1", "yes": "1.0"}[row["deny"]]} for row in loan_rows(200)]
    job = trained(tmp_path, document, rows)
    assert set(baseline(job)) == INPUTS
    assert "the held-out rows give no baseline" in caplog.text


def test_same_data_same_baseline(tmp_path: Path):
    """The same data and settings give the same bytes."""
    rows = loan_rows(300)
    whole = trained(tmp_path / "whole", LOANS, rows)
    again = trained(tmp_path / "again", LOANS, rows)
    assert baseline(whole) == baseline(again)
