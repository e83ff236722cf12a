"""Rows as the data holds them, before any model's encoding."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Table:
    """A matrix of rows by columns with NaN for missing cells.

    A text column holds places in its list in `texts`; all others hold their numbers. Numbers too large for
    a 32-bit float are the largest one.
    """

    names: tuple[str, ...]
    matrix: Matrix
    texts: Mapping[str, list[str]]

    @property
    def rows(self) -> int:
        return len(self.matrix)

    def column(self, name: str) -> npt.NDArray[np.float32]:
        return self.matrix[:, self.names.index(name)]
