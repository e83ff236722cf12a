"""Constraints: suggested from a baseline, read in every spelling of AWS's, written back as they were."""

import json

import pytest

from perennial_analysis.columns import numbers, texts
from perennial_analysis.constraints import (
    CALIBRATED,
    Monitoring,
    UnreadableConstraints,
    read_constraints,
    suggest,
    write_constraints,
)
from perennial_analysis.statistics import profile

# From the tests of aws/sagemaker-python-sdk (Apache-2.0), one feature left out.
SDK_CONSTRAINTS = {
    "version": 0.0,
    "features": [
        {
            "name": "message",
            "inferred_type": "String",
            "completeness": 1.0,
            "string_constraints": {
                "domains": ["preproc-not-YET-supported-for-csv-json"],
                "monitoring_config_overrides": {
                    "evaluate_constraints": "Disabled",
                    "emit_metrics": "Enabled",
                },
            },
        }
    ],
    "monitoring_config": {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "distribution_constraints": {
            "enable_comparisons": True,
            "min_domain_mass": 0.9,
            "comparison_threshold": 1.0,
        },
    },
}


def read(features=(), **monitoring):
    document = {"version": 0.0, "features": list(features), "monitoring_config": monitoring}
    return read_constraints(json.dumps(document).encode())


def test_suggestions_have_model_monitors_shape():
    """Type, completeness, sign and domain of each feature, and the calibrated method."""
    baseline = profile(
        {
            "age": numbers("age", [1, 2, None, 4], "Integral"),
            "gain": numbers("gain", [-1.0, 2.0, 3.0, 4.0]),
            "town": texts("town", ["a", "a", "a", "a"]),
            "many": texts("many", ["w", "x", "y", "z"]),
        }
    )
    document = json.loads(write_constraints(suggest(baseline)))
    assert [
        {
            "name": "age",
            "inferred_type": "Integral",
            "completeness": 0.75,
            "num_constraints": {"is_non_negative": True},
        },
        {
            "name": "gain",
            "inferred_type": "Fractional",
            "completeness": 1.0,
            "num_constraints": {"is_non_negative": False},
        },
        {"name": "town", "inferred_type": "String", "completeness": 1.0},
        {"name": "many", "inferred_type": "String", "completeness": 1.0},
    ] == document["features"]
    town = profile({"town": texts("town", ["b", "a"] * 5)})
    assert {"domains": ["a", "b"]} == suggest(town).document["features"][0]["string_constraints"]
    assert {
        "evaluate_constraints": "Enabled",
        "emit_metrics": "Enabled",
        "datatype_check_threshold": 1.0,
        "domain_content_threshold": 1.0,
        "distribution_constraints": {
            "perform_comparison": "Enabled",
            "comparison_threshold": 0.02,
            "comparison_method": "Calibrated",
            "categorical_comparison_threshold": 0.02,
            "categorical_drift_method": "Calibrated",
            "significance_level": 0.01,
        },
    } == document["monitoring_config"]


@pytest.mark.parametrize(
    "monitoring", [CALIBRATED, Monitoring(comparison_method="Simple", emit_metrics=False)]
)
def test_what_is_suggested_reads_back(monitoring):
    """Writing and reading changes neither meaning nor bytes."""
    given = suggest(profile({"a": numbers("a", [1.0, 2.0])}), monitoring)
    found = read_constraints(write_constraints(given))
    assert found == given
    assert write_constraints(found) == write_constraints(given)


def test_the_sdks_sample_survives():
    """Names from before the release are understood; the file is written back as it was."""
    found = read_constraints(json.dumps(SDK_CONSTRAINTS).encode())
    assert SDK_CONSTRAINTS == json.loads(write_constraints(found))
    assert (True, 0.9, 1.0) == (
        found.monitoring.perform_comparison,
        found.monitoring.domain_content_threshold,
        found.monitoring.comparison_threshold,
    )
    assert found.monitoring.evaluate_constraints
    assert not found.features["message"].monitoring.evaluate_constraints


def test_what_is_not_said_is_model_monitors_default():
    """A bare file compares robustly at 0.1 and wants all values to match."""
    assert Monitoring() == read().monitoring
    assert ("Robust", "LInfinity", 0.1) == (
        Monitoring().comparison_method,
        Monitoring().categorical_drift_method,
        Monitoring().comparison_threshold,
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [("Simple", "Simple"), ("linf_simple", "Simple"), ("Robust", "Robust"), ("linf_robust", "Robust")],
)
def test_both_spellings_of_a_method(word, expected):
    """Documentation and files differ in the names of the methods."""
    assert expected == read(distribution_constraints={"comparison_method": word}).monitoring.comparison_method


@pytest.mark.parametrize("place", ["feature", "string_constraints", "num_constraints"])
@pytest.mark.parametrize("name", ["monitoringConfigOverrides", "monitoring_config_overrides"])
@pytest.mark.parametrize("nested", [True, False])
def test_overrides_stand_in_both_places(place, name, nested):
    """A feature's own settings win, wherever AWS's tools wrote them."""
    own = {"comparison_threshold": 0.5, "comparison_method": "linf_simple"}
    overrides = {name: {"distribution_constraints": own} if nested else own}
    feature = {"name": "a", "inferred_type": "String", "completeness": 1.0}
    feature |= overrides if place == "feature" else {place: overrides}
    found = read([feature], datatype_check_threshold=0.7).features["a"].monitoring
    assert (0.5, "Simple", 0.7) == (
        found.comparison_threshold,
        found.comparison_method,
        found.datatype_check_threshold,
    )


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"{",
        b"{}",
        b'{"features": [{"name": "a"}]}',
        b'{"features": [{"name": "a", "inferred_type": "Text"}]}',
        b'{"features": [], "monitoring_config": {"comparison_method": "Guess"}}',
    ],
)
def test_other_files_are_refused_in_words(data):
    """What is no constraints.json is said to be none; an unknown method is not guessed at."""
    with pytest.raises(UnreadableConstraints, match=r"not a constraints\.json"):
        read_constraints(data)
