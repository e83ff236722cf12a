"""What a user's own model must offer to be served, and the ready-made handlers.

A handler is one module with two names:

    load(model_dir: Path) -> model          once, before the server is ready; the folder is read-only
    predict(model, batch: Batch) -> scores  for every batch of rows

`handler` in model.json names a row of the table below, a module of the image by its dotted name, or a file in the
artefact's `code/`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from perennial_container.encoding import FeatureEncoding, take
from perennial_container.table import Matrix

HANDLERS = {
    "onnx": "perennial_container.handlers.onnx",
    "xgboost": "perennial_container.handlers.xgboost",
}
"""They read data only, and are quick enough to answer on the server's event loop."""

Column = npt.NDArray[Any]
Rows = npt.NDArray[Any]


class InvalidRows(ValueError):
    """Raised by a handler for rows that it cannot predict: the caller is told, by HTTP 400.

    `row` counts from 0 in the batch that `predict` was given; the message may quote the caller's own cells.
    """

    def __init__(self, message: str, *, row: int | None = None, column: str | None = None) -> None:
        super().__init__(message)
        self.row = row
        self.column = column


class Batch(Mapping[str, Column]):
    """Rows of checked cells, as columns by name: `batch["ratio"]`, or `pandas.DataFrame(dict(batch))`.

    A column of type float, int or bool is an array of 32-bit floats, NaN where missing; a string column is an array
    of objects, str or None.
    """

    def __init__(self, cells: Rows, encodings: Sequence[FeatureEncoding]) -> None:
        """`cells` is rows by features: encoded, or of objects where a text has no list of categories."""
        self._cells = cells
        self._encodings = encodings
        self._places = {encoding.feature.name: place for place, encoding in enumerate(encodings)}

    @property
    def rows(self) -> int:
        return len(self._cells)

    @property
    def matrix(self) -> Matrix:
        """Rows by features in the schema's order as 32-bit floats, texts as the places of their categories.

        Raises TypeError for a text without a list of categories.
        """
        if self._cells.dtype == object:
            raw = next(encoding.feature.name for encoding in self._encodings if encoding.raw)
            raise TypeError(f"{raw!r} is a text without categories: read it as a column")
        return self._cells

    def __getitem__(self, name: str) -> Column:
        place = self._places[name]
        encoding, column = self._encodings[place], self._cells[:, place]
        if encoding.categories is not None:
            texts: Column = take(np.array([*encoding.categories, None], object), column.astype(np.float32))
            return texts
        return column if encoding.raw else column.astype(np.float32, copy=False)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        """How many columns; the number of rows is `rows`."""
        return len(self._places)
