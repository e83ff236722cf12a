"""Columns as they come: times, counters, codes, ties, zeros, names by the thousand. Quiet until something happens."""

from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pytest

from perennial_analysis.check import check
from perennial_analysis.columns import numbers, texts
from perennial_analysis.constraints import read_constraints, suggest, write_constraints
from perennial_analysis.merge import merge
from perennial_analysis.statistics import profile
from perennial_analysis.statistics_file import read_statistics, write_statistics

BASELINE_ROWS = 10_000
EPOCH = 1_700_000_000
HOUR, DAY = 3600, 86_400
WORDS = np.array([f"SKU-{place:05d}" for place in range(12_000)])

whole = partial(numbers, "x", kind="Integral")
floats = partial(numbers, "x")
words = partial(texts, "x")


def second(place):
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=int(place))).isoformat()


def clock(second):
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def popular(chance, size, first=0, steepness=1.05):
    shares = 1 / np.arange(1, 5001) ** steepness
    return WORDS[first + chance.choice(5000, size, p=shares / shares.sum())]


def replaced(chance, values, share, other):
    return np.where(chance.random(len(values)) < share, other, values)


def codes(chance, size):
    return chance.choice([1, 2, 4, 5], size, p=[0.4, 0.3, 0.2, 0.1])


def scripts(chance, size):
    return chance.choice(list("äбç漢🙂"), size, p=[0.4, 0.3, 0.15, 0.1, 0.05])


def amounts(chance, size, zeros=0.9, scale=1):
    return np.where(chance.random(size) < zeros, 0, scale * chance.lognormal(3, 1, size))


