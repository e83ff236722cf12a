"""Distances are Deequ's, and tails are those of the tables."""

import math

import numpy as np
import pytest

from perennial_analysis.distances import chi_squared, l_infinity, psi, robust, simple, wasserstein
from perennial_analysis.sketch import EMPTY, from_levels, sketch_of_sorted
from perennial_analysis.statistics_tails import (
    binomial_sf,
    chi2_isf,
    chi2_sf,
    exceedance_sf,
    normal_isf,
    share_upper,
)

FIVE = {"a": 10, "b": 20, "c": 25, "d": 10, "e": 5}
NEAR = {"a": 11, "b": 20, "c": 25, "d": 10, "e": 10}
FAR = {"f": 11, "a": 20, "c": 25, "d": 10, "e": 10}


def test_simple_and_robust_are_those_of_deequs_tests():
    """1234 against 2345 is a quarter apart, which is nothing among four."""
    one, other = from_levels([[1, 2, 3, 4]]), from_levels([[2, 3, 4, 5]])
    assert 0.25 == simple(one, other)
    assert 0.0 == robust(0.25, 4, 4)


@pytest.mark.parametrize(("other", "expected"), [(NEAR, 0.06015037593984962), (FAR, 0.2857142857142857)])
def test_categories_are_those_of_deequs_tests(other, expected):
    """Shares are compared one by one, to the last bit."""
    assert expected == l_infinity(FIVE, other)
    assert 0.0 == robust(expected, 70, 76)


def test_levels_weigh_by_their_height():
    """An item of level two counts four times, and equal values count together."""
    one, other = from_levels([[1.0], [], [1.0, 3.0]]), from_levels([[1.0, 3.0, 3.0]])
    assert 5 / 9 - 1 / 3 == simple(one, other)


@pytest.mark.parametrize(("alpha", "c"), [(None, 1.8), (0.05, math.sqrt(-math.log(0.025) / 2))])
def test_robust_takes_off_knuths_bound(alpha, c):
    """The correction is c(alpha) times the root of 1/n + 1/m."""
    assert 0.5 - c * math.sqrt(3000 / 2_000_000) == robust(0.5, 1000, 2000, alpha)


@pytest.mark.parametrize(
    ("sample", "baseline", "statistic", "freedom"),
    [
        pytest.param({"a": 30, "b": 30, "c": 40}, {"a": 1, "b": 1, "c": 2}, 4.0, 2, id="scaled"),
        pytest.param({"a": 60, "b": 40, "new": 9}, {"a": 5, "b": 5}, 4.0, 1, id="unseen left out"),
    ],
)
def test_chi_squared_by_hand(sample, baseline, statistic, freedom):
    """Pearson's sum over the baseline's categories, its shares scaled to the sample."""
    found = chi_squared(sample, baseline)
    assert found.statistic == pytest.approx(statistic)
    assert found.p_value == pytest.approx(chi2_sf(statistic, freedom))


def test_chi_squared_merges_what_is_expected_too_seldom():
    """Two of four below five, then one of three: each time the smallest joins the next smallest."""
    found = chi_squared({"a": 50, "b": 45, "c": 3, "d": 2}, {"b": 48, "a": 48, "c": 2, "d": 2})
    assert found.statistic == pytest.approx((55 - 52) ** 2 / 52 + (45 - 48) ** 2 / 48)
    assert found.p_value == pytest.approx(chi2_sf(found.statistic, 1))


@pytest.mark.parametrize(
    ("sample", "baseline"),
    [
        ({"a": 5, "b": 5}, {"a": 1, "b": 1}),
        ({"a": 50}, {"a": 9}),
        ({"z": 50}, {"a": 9, "b": 9}),
        ({}, {"a": 1}),
    ],
)
def test_chi_squared_without_two_categories_is_no_number(sample, baseline):
    """What cannot be tested is not tested."""
    assert math.isnan(chi_squared(sample, baseline).p_value)


def test_nothing_has_no_distance():
    """Without data on one side there is no distance, rather than none."""
    some, none = sketch_of_sorted(np.array([1.0])), EMPTY
    assert all(map(math.isnan, (simple(some, none), wasserstein(none, some), l_infinity({}, FIVE))))


def test_wasserstein_and_psi_by_hand():
    """Moving all mass by three costs three; equal shares have no PSI."""
    assert 3.0 == wasserstein(sketch_of_sorted(np.array([0.0, 1.0])), sketch_of_sorted(np.array([3.0, 4.0])))
    counts = np.array([100.0, 300.0])
    assert 0.0 == psi(counts, counts)
    expected = (0.75 - 0.25) * math.log(3) * 2
    assert expected == pytest.approx(psi(counts * 1e6, counts[::-1] * 1e6), rel=1e-6)


