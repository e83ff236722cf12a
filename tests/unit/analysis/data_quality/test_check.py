"""Checks: six kinds of violation, Model Monitor's methods to the last bit, and the calibrated default."""

import json
import re

import numpy as np
import pytest

from perennial_analysis.check import check, write_comparisons, write_violations
from perennial_analysis.columns import numbers, texts
from perennial_analysis.constraints import Monitoring, read_constraints, suggest, write_constraints
from perennial_analysis.distances import chi_squared, l_infinity, robust, simple
from perennial_analysis.statistics import profile
from perennial_analysis.statistics_file import read_statistics, write_statistics

AWS = Monitoring()
PARSED = re.compile(r"distance: (.+) exceeds threshold: (.+)")  # AWS's drift-detection samples


def table(size=2000, seed=0, shift=0.0, towns="abcd", gone=0.0):
    chance = np.random.default_rng(seed)
    price = chance.normal(10 + shift, 3, size)
    price[chance.random(size) < gone] = np.nan
    return {
        "price": numbers("price", price),
        "rooms": numbers("rooms", chance.poisson(3, size), "Integral"),
        "town": texts("town", chance.choice(list(towns), size)),
    }


def examine(given, baseline, monitoring=None, **changes):
    """The report on a table, after all three files went through their format."""
    before = read_statistics(write_statistics(profile(baseline)))
    constraints = suggest(before) if monitoring is None else suggest(before, monitoring)
    document = json.loads(write_constraints(constraints))
    document["features"] = [each | changes.get(each["name"], {}) for each in document["features"]]
    after = read_statistics(write_statistics(profile(given, before)))
    return check(after, read_constraints(json.dumps(document).encode()), before)


def found(report):
    return [(each.feature, each.check) for each in report.violations]


@pytest.mark.parametrize("monitoring", [None, AWS])
def test_a_baseline_meets_its_own_constraints(monitoring):
    """Nothing is wrong with the data that the constraints came from, by either method."""
    given = table(gone=0.05)
    report = examine(given, given, monitoring)
    assert [] == found(report)
    assert b'{"violations":[]}' == write_violations(report)


@pytest.mark.parametrize("monitoring", [None, AWS])
def test_all_six_kinds_are_told(monitoring):
    """A column gone, one new, a type changed, values missing, unseen and moved: each by its name."""
    before = table() | {"gone": numbers("gone", np.arange(2000.0)), "tax": numbers("tax", np.arange(2000.0))}
    after = table(shift=6, towns="abcx", gone=0.5, seed=1)
    after["rooms"] = texts("rooms", ["2", "3", "n/k", "3.5"] * 500)
    after["tax"] = numbers("tax", np.arange(2000.0))
    after["new"] = numbers("new", np.arange(2000.0))
    report = examine(after, before, monitoring)
    assert {
        ("price", "completeness_check"),
        ("price", "baseline_drift_check"),
        ("rooms", "data_type_check"),
        ("town", "categorical_values_check"),
        ("town", "baseline_drift_check"),
        ("gone", "missing_column_check"),
        ("new", "extra_column_check"),
    } == set(found(report)) - {("rooms", "baseline_drift_check")}
    told = {(each.feature, each.check): each.description for each in report.violations}
    assert (
        "Data type match requirement is not met. Expected data type: Integral, Expected match: 100.0%. "
        "Observed: Only 50.0% of data is Integral."
    ) == told["rooms", "data_type_check"]
    assert "'x'" in told["town", "categorical_values_check"]
    parsed = PARSED.search(told["price", "baseline_drift_check"])
    assert float(parsed[1]) > float(parsed[2])
    document = json.loads(write_violations(report))
    assert {"feature_name", "constraint_check_type", "description"} == set(document["violations"][0])


def test_an_empty_window_is_an_empty_report():
    """Without rows nothing is violated, and the report says how many rows there were."""
    report = examine({}, table())
    assert (0, (), {}) == (report.rows, report.violations, report.comparisons)


