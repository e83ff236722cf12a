"""The calibrated rule's figures of merit: who is paged for nothing, and what is missed. Seeds are fixed."""

import numpy as np
import pytest
from streams import baseline, draw, false_alarm_rate, power, scaled, sentinel, shifted, table

from perennial_analysis.check import check
from perennial_analysis.columns import numbers, texts
from perennial_analysis.constraints import suggest
from perennial_analysis.statistics import profile

TABLES = {20: 50, 200: 50, 1000: 50, 10_000: 12, 100_000: 2}


@pytest.fixture(scope="module")
def given():
    return baseline()


@pytest.mark.parametrize("size", TABLES)
def test_nobody_is_paged_for_the_same_distribution(given, size):
    """At most one window in fifty of 30 unchanged columns raises any alarm, at any number of rows."""
    assert false_alarm_rate(size, TABLES[size], given) <= 0.02


@pytest.mark.parametrize("size", TABLES)
def test_nobody_is_paged_for_a_benign_wobble(given, size):
    """Columns whose place and scale wobble by 3 % from window to window alarm in at most 6 % of windows."""
    assert false_alarm_rate(size, TABLES[size], given, wobble=0.03) <= 0.06


@pytest.mark.parametrize(
    ("change", "size", "least"),
    [
        (shifted, 1000, 0.9),
        (shifted, 10_000, 0.99),
        (scaled, 10_000, 0.99),
        (sentinel, 200, 1.0),
        (sentinel, 1000, 1.0),
    ],
)
def test_what_moved_is_seen(given, change, size, least):
    """A shift by a quarter deviation from 1,000 rows, a scale by a quarter at 10,000, a sentinel always."""
    assert power(size, 8 if size < 10_000 else 3, given, change) >= least


@pytest.mark.parametrize("size", [200, 1000, 10_000])
def test_categories_are_quiet_until_a_new_one_comes(size):
    """Twelve levels with a thin tail: no alarm while they stay, always one for 5 % of a level never seen."""
    chance = np.random.default_rng([7, size])
    levels = np.array(list("abcdefghijkl"))
    shares = 0.6 ** np.arange(12) / (0.6 ** np.arange(12)).sum()
    columns = [f"c{place}" for place in range(10)]
    before = profile({name: texts(name, chance.choice(levels, 50_000, p=shares)) for name in columns})
    constraints = suggest(before)
    noisy = 0
    windows = {200: 50, 1000: 20, 10_000: 4}[size]
    for _ in range(windows):
        window = {name: chance.choice(levels, size, p=shares) for name in columns}
        report = check(profile({n: texts(n, v) for n, v in window.items()}, before), constraints, before)
        noisy += bool(report.violations)
        for values in window.values():
            values[: size // 20] = "z"
        report = check(profile({n: texts(n, v) for n, v in window.items()}, before), constraints, before)
        found = [each.feature for each in report.violations if each.check == "categorical_values_check"]
        assert columns == found
    assert noisy / windows <= 0.02


@pytest.mark.parametrize("reference", [150, 1000])
def test_a_small_baseline_is_taken_for_one(reference):
    """With few reference rows every bound is wider: ranges, shares and categories stay quiet."""
    noisy = 0
    for seed in range(20):
        chance = np.random.default_rng([11, reference, seed])
        before = profile(table(draw(chance, reference)) | _others(chance, reference))
        after = profile(table(draw(chance, 1000)) | _others(chance, 1000), before)
        noisy += bool(check(after, suggest(before), before).violations)
    assert noisy <= 1


def test_many_rare_categories_are_quiet():
    """Eighty plants, each seen about five times in training: those that were rarer by chance come more often again."""
    noisy = 0
    for seed in range(40):
        chance = np.random.default_rng([13, seed])
        before = profile({"plant": texts("plant", _plants(chance, 410))})
        after = profile({"plant": texts("plant", _plants(chance, 300))}, before)
        noisy += bool(check(after, suggest(before), before).violations)
    assert noisy <= 1


def _plants(chance, size):
    return [f"plant {number}" for number in chance.integers(0, 80, size)]


def _others(chance, size):
    """A column with gaps and one with rare categories."""
    gaps = np.where(chance.random(size) < 0.02, np.nan, chance.normal(size=size))
    return {
        "gaps": numbers("gaps", gaps),
        "town": texts("town", np.minimum(chance.geometric(0.2, size), 40).astype(str)),
    }


def test_names_that_hardly_recur_are_no_drift():
    """Where most values are new in any window, new values are no news."""
    names = [f"cabin {place}" for place in range(500)]
    noisy = 0
    for seed in range(20):
        chance = np.random.default_rng([13, seed])
        before = profile({"cabin": texts("cabin", chance.choice(names, 110))})
        after = profile({"cabin": texts("cabin", chance.choice(names, 80))}, before)
        assert before.features["cabin"].words.counts
        noisy += bool(check(after, suggest(before), before).violations)
    assert noisy == 0


def test_gaps_are_told_when_they_grow_and_not_before():
    """2 % of missing values stay quiet in any window; 5 % are told from 1,000 rows on."""
    chance = np.random.default_rng(5)

    def gaps(size, share):
        return {"x": numbers("x", np.where(chance.random(size) < share, np.nan, chance.normal(size=size)))}

    before = profile(gaps(100_000, 0.02))
    constraints = suggest(before)
    for size, least in ((200, 0), (1000, 17), (10_000, 20)):
        same = [check(profile(gaps(size, 0.02)), constraints, before).violations for _ in range(20)]
        more = [check(profile(gaps(size, 0.05)), constraints, before).violations for _ in range(20)]
        assert 0 == sum(map(bool, same))
        assert least <= sum(map(bool, more))