# From scipy.stats 1.17: chi2, binom (k - 1), norm, and betabinom (k - 1, n, 2, m - 1).
SCIPY = [
    pytest.param(lambda: chi2_sf(0.1, 1), 0.7518296340458492, id="chi2_sf(0.1, 1)"),
    pytest.param(lambda: chi2_sf(3.84, 1), 0.05004352124870519, id="chi2_sf(3.84, 1)"),
    pytest.param(lambda: chi2_sf(30, 9), 0.00043872177097947936, id="chi2_sf(30, 9)"),
    pytest.param(lambda: chi2_sf(5, 9), 0.8343082601934075, id="chi2_sf(5, 9)"),
    pytest.param(lambda: chi2_sf(150, 119), 0.028729309365612504, id="chi2_sf(150, 119)"),
    pytest.param(lambda: chi2_sf(90, 119), 0.9780237031904891, id="chi2_sf(90, 119)"),
    pytest.param(lambda: chi2_sf(1000.0, 9), 1.7240681189224405e-209, id="chi2_sf(1000.0, 9)"),
    pytest.param(lambda: binomial_sf(1, 10, 0.05), 0.4012630607616211, id="binomial_sf(1, 10, 0.05)"),
    pytest.param(
        lambda: binomial_sf(10, 200, 0.001), 1.8890409943413522e-14, id="binomial_sf(10, 200, 0.001)"
    ),
    pytest.param(lambda: binomial_sf(60, 1000, 0.05), 0.08673217838486103, id="binomial_sf(60, 1000, 0.05)"),
    pytest.param(lambda: binomial_sf(40, 1000, 0.05), 0.9401851209480968, id="binomial_sf(40, 1000, 0.05)"),
    pytest.param(
        lambda: binomial_sf(5300, 100000, 0.05), 8.249451556844293e-06, id="binomial_sf(5300, 100000, 0.05)"
    ),
    pytest.param(lambda: binomial_sf(1, 1, 0.5), 0.5, id="binomial_sf(1, 1, 0.5)"),
    pytest.param(
        lambda: binomial_sf(999000, 1000000, 0.99895),
        0.06233459713132102,
        id="binomial_sf(999000, 1000000, 0.99895)",
    ),
    pytest.param(lambda: normal_isf(0.5) + 1, 1.0, id="normal_isf(0.5)"),
    pytest.param(lambda: normal_isf(0.01) + 1, 3.3263478740408408, id="normal_isf(0.01)"),
    pytest.param(lambda: normal_isf(1e-06) + 1, 5.753424308822899, id="normal_isf(1e-06)"),
    pytest.param(lambda: exceedance_sf(1, 1, 9), 0.19999999999999996, id="exceedance_sf(1, 1, 9)"),
    pytest.param(lambda: exceedance_sf(3, 200, 1000), 0.016030085322190413, id="exceedance_sf(3, 200, 1000)"),
    pytest.param(
        lambda: exceedance_sf(12, 200, 200), 0.0014801669493385017, id="exceedance_sf(12, 200, 200)"
    ),
    pytest.param(lambda: exceedance_sf(200, 200, 2), 0.009900990098916873, id="exceedance_sf(200, 200, 2)"),
    pytest.param(lambda: exceedance_sf(5, 10000, 50), 0.9996407225995481, id="exceedance_sf(5, 10000, 50)"),
]


@pytest.mark.parametrize(("found", "expected"), SCIPY)
def test_tails_are_scipys(found, expected):
    """Tails agree with scipy to nine digits."""
    assert found() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("tail", [0.5, 0.01, 1e-5, 1e-12])
@pytest.mark.parametrize("freedom", [1, 9, 119])
def test_isf_inverts_sf(tail, freedom):
    """The point beyond which lies the tail has that tail."""
    assert tail == pytest.approx(chi2_sf(chi2_isf(tail, freedom), freedom), rel=1e-8)


def test_wilsons_bound_covers_nothing_seen():
    """No success among many still leaves room; no data leave all of it."""
    assert 1.0 == share_upper(0, 0, 0.01)
    z = normal_isf(0.01)
    assert z * z / (100 + z * z) == pytest.approx(share_upper(0, 100, 0.01))
    assert share_upper(100, 100, 0.01) == pytest.approx(1.0)
