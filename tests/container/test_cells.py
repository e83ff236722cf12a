"""What a cell means, one by one and in whole columns."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_container import cells
from perennial_container.errors import CellError
from perennial_container.training import columns

NAN = math.nan
CELLS = [
    ("float", "1", 1.0),
    ("float", " -2.5e3 ", -2500.0),
    ("float", "+3", 3.0),
    ("float", ".5", 0.5),
    ("float", "", NAN),
    ("float", " NA ", NAN),
    ("float", "n/a", NAN),
    ("float", "NULL", NAN),
    ("float", "None", NAN),
    ("float", "x", None),
    ("float", "inf", None),
    ("float", "1e999", None),
    ("float", "1_000", None),
    ("float", "1,5", None),
    ("float", "0x10", None),
    ("float", "٣", None),
    ("int", "3", 3.0),
    ("int", "3.0", 3.0),
    ("int", "3.5", None),
    ("int", "nan", NAN),
    ("bool", "True", 1.0),
    ("bool", "no", 0.0),
    ("bool", "1", 1.0),
    ("bool", "0.0", 0.0),
    ("bool", "", NAN),
    ("bool", "2", None),
]
PARSERS = {"float": cells.parse_number, "int": cells.parse_integer, "bool": cells.parse_boolean}


@pytest.mark.parametrize(("kind", "text", "expected"), CELLS)
def test_cell(kind: str, text: str, expected: float | None):
    """A text cell is a number, missing (NaN), or refused (None here)."""
    if expected is None:
        with pytest.raises(CellError):
            PARSERS[kind](text)
    else:
        assert PARSERS[kind](text) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(("kind", "text", "expected"), CELLS)
def test_column(kind: str, text: str, expected: float | None):
    """A whole column is read by the same rules, and the first bad cell is found."""
    column = pa.array(["1", None, text])
    if expected is None:
        with pytest.raises(columns.BadCellError) as caught:
            columns.numbers(column, kind)
        assert (caught.value.row, caught.value.value) == (2, text)
    else:
        assert columns.numbers(column, kind) == pytest.approx([1.0, NAN, expected], nan_ok=True)


@given(st.sampled_from(["float", "int", "bool"]), st.text("0123456789.-+eEnaNfi_ \u0663x", max_size=8))
def test_column_agrees_with_cell(kind: str, text: str):
    """Training reads every cell as serving does."""
    try:
        expected = PARSERS[kind](text)
    except CellError:
        with pytest.raises(columns.BadCellError):
            columns.numbers(pa.array([text]), kind)
    else:
        assert columns.numbers(pa.array([text]), kind) == pytest.approx([expected], nan_ok=True, abs=0)


TYPED = [
    pytest.param(pa.array([1, None, 3]), "int", [1, NAN, 3], id="integers"),
    pytest.param(pa.array([True, None, False]), "bool", [1, NAN, 0], id="booleans"),
    pytest.param(pa.array([1.5, NAN, None]), "float", [1.5, NAN, NAN], id="doubles"),
    pytest.param(pa.array(["1", "na", "3"]).dictionary_encode(), "float", [1, NAN, 3], id="dictionary"),
    pytest.param(pa.nulls(2), "float", [NAN, NAN], id="all null"),
    pytest.param(pa.array([], pa.string()), "float", [], id="no rows"),
]


@pytest.mark.parametrize(("column", "kind", "expected"), TYPED)
def test_typed_column(column: pa.Array, kind: str, expected: list[float]):
    """Parquet columns of any fitting type are numbers with NaN for null."""
    assert columns.numbers(column, kind) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("column", "kind", "row"),
    [
        pytest.param(pa.array([1.0, math.inf]), "float", 1, id="infinite"),
        pytest.param(pa.array([1.0, math.inf]), "int", 1, id="infinite int"),
        pytest.param(pa.array([1.5]), "int", 0, id="fraction"),
        pytest.param(pa.array([0, 1, 2]), "bool", 2, id="neither true nor false"),
    ],
)
def test_bad_typed_column(column: pa.Array, kind: str, row: int):
    """A typed column with a value that its kind cannot have is refused at that row."""
    with pytest.raises(columns.BadCellError) as caught:
        columns.numbers(column, kind)
    assert caught.value.row == row


def test_texts():
    """Texts are stripped, and missing ones are -1."""
    codes, distinct = columns.texts(pa.array(["b", " a ", None, "NA", "a", "b"]))
    assert distinct == ["b", "a"]
    assert codes.tolist() == [0, 1, -1, -1, 1, 0]


def test_vocabulary():
    """Codes of several batches are translated into one list."""
    vocabulary = columns.Vocabulary()
    assert vocabulary.merge(np.array([0, 1, -1]), ["a", "b"]).tolist() == [0, 1, -1]
    assert vocabulary.merge(np.array([0, 1, 0]), ["c", "a"]).tolist() == [2, 0, 2]
    assert vocabulary.values() == ["a", "b", "c"]


def test_vocabulary_is_bounded():
    """Beyond its limit the vocabulary keeps what it knows, and new texts are missing."""
    many = [str(number) for number in range(columns.DISTINCT_LIMIT)]
    vocabulary = columns.Vocabulary()
    vocabulary.merge(np.arange(len(many)), many)
    assert vocabulary.merge(np.array([0, 1]), ["new", "7"]).tolist() == [-1, 7]
