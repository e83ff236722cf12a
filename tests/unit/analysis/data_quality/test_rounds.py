"""What tells the hour or the weekday: a window is all of one, also where the baseline has but a few rows of each day."""

import numpy as np
import pytest

from perennial_analysis.check import check
from perennial_analysis.columns import numbers, texts
from perennial_analysis.constraints import suggest
from perennial_analysis.statistics import profile, profile_chunks

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def days(chance, count, per_day):
    """Rows in the order of time, so many a day."""
    day = np.repeat(np.arange(count), per_day)
    hour = np.sort(chance.integers(0, 24, (count, per_day)), axis=1).ravel()
    return {
        "weekday": texts("weekday", [WEEKDAYS[each] for each in day % 7]),
        "day": numbers("day", day % 7, "Integral"),
        "hour": numbers("hour", hour, "Integral"),
    }


@pytest.mark.parametrize(("weeks", "per_day"), [(4, 20), (8, 30), (26, 8)])
def test_a_window_may_be_of_one_weekday(weeks, per_day):
    """Whichever day a window is of, and however many more rows than a day of training it has, nobody is told."""
    chance = np.random.default_rng(weeks)
    statistics = profile(days(chance, 7 * weeks, per_day))
    constraints = suggest(statistics)
    for weekday in range(7):
        window = {
            "weekday": texts("weekday", [WEEKDAYS[weekday]] * 1000),
            "day": numbers("day", np.full(1000, weekday), "Integral"),
            "hour": numbers("hour", np.full(1000, 3 * weekday), "Integral"),
        }
        assert check(profile(window, statistics), constraints, statistics).violations == ()


def test_what_no_clock_shows_is_told():
    """A weekday that there is none of, and an hour of -999, are seen all the same."""
    chance = np.random.default_rng(5)
    statistics = profile(days(chance, 56, 20))
    window = {
        "weekday": texts("weekday", ["mon"] * 450 + ["Monday"] * 50),
        "day": numbers("day", [*[1] * 450, *[-999] * 50], "Integral"),
        "hour": numbers("hour", [*[9] * 450, *[-999] * 50], "Integral"),
    }
    found = check(profile(window, statistics), suggest(statistics), statistics).violations
    assert {each.feature for each in found} == {"weekday", "day", "hour"}


def test_shops_that_report_in_turn_are_no_clock():
    """Names that follow one another row by row are all in each window: one that is missing is told."""
    shops = [f"shop-{place}" for place in range(6)]
    statistics = profile({"shop": texts("shop", shops * 200)})
    window = profile({"shop": texts("shop", shops[1:] * 40)}, statistics)
    [found] = check(window, suggest(statistics), statistics).violations
    assert (found.feature, found.check) == ("shop", "baseline_drift_check")


def test_rounds_are_seen_over_chunks():
    """A round goes on in the next chunk, also where a chunk is one row."""
    rows = days(np.random.default_rng(6), 56, 10)["day"].values
    chunks = [{"day": numbers("day", part, "Integral")} for part in np.split(rows, [1, 2, 75, 300])]
    assert profile_chunks(chunks).features["day"].variation > 10


CHANCE = np.random.default_rng(7)
CUSTOMERS = np.repeat(CHANCE.integers(0, 5, 60), 20)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(CHANCE.permutation(np.repeat(np.arange(7), 200)), id="in random order"),
        pytest.param(CHANCE.choice(3, 2000, p=[0.9, 0.095, 0.005]), id="one value most of the time"),
        pytest.param(np.sort(CHANCE.integers(0, 24, 1000)), id="sorted"),
        pytest.param(CUSTOMERS, id="the same for all rows of a customer"),
        pytest.param(np.arange(3000) // 7 % 2, id="two values, which always follow each other"),
        pytest.param(
            np.sort(CHANCE.normal(size=(30, 50)), axis=1).ravel(), id="amounts sorted in each group"
        ),
        pytest.param(np.arange(2000) // 10 + CHANCE.integers(0, 2, 2000), id="a counter out of order"),
        pytest.param(np.tile([1, 2, 3], 4), id="too few rows to tell"),
        pytest.param(np.full(500, 3), id="constant"),
        pytest.param(np.full(500, np.nan), id="nothing"),
    ],
)
def test_no_other_column_goes_round(values):
    """Random, sorted and grouped rows allow for nothing, neither as numbers nor as names."""
    given = values.astype(float)
    assert profile({"x": numbers("x", given)}).features["x"].variation < 10
    names = texts("x", [None if np.isnan(each) else f"{each:09.3f}" for each in given])
    assert profile({"x": names}).features["x"].variation < 10