@pytest.mark.parametrize(
    ("method", "correction"),
    [("Simple", lambda distance, n, m: distance), ("Robust", robust)],
)
def test_numbers_are_compared_as_deequ_does(method, correction):
    """The distance told is Deequ's of the two sketches, and only what exceeds the threshold is told."""
    before, after = table(seed=1), table(seed=2, shift=1.5)
    sketches = [profile(each).features["price"].numbers.sketch for each in (after, before)]
    distance = correction(simple(*sketches), 2000, 2000)
    just_under = float(np.nextafter(distance, 0))
    for threshold, expected in ((distance, []), (just_under, [("price", "baseline_drift_check")])):
        monitoring = Monitoring(
            comparison_method=method, comparison_threshold=threshold, categorical_comparison_threshold=1.0
        )
        report = examine(after, before, monitoring)
        assert expected == found(report)
    told = report.violations[0].description
    assert f"Baseline drift distance: {distance} exceeds threshold: {just_under}" == told


@pytest.mark.parametrize(
    ("drift", "method"), [("LInfinity", "Simple"), ("LInfinity", "Robust"), ("ChiSquared", "Robust")]
)
def test_categories_are_compared_as_deequ_does(drift, method):
    """Shares by the largest difference, corrected if robust; or by the p-value of Deequ's chi-squared."""
    before, after = {"a": 500, "b": 400, "c": 100}, {"a": 150, "b": 40, "c": 10}
    given = [
        {"s": texts("s", [word for word, count in each.items() for _ in range(count)])}
        for each in (after, before)
    ]
    if drift == "ChiSquared":
        distance = chi_squared(after, before).p_value
        limits = {np.nextafter(distance, 1): 1, distance: 0}
    else:
        distance = l_infinity(after, before)
        distance = robust(distance, 200, 1000) if method == "Robust" else distance
        limits = {distance: 0, np.nextafter(distance, 0): 1}
    for threshold, expected in limits.items():
        monitoring = Monitoring(
            comparison_method=method,
            categorical_drift_method=drift,
            categorical_comparison_threshold=float(threshold),
        )
        report = examine(*given, monitoring)
        assert expected == len(report.violations)


@pytest.mark.parametrize("place", ["monitoringConfigOverrides", "string_constraints"])
def test_a_feature_may_be_left_alone(place):
    """Overrides in either place silence one feature and no other."""
    own = {"evaluate_constraints": "Disabled"}
    change = {place: own if place == "monitoringConfigOverrides" else {"monitoring_config_overrides": own}}
    report = examine(table(shift=9, towns="xyz"), table(), price=change)
    assert {"town"} == {feature for feature, _ in found(report)}
    assert report.comparisons["price"].psi > 1


def test_model_monitor_takes_shares_as_they_are():
    """By AWS's methods one value too few is a violation; the calibrated default allows for chance."""
    before = table(gone=0.02)
    after = table(gone=0.025, seed=5)
    after["rooms"] = texts("rooms", ["3"] * 1995 + ["x"] * 5)
    after["town"] = texts("town", ["a", "b", "c", "d"] * 499 + ["z"] * 4)
    monitoring = Monitoring(comparison_threshold=1.0)
    assert {"price", "rooms", "town"} == {feature for feature, _ in found(examine(after, before, monitoring))}
    lenient = Monitoring(comparison_threshold=1.0, datatype_check_threshold=0.9, domain_content_threshold=0.9)
    assert [("price", "completeness_check")] == found(examine(after, before, lenient))
    calibrated = [each for each in found(examine(after, before)) if each[0] != "rooms"]
    assert [] == calibrated


def test_a_completeness_that_somebody_wrote_counts():
    """A constraint other than the baseline's own share is taken at its word, with slack for chance."""
    report = examine(table(gone=0.3, seed=3), table(gone=0.3), price={"completeness": 0.9})
    assert [("price", "completeness_check")] == found(report)
    assert [] == found(examine(table(gone=0.3, seed=3), table(gone=0.3), price={"completeness": 0.7}))