# Of values that do not come back: what the baseline has, what a later window has.
NEVER_BACK = {
    "numbers given in turn": (lambda c, n: whole(np.arange(n)), lambda c, n: whole(10**6 + np.arange(n))),
    "the same, shuffled": (lambda c, n: whole(c.permutation(n)), lambda c, n: whole(10**6 + np.arange(n))),
    "seconds since 1970": (
        lambda c, n: whole(EPOCH + c.integers(0, 30 * DAY, n)),
        lambda c, n: whole(np.sort(EPOCH + 40 * DAY + c.integers(0, HOUR, n))),
    ),
    "milliseconds, ordered": (
        lambda c, n: floats(np.sort(1e3 * (EPOCH + c.random(n) * DAY))),
        lambda c, n: floats(1e3 * (EPOCH + 9 * DAY + c.random(n))),
    ),
    "days as numbers": (
        lambda c, n: whole(20_250_000 + 100 * c.integers(1, 13, n) + c.integers(1, 29, n)),
        lambda c, n: whole(np.full(n, 20_260_101)),
    ),
    "times as text": (
        lambda c, n: words(map(second, c.integers(0, 10**6, n))),
        lambda c, n: words(map(second, c.integers(10**7, 10**7 + HOUR, n))),
    ),
    "a few days as text": (
        lambda c, n: words(f"2026-01-{day:02d}" for day in c.integers(1, 29, n)),
        lambda c, n: words(["2026-03-01"] * n),
    ),
    "a running total": (
        lambda c, n: floats(np.cumsum(c.random(n))),
        lambda c, n: floats(10**6 + np.cumsum(c.random(n))),
    ),
    "a countdown": (
        lambda c, n: floats(-np.cumsum(c.random(n))),
        lambda c, n: floats(-(10**6) - np.cumsum(c.random(n))),
    ),
    "numbers of orders of several rows": (
        lambda c, n: whole(7 * np.repeat(np.arange(n), c.integers(1, 5, n))[:n]),
        lambda c, n: whole(10**6 + 7 * np.repeat(np.arange(n), 3)[:n]),
    ),
    "the same as text": (
        lambda c, n: words(f"2026-{each:06d}" for each in np.repeat(np.arange(n), c.integers(1, 5, n))[:n]),
        lambda c, n: words(f"2027-{each:06d}" for each in np.repeat(np.arange(n), 3)[:n]),
    ),
    "years that pass": (
        lambda c, n: whole(2020 + np.arange(n) * 5 // n),
        lambda c, n: whole(np.full(n, 2026)),
    ),
    "years that pass, by the day": (
        lambda c, n: floats(2020 + np.floor(np.arange(n) * 700 / n) / 365),
        lambda c, n: floats(np.full(n, 2026.5)),
    ),
    "numbers of messages with their time in them": (
        lambda c, n: whole((10**17 + c.permutation(n) * 2**32) // 128 * 128),
        lambda c, n: whole(10**18 + np.arange(n) * 2**32),
    ),
    "times of the day": (
        lambda c, n: words(clock(each) for each in np.repeat(c.integers(0, DAY, n), 2)[:n]),
        lambda c, n: words(clock(each) for each in np.repeat(c.integers(0, DAY, n), 4)[:n]),
    ),
    "random identifiers": (
        lambda c, n: words(f"{each:x}" for each in c.integers(0, 2**62, n)),
        lambda c, n: words(f"{each:x}" for each in c.integers(0, 2**62, n)),
    ),
}

# Of values that do: how they are drawn, and what may happen to them.
COMES_BACK = {
    "thousands of words": (
        lambda c, n: words(popular(c, n)),
        {
            "one in ten is new": lambda c, n: words(
                replaced(c, popular(c, n), 0.1, popular(c, n, first=6000))
            ),
            "the mix changes": lambda c, n: words(popular(c, n, steepness=0.8)),
            "a default fills in": lambda c, n: words(replaced(c, popular(c, n), 0.1, "unknown")),
        },
    ),
    "many zeros": (
        lambda c, n: floats(amounts(c, n)),
        {
            "fewer zeros": lambda c, n: floats(amounts(c, n, zeros=0.75)),
            "no amounts": lambda c, n: floats(amounts(c, n, zeros=1)),
            "amounts double": lambda c, n: floats(amounts(c, n, scale=2)),
        },
    ),
    "a constant": (
        lambda c, n: floats(np.full(n, 7.0)),
        {"one in twenty differs": lambda c, n: floats(replaced(c, np.full(n, 7.0), 0.05, 8.0))},
    ),
    "codes": (
        lambda c, n: whole(codes(c, n)),
        {
            "a greater code": lambda c, n: whole(replaced(c, codes(c, n), 0.05, 9)),
            "a code between": lambda c, n: whole(replaced(c, codes(c, n), 0.05, 3)),
            "a code is gone": lambda c, n: whole(c.choice([1, 2, 4], n, p=[0.45, 0.33, 0.22])),
        },
    ),
    "yes and no": (
        lambda c, n: words(np.where(c.random(n) < 0.3, "true", "false")),
        {"more yes": lambda c, n: words(np.where(c.random(n) < 0.45, "true", "false"))},
    ),
    "letters of many scripts": (
        lambda c, n: words(scripts(c, n)),
        {
            "a new one": lambda c, n: words(replaced(c, scripts(c, n), 0.05, "ö")),
            "one is gone": lambda c, n: words(c.choice(list("äбç🙂"), n, p=[0.45, 0.33, 0.17, 0.05])),
            "another case": lambda c, n: words(each.upper() for each in scripts(c, n)),
        },
    ),
    "many ties": (
        lambda c, n: floats(np.round(2 * c.normal(size=n)) / 2),
        {"a shift": lambda c, n: floats(np.round(2 * (c.normal(size=n) + 0.4)) / 2)},
    ),
    "a heavy tail": (
        lambda c, n: floats(c.standard_cauchy(n)),
        {"a wider scale": lambda c, n: floats(1.5 * c.standard_cauchy(n))},
    ),
    "two humps": (
        lambda c, n: floats(np.where(c.random(n) < 0.5, -5, 5) + c.normal(size=n)),
        {"one grows": lambda c, n: floats(np.where(c.random(n) < 0.7, -5, 5) + c.normal(size=n))},
    ),
    "nothing": (lambda c, n: floats(np.full(n, np.nan)), {}),
    "gaps": (
        lambda c, n: floats(replaced(c, c.normal(size=n), 0.02, np.nan)),
        {"all is missing": lambda c, n: floats(np.full(n, np.nan))},
    ),
}


def baseline(draw):
    """As it is stored: written and read again."""
    statistics = profile({"x": draw(np.random.default_rng(1), BASELINE_ROWS)})
    constraints = read_constraints(write_constraints(suggest(statistics)))
    return read_statistics(write_statistics(statistics)), constraints


def alarms(draw, given, size, windows):
    statistics, constraints = given
    tables = ({"x": draw(np.random.default_rng([2, size, seed]), size)} for seed in range(windows))
    return sum(bool(check(profile(each, statistics), constraints, statistics).violations) for each in tables)


@pytest.mark.parametrize("kind", NEVER_BACK)
def test_what_never_comes_back_is_not_compared(kind):
    """Identifiers and times differ in every window; the constraints say that they are left out, and nobody is paged."""
    before, later = NEVER_BACK[kind]
    given = baseline(before)
    assert not given[1].features["x"].monitoring.perform_comparison
    assert "not compared" in given[1].features["x"].note
    assert alarms(later, given, 1000, 3) == 0


@pytest.mark.parametrize("kind", COMES_BACK)
def test_a_column_is_quiet_while_nothing_happens(kind):
    """At most one of thirty windows of unchanged values alarms, from tiny ones to large ones."""
    draw, _ = COMES_BACK[kind]
    given = baseline(draw)
    assert given[1].features["x"].note is None
    assert alarms(draw, given, 20, 10) + alarms(draw, given, 200, 10) + alarms(draw, given, 2000, 10) <= 1


@pytest.mark.parametrize(
    ("kind", "change"), [(kind, change) for kind, (_, changes) in COMES_BACK.items() for change in changes]
)
def test_a_column_is_loud_when_something_happens(kind, change):
    """At least nine of ten windows of 2,000 rows alarm."""
    draw, changes = COMES_BACK[kind]
    assert alarms(changes[change], baseline(draw), 2000, 10) >= 9


def test_a_comparison_that_was_left_out_can_be_asked_for():
    """Who takes the override out of the constraints has an identifier compared like any other column."""
    before, later = NEVER_BACK["numbers given in turn"]
    statistics, constraints = baseline(before)
    del constraints.document["features"][0]["monitoringConfigOverrides"]
    changed = read_constraints(write_constraints(constraints))
    assert alarms(later, (statistics, changed), 1000, 1) == 1


@pytest.mark.parametrize("kind", NEVER_BACK)
def test_parts_of_a_baseline_agree_on_what_is_left_out(kind):
    """A baseline that several workers made leaves out what each of them would."""
    draw, _ = NEVER_BACK[kind]
    parts = [profile({"x": draw(np.random.default_rng(seed), 2000)}) for seed in (5, 6)]
    whole = merge(parts)
    assert whole.features["x"].role == parts[0].features["x"].role is not None
    few = profile({"x": draw(np.random.default_rng(7), 50)})
    assert merge([parts[0], few]).features["x"].role is None


@pytest.mark.parametrize(("size", "share"), [(60, 0.3), (200, 0.15), (1000, 0.04)])
@pytest.mark.parametrize("make", [words, whole], ids=["words", "codes"])
def test_a_rare_value_that_is_rare_no_more_is_told(make, size, share):
    """A flag that one row in 250 had is seen to rise, though it was too rare for a bin of its own."""
    chance = np.random.default_rng(size)

    def flags(rows, often):
        return make(np.where(chance.random(rows) < often, 1, 0).tolist())

    known = profile({"x": flags(BASELINE_ROWS, 0.004)})
    window = profile({"x": flags(size, share)}, known)
    [found] = check(window, suggest(known), known).violations
    assert (found.check, "the value 1 rose from 0." in found.description) == ("baseline_drift_check", True)


@pytest.mark.parametrize("make", [words, whole], ids=["words", "codes"])
def test_rare_values_that_stay_rare_are_quiet(make):
    """In 400 windows of a column with many rare values hardly one is told, at any size."""
    chance = np.random.default_rng(8)
    shares = 1 / np.arange(1, 61) ** 2

    def draw(rows):
        return make(chance.choice(60, rows, p=shares / shares.sum()).tolist())

    known = profile({"x": draw(5000)})
    constraints = suggest(known)
    told = [
        bool(check(profile({"x": draw(size)}, known), constraints, known).violations)
        for size in (30, 100, 300, 1000)
        for _ in range(100)
    ]
    assert sum(told) <= 6
