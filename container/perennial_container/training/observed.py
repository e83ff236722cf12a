"""Training rows as the analysis library sees traffic: cells as they were given, not as the model reads them.

The model's 32-bit floats and encoded categories would be a false baseline: 0.1 is another number there, and a rare
category none at all.
"""

import numpy as np
import numpy.typing as npt

from perennial_analysis.columns import Coded, CodedColumn, Column, Kind
from perennial_container.training.columns import MISSING_CODE, Codes, Doubles

KINDS: dict[str, Kind] = {"float": "Fractional", "int": "Integral", "bool": "String", "string": "String"}
"""By the schema's type. True and false are words: their spelling is the data's."""

Chosen = npt.NDArray[np.bool_]


def number_column(name: str, kind: Kind, values: Doubles, chosen: Chosen) -> Column:
    """The chosen of a batch's numbers."""
    kept = values[chosen]
    return Column(name, kind, kept, np.isnan(kept))


def text_column(name: str, codes: Codes, distinct: list[str], chosen: Chosen) -> Column:
    """The chosen of a batch's texts, given as codes into its distinct values."""
    kept = codes[chosen].astype(np.int64)
    missing = kept == MISSING_CODE
    return CodedColumn(name, missing, Coded(np.where(missing, 0, kept), distinct))
