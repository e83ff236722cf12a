"""Facets of numbers: thresholds, and the names of the groups between them."""

import numpy as np
import pytest

from perennial_analysis.bias.thresholds import by_threshold, group_of, interval_names

NAMES = {
    (40.0,): ["(-inf, 40]", "(40, inf]"],
    (0.5,): ["(-inf, 0.5]", "(0.5, inf]"],
    (-1.0, 25.0, 60.25): ["(-inf, -1]", "(-1, 25]", "(25, 60.25]", "(60.25, inf]"],
}


@pytest.mark.parametrize("thresholds", NAMES)
def test_groups_are_named_as_clarify_names_intervals(thresholds):
    """Whole numbers are written without a fraction, and the ends are open: data do not change a name."""
    assert interval_names(thresholds) == NAMES[thresholds]


@pytest.mark.parametrize(
    "column",
    [
        ["18", " 25 ", "25.5", "61", "", None, "unknown", "nan", "inf"],
        np.array([18, 25, 25.5, 61, np.nan, np.nan, np.nan, np.nan, np.inf]),
    ],
    ids=["texts", "numbers"],
)
def test_a_threshold_belongs_to_the_group_below_it(column):
    """Rows between two thresholds are one group; what is no finite number is in none."""
    found = by_threshold(column, [25, 60])
    assert found.tolist() == ["(-inf, 25]", "(-inf, 25]", "(25, 60]", "(60, inf]", *[None] * 5]


@pytest.mark.parametrize(("value", "group"), [("25", "(-inf, 25]"), (26, "(25, 60]"), ("1e3", "(60, inf]")])
def test_a_group_is_told_by_any_of_its_numbers(value, group):
    """The privileged group is named by a number that is in it."""
    assert group_of(value, [25, 60]) == group


@pytest.mark.parametrize("value", ["old", "nan", "inf", ""])
def test_what_is_no_number_tells_no_group(value):
    """It is refused with an example."""
    with pytest.raises(ValueError, match="such as 25"):
        group_of(value, [25, 60])
