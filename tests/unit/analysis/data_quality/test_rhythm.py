"""Columns that come and go by the hour and the week: hourly windows of them are no alarms, and of others still are."""

import numpy as np
import pytest

from perennial_analysis.check import check
from perennial_analysis.columns import numbers, texts
from perennial_analysis.constraints import read_constraints, suggest, write_constraints
from perennial_analysis.statistics import profile, profile_chunks

DAYS, PER_HOUR = 28, 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def hours(chance, first, count, moved=0.0):
    """Rows in the order of time: a temperature, a load that rests at weekends, the clock, and what knows no time."""
    hour = np.repeat(np.arange(first, first + count), PER_HOUR)
    day, weekend = np.sin(2 * np.pi * hour / 24), hour // 24 % 7 >= 5
    noise = chance.normal(size=(3, len(hour)))
    return {
        "temperature": numbers("temperature", 10 + 5 * day + 2 * noise[0] + 20 * moved),
        "load": numbers("load", np.exp(1 + 0.5 * day - 0.7 * weekend + 0.4 * noise[1])),
        "hour": numbers("hour", hour % 24, "Integral"),
        "weekday": texts("weekday", [WEEKDAYS[place] for place in hour // 24 % 7]),
        "channel": texts("channel", np.where(chance.random(len(hour)) < 0.4 + 0.3 * (day > 0), "app", "web")),
        "plan": texts("plan", np.where(chance.random(len(hour)) < 0.3 + 0.4 * moved, "basic", "gold")),
        "timeless": numbers("timeless", noise[2] + moved),
    }


@pytest.fixture(scope="module")
def given():
    statistics = profile(hours(np.random.default_rng(1), 0, 24 * DAYS))
    return statistics, read_constraints(write_constraints(suggest(statistics)))


def violations(given, first, moved=0.0):
    statistics, constraints = given
    window = hours(np.random.default_rng([2, first]), first, 1, moved)
    found = check(profile(window, statistics), constraints, statistics).violations
    return {each.feature for each in found}


def test_no_hour_of_the_week_alarms(given):
    """168 hourly windows after four weeks of baseline, and not one is told of."""
    assert {
        first: found for first in range(24 * DAYS, 24 * (DAYS + 7)) if (found := violations(given, first))
    } == {}


def test_what_leaves_its_rhythm_is_told(given):
    """A temperature beyond all hours is seen at any hour; so is a shift of numbers and categories without a rhythm."""
    for first in range(24 * DAYS, 24 * (DAYS + 1), 4):
        assert {"temperature", "timeless", "plan"} <= violations(given, first, moved=1.0)


def test_the_constraints_say_why(given):
    """Whoever reads the constraints finds how far a column may go and why; others keep the common threshold."""
    features = given[1].features
    assert "comes and goes" in features["temperature"].note
    assert features["temperature"].monitoring.comparison_threshold > 0.5
    assert "comes and goes" in features["weekday"].note
    assert features["weekday"].monitoring.categorical_comparison_threshold > 0.5
    assert features["timeless"].note is features["plan"].note is None
    assert features["timeless"].monitoring.comparison_threshold == 0.02


@pytest.mark.parametrize("kind", ["shuffled", "sorted", "in three parts"])
def test_only_what_returns_has_a_rhythm(kind):
    """Rows in random order, in the order of their values, or one group after the other allow for nothing more."""
    chance = np.random.default_rng(3)
    values = {
        "shuffled": chance.permutation(hours(chance, 0, 24 * DAYS)["temperature"].values),
        "sorted": np.sort(chance.normal(size=40_000).round(2)),
        "in three parts": chance.normal(size=45_000) + np.repeat([0, 2, 4], 15_000),
    }[kind]
    assert profile({"x": numbers("x", values)}).features["x"].variation == 0
    names = texts("x", [f"{value:06.1f}" for value in np.round(values / np.ptp(values) * 40)])
    assert profile({"x": names}).features["x"].variation == 0


def test_a_rhythm_is_found_over_chunks():
    """However many rows there are, their blocks are few, and the rhythm is still seen."""
    chance = np.random.default_rng(4)
    chunks = [{"x": hours(chance, 720 * place, 720)["temperature"]} for place in range(20)]
    assert profile_chunks(chunks).features["x"].variation > 0.5


def days(chance, first, count, moved=0.0):
    """2,000 rows a day, which lie a third of a deviation higher at weekends, or on Sundays alone."""
    day = np.repeat(np.arange(first, first + count), 2000)
    noise = chance.normal(size=(3, len(day))) + moved
    return {
        "weekends": numbers("weekends", noise[0] + 0.33 * (day % 7 >= 5)),
        "sundays": numbers("sundays", noise[1] + 0.33 * (day % 7 == 6)),
        "timeless": numbers("timeless", noise[2]),
    }


def test_a_weak_rhythm_of_the_week_is_none_that_alarms():
    """Of most days nothing is told, of weekends neither; and a shift beyond them is told on any day."""
    statistics = profile(days(np.random.default_rng(1), 0, 56))
    constraints = suggest(statistics)
    assert statistics.features["timeless"].variation == 0
    for day in range(56, 70):
        for moved, told in ((0.0, set()), (0.5, {"weekends", "sundays", "timeless"})):
            window = days(np.random.default_rng([2, day]), day, 1, moved)
            found = check(profile(window, statistics), constraints, statistics).violations
            assert {each.feature for each in found} == told, (day, moved)
