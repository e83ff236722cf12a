"""One spelling for every label: 1, 1.0, "1" and " 1.0 " are one class, and so are true and True."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.str_]
Values = Sequence[object] | npt.NDArray[np.generic]


def spell(value: object) -> str:
    """The text of one label. Raises ValueError where there is none (None, NaN or an empty text)."""
    text = str(value).strip()
    if value is None or not text:
        raise ValueError("a label is missing: leave rows without a label or a prediction out")
    if text.lower() in ("true", "false"):
        return text.capitalize()
    try:
        number = float(text)
    except ValueError:
        return text
    if math.isnan(number):
        raise ValueError("a label is missing: leave rows without a label or a prediction out")
    whole = math.isfinite(number) and number.is_integer() and abs(number) < 2**53
    # An identifier such as 007 is not the number 7.
    padded = text.lstrip("+-").startswith("0") and text.lstrip("+-")[1:2].isdigit()
    return text if padded or "_" in text or not whole else str(int(number))


def as_labels(values: Values) -> Labels:
    """Labels of any type, [rows], as texts [rows]; each distinct value is spelled once."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"labels are one column, not an array of shape {array.shape}")
    if not len(array):
        return np.array([], dtype=np.str_)
    if array.dtype.kind not in "biuf":
        spelled = {value: spell(value) for value in set(array.tolist())}
        return np.array([spelled[value] for value in array.tolist()], dtype=np.str_)
    distinct, position = np.unique(array, return_inverse=True)
    return np.array([spell(value) for value in distinct.tolist()], dtype=np.str_)[position]


def as_numbers(values: Values, what: str) -> npt.NDArray[np.float64]:
    """A column of finite numbers, [rows]. Raises ValueError with the name of what is no number."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} are numbers: {error}") from error
    if numbers.ndim != 1:
        raise ValueError(f"{what} are one column, not an array of shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{what} are finite numbers: leave rows without one out")
    return numbers


def as_scores(values: Values) -> npt.NDArray[np.float64]:
    """Probabilities of the positive class, [rows], each from 0 to 1."""
    scores = as_numbers(values, "scores")
    if len(scores) and (scores.min() < 0 or scores.max() > 1):
        raise ValueError("scores are probabilities: from 0 to 1")
    return scores


def same_length(**columns: npt.NDArray[np.generic] | None) -> None:
    """Raise ValueError unless all columns that are given have as many rows."""
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{rows} {name}" for name, rows in lengths.items())
        raise ValueError(f"columns differ in length: {told}")
