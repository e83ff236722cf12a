"""How an artefact turns features into the numbers its graph reads; part of model.json.

A number stays a number. A text becomes the place of its category; unknown categories are treated as missing.
A missing cell is NaN, or, in a numeric column that had none in training, the median seen there.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from perennial_container.cells import LARGEST_FLOAT32
from perennial_container.errors import ArtefactError
from perennial_container.schema import Feature, Schema
from perennial_container.table import Matrix, Table

CATEGORY_LIMIT = 254


@dataclass(frozen=True)
class FeatureEncoding:
    """One column of the graph's input; `categories` is None for numbers, `fill` replaces missing ones.

    A text without categories is raw: a user's own model reads it as it is.
    """

    feature: Feature
    categories: tuple[str, ...] | None = None
    fill: float | None = None
    places: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", {text: place for place, text in enumerate(self.categories or ())})

    @property
    def raw(self) -> bool:
        return self.feature.categorical and self.categories is None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        try:
            categories = document["categories"]
            feature = Feature(document["name"], document["type"])
            return cls(feature, None if categories is None else tuple(categories), document["fill"])
        except (KeyError, TypeError) as error:
            raise ArtefactError(f"model.json has a feature without {error}") from error

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.feature.name,
            "type": self.feature.type,
            "categories": None if self.categories is None else list(self.categories),
            "fill": self.fill,
        }


def encode(table: Table, encodings: Sequence[FeatureEncoding]) -> Matrix:
    """Encode a table that has every encoded feature, in any column order.

    The matrix is one of objects if there are raw texts: str or None.
    """
    raw = any(encoding.raw for encoding in encodings)
    encoded = np.empty((table.rows, len(encodings)), object if raw else np.float32)
    for index, encoding in enumerate(encodings):
        column = table.column(encoding.feature.name)
        if encoding.categories is not None:
            recode = [encoding.places.get(text, np.nan) for text in table.texts[encoding.feature.name]]
            encoded[:, index] = take(np.array([*recode, np.nan], np.float32), column)
        elif encoding.raw:
            encoded[:, index] = take(np.array([*table.texts[encoding.feature.name], None], object), column)
        elif encoding.fill is not None:
            encoded[:, index] = np.where(np.isnan(column), np.float32(encoding.fill), column)
        else:
            encoded[:, index] = column
    return encoded


def take(recode: npt.NDArray[Any], column: Matrix) -> npt.NDArray[Any]:
    """Look up places in a table whose last entry answers for missing ones."""
    places = np.where(np.isnan(column), len(recode) - 1, column).astype(np.int64)
    found: npt.NDArray[Any] = recode[places]
    return found


def fit_encodings(schema: Schema, table: Table) -> tuple[FeatureEncoding, ...]:
    """Learn the categories and fills from the training rows."""
    return tuple(_fit(feature, table) for feature in schema.features)


def _fit(feature: Feature, table: Table) -> FeatureEncoding:
    column = table.column(feature.name)
    present = column[~np.isnan(column)]
    if feature.categorical:
        texts = table.texts[feature.name]
        counts = np.bincount(present.astype(np.int64), minlength=len(texts))
        seen = Counter({text: int(count) for text, count in zip(texts, counts, strict=True) if count})
        ranked = sorted(seen, key=lambda text: (-seen[text], text))
        return FeatureEncoding(feature, tuple(ranked[:CATEGORY_LIMIT]))
    if len(present) == len(column) and len(present):
        return FeatureEncoding(feature, None, float(np.median(present)))
    return FeatureEncoding(feature)


def saturate(values: np.ndarray[Any, np.dtype[np.float64]]) -> Matrix:
    """Round to 32 bits; what is too large becomes the largest 32-bit number."""
    clipped: Matrix = np.clip(values, -LARGEST_FLOAT32, LARGEST_FLOAT32).astype(np.float32)
    return clipped
