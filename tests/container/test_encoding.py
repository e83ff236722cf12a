"""How features become numbers, and labels classes."""

import numpy as np
import pytest

from perennial_container.encoding import CATEGORY_LIMIT, FeatureEncoding, encode, fit_encodings, saturate
from perennial_container.schema import Feature, Schema
from perennial_container.table import Table
from perennial_container.training.labels import match_classes

NAN = np.nan
SCHEMA = Schema(
    "regression", "y", (), (Feature("colour", "string"), Feature("size", "float"), Feature("age", "int"))
)


def table(colours: list[float], sizes: list[float], ages: list[float], texts: list[str]) -> Table:
    matrix = np.array([sizes, colours, ages], np.float32).T
    return Table(("size", "colour", "age"), matrix, {"colour": texts})


TRAINING = table([0, 1, 1, NAN], [1, 2, 9, 4], [5, NAN, 7, 7], ["red", "blue", "never used"])


def test_fit():
    """Categories go by frequency; a numeric column without gaps learns its median for later gaps."""
    colour, size, age = fit_encodings(SCHEMA, TRAINING)
    assert (colour.categories, colour.fill) == (("blue", "red"), None)
    assert (size.categories, size.fill) == (None, 3.0)
    assert (age.categories, age.fill) == (None, None)


def test_encode():
    """Columns are found by name; unknown categories are missing; gaps stay NaN or are filled."""
    encodings = fit_encodings(SCHEMA, TRAINING)
    found = encode(table([0, 1, 2, NAN], [1, NAN, 2, 3], [1, NAN, 2, 3], ["green", "blue", "red"]), encodings)
    expected = [[NAN, 1, 1], [0, 3, NAN], [1, 2, 2], [NAN, 3, 3]]
    assert found == pytest.approx(np.array(expected), nan_ok=True)


def test_many_categories():
    """Only the most frequent categories are kept; the others are missing."""
    count = CATEGORY_LIMIT + 10
    codes = np.concatenate([np.arange(count), np.arange(10, count)]).astype(np.float32)[:, None]
    texts = {"colour": [f"c{place:03}" for place in range(count)]}
    schema = Schema("regression", "y", (), (Feature("colour", "string"),))
    (encoding,) = fit_encodings(schema, Table(("colour",), codes, texts))
    assert encoding.categories == tuple(f"c{place:03}" for place in range(10, count))


def test_json_round_trip():
    """An encoding survives model.json."""
    for encoding in fit_encodings(SCHEMA, TRAINING):
        assert FeatureEncoding.from_json(encoding.to_json()) == encoding


def test_saturate():
    """What is beyond 32 bits becomes the largest 32-bit number, and NaN stays."""
    largest = np.finfo(np.float32).max
    assert saturate(np.array([1e39, -1e300, NAN, 1.5])) == pytest.approx(
        [largest, -largest, NAN, 1.5], nan_ok=True
    )


@pytest.mark.parametrize(
    ("texts", "classes", "expected"),
    [
        (["no", "yes"], ["no", "yes"], [0, 1]),
        (["1.0", "0"], ["0", "1"], [1, 0]),
        (["true", "FALSE"], ["False", "True"], [1, 0]),
        (["10", "2"], ["10", "2"], [0, 1]),
        (["1", "1.0"], ["1", "1.0"], [0, 1]),
        (["maybe"], ["no", "yes"], [None]),
    ],
)
def test_match_classes(texts: list[str], classes: list[str], expected: list[int | None]):
    """A label is found among the classes in the spellings of CSV and Parquet."""
    assert match_classes(texts, classes) == expected