def test_whole_floats_are_integers_to_the_calibrated_rule_only():
    """3.0 in an integer column is the best known false alarm: Model Monitor's method keeps it, ours does not."""
    before = {"n": numbers("n", np.arange(500) % 9, "Integral")}
    after = {"n": numbers("n", np.arange(500) % 9, "Fractional")}
    assert [] == found(examine(after, before))
    assert [("n", "data_type_check")] == found(examine(after, before, AWS))
    broken = {"n": numbers("n", np.arange(500) % 9 + 0.5, "Fractional")}
    assert ("n", "data_type_check") in found(examine(broken, before))


def test_integers_are_fractional_numbers_and_everything_is_text():
    """A window of whole numbers is no change of type, and codes that look like numbers stay codes."""
    before = {"x": numbers("x", [0.0, 0.5, 1.0, 2.0] * 100), "code": texts("code", ["1", "2"] * 200)}
    after = {
        "x": numbers("x", [0, 1, 1, 2] * 100, "Integral"),
        "code": numbers("code", [1, 2] * 200, "Integral"),
    }
    assert [] == [each for each in found(examine(after, before, AWS)) if each[1] != "baseline_drift_check"]
    assert [] == [each for each in found(examine(after, before)) if each[0] == "code"]


def test_a_sentinel_and_a_default_are_named():
    """Values beyond the baseline's range, and one value grown frequent, are told as what they are."""
    chance = np.random.default_rng(4)
    before = {"x": numbers("x", chance.normal(size=20_000))}
    values = chance.normal(size=400)
    sentinel, filled = values.copy(), values.copy()
    sentinel[:20] = -999
    filled[:80] = 0.25
    told = examine({"x": numbers("x", sentinel)}, before).violations[0].description
    assert re.match(r"5\.00% of values lie outside the baseline's range of -\S+ to \S+\. Base", told)
    told = examine({"x": numbers("x", filled)}, before).violations[0].description
    assert "he share of the value 0.25 rose from 0.00% to 20.00%." in told
    assert PARSED.search(told)


def test_too_many_new_values_are_new_even_when_not_listed():
    """Categories that turn into identifiers are unseen values, though nobody lists them."""
    after = {"town": texts("town", map(str, range(2000)))}
    before = {"town": table()["town"]}
    assert ("town", "categorical_values_check") in found(examine(after, before))


def test_effect_sizes_are_always_there():
    """The sidecar has them for every feature that both sides have, moved or not; undefined ones are null."""
    before = table() | {"fixed": numbers("fixed", [1.0] * 2000), "void": numbers("void", [None] * 2000)}
    after = table(seed=9, shift=3) | {
        "fixed": numbers("fixed", [1.0] * 2000),
        "void": numbers("void", [1.0] * 2000),
    }
    report = examine(after, before)
    document = json.loads(write_comparisons(report))
    sizes = {each["name"]: each for each in document["features"]}
    assert ["price", "rooms", "town", "fixed", "void"] == list(sizes)
    assert sizes["price"]["wasserstein"] == pytest.approx(1.0, abs=0.1)
    assert sizes["price"]["l_infinity"] == pytest.approx(0.383, abs=0.04)
    assert sizes["price"]["psi"] == pytest.approx(1.0, abs=0.25)
    assert sizes["price"]["findings"]
    assert not sizes["rooms"]["findings"]
    assert sizes["rooms"]["psi"] < 0.02
    assert (None, 0.0, []) == (
        sizes["fixed"]["wasserstein"],
        sizes["fixed"]["l_infinity"],
        sizes["fixed"]["findings"],
    )
    assert (None, 1.0) == (sizes["void"]["psi"], sizes["void"]["completeness"])


def test_without_a_baseline_only_constraints_count():
    """Constraints alone tell of types, missing values and domains; of drift they tell nothing."""
    constraints = suggest(profile(table()))
    report = check(profile(table(shift=9, gone=0.5, towns="xyz")), constraints)
    assert [("price", "completeness_check"), ("town", "categorical_values_check")] == found(report)
