"""Columns that are left in the memory where Parquet's reader put them."""

import gc

import numpy as np
import pytest
from arro3.core import Array, DataType
from hypothesis import given
from hypothesis import strategies as st

from perennial_analysis.columns import Column, LentColumn
from perennial_analysis.readers.arrow import column, view
from perennial_analysis.statistics import profile, profile_chunks
from perennial_analysis.statistics_file import write_statistics

FLOATS = st.lists(
    st.none() | st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0]), min_size=1, max_size=40
)
WHOLE = st.lists(st.none() | st.integers(-(2**60), 2**60) | st.integers(0, 5), min_size=1, max_size=40)


def of_arrow(cells, dtype):
    return column("x", Array(cells, type=dtype))


def of_lists(cells, kind):
    """The same by the plain way: an array with NaN for what is missing."""
    values = np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
    missing = np.isnan(values)
    return Column("x", "Unknown" if missing.all() else kind, values, missing)


@pytest.mark.parametrize("known", [False, True])
@given(chunks=st.lists(FLOATS, min_size=1, max_size=3))
def test_numbers_are_the_same_wherever_they_lie(known, chunks):
    """Statistics of floats in Arrow's memory are byte for byte those of a plain array, with a baseline or without."""
    baseline = profile({"x": of_lists([1.0, 2.0, None], "Fractional")}) if known else None
    lent = [{"x": of_arrow(cells, DataType.float64())} for cells in chunks]
    plain = [{"x": of_lists(cells, "Fractional")} for cells in chunks]
    assert write_statistics(profile_chunks(plain, baseline)) == write_statistics(
        profile_chunks(lent, baseline)
    )


@given(chunks=st.lists(WHOLE, min_size=1, max_size=3))
def test_integers_are_the_same_wherever_they_lie(chunks):
    """Statistics of integers in Arrow's memory are byte for byte those of a plain array."""
    lent = [{"x": of_arrow(cells, DataType.int64())} for cells in chunks]
    plain = [{"x": of_lists(cells, "Integral")} for cells in chunks]
    assert write_statistics(profile_chunks(plain)) == write_statistics(profile_chunks(lent))


@pytest.mark.parametrize(
    ("cells", "dtype", "kind"),
    [
        ([1.5, None, float("nan"), float("inf")], DataType.float64(), "Fractional"),
        ([None, 3, -4], DataType.int64(), "Integral"),
        ([None, 3, -4], DataType.int16(), "Integral"),
        ([None, float("nan")], DataType.float64(), "Unknown"),
        ([None, None], DataType.int64(), "Unknown"),
        ([], DataType.float64(), "Unknown"),
    ],
)
def test_lent_columns_have_what_every_column_has(cells, dtype, kind):
    """Values are floats with NaN where missing, null and NaN are missing, and the kind is that of what is there."""
    found, plain = of_arrow(cells, dtype), of_lists(cells, kind)
    assert kind == found.kind
    assert len(cells) == len(found)
    assert isinstance(found, LentColumn)
    np.testing.assert_array_equal(plain.values, found.values)
    np.testing.assert_array_equal(plain.missing, found.missing)
    assert np.float64 == found.values.dtype


def test_present_numbers_are_the_callers_own():
    """What is sorted in place is a copy: the column says the same afterwards."""
    found = of_arrow([3.0, 1.0, 2.0], DataType.float64())
    found.present().sort()
    assert [3.0, 1.0, 2.0] == found.values.tolist()
    with pytest.raises(ValueError, match="read-only"):
        found.lent[0] = 9.0


def test_lent_memory_stays_as_long_as_it_is_looked_at():
    """Values outlive the array that they came from, and the memory is not given to others meanwhile."""
    values, _ = view(Array.from_numpy(np.arange(100_000, dtype=np.float64)).slice(1), np.float64)
    gc.collect()
    others = [Array.from_numpy(np.full(100_000, -1.0)) for _ in range(20)]
    assert 20 == len(others)
    assert np.array_equal(np.arange(1, 100_000), values)
