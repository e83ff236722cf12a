"""What an endpoint answered, row by row: a predicted label and a score, whatever words it was put in.

Our container's answers are read as they are written; of others a class alone, a score alone, both in either order,
lists of probabilities, and objects under the usual keys.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from perennial_analysis.model_quality.labels import spell
from perennial_analysis.readers.capture_records import Side
from perennial_analysis.readers.payloads import Row, UnreadablePayload, aligned, rows_of
from perennial_analysis.window.request import Request

Answer = tuple[str | None, float]
"""The predicted label as `spell` has it, None where there is none, and the score, NaN where there is none."""

NOTHING: Answer = (None, math.nan)
LABELS = ("predicted_label", "prediction", "label", "predicted_class", "class")
SCORES = ("score", "probability", "value")
PROBABILITIES = "probabilities"
THRESHOLD = 0.5


class _Item(msgspec.Struct):
    score: float
    predicted_label: str | None = None


class _Body(msgspec.Struct):
    predictions: list[_Item]


_OURS = msgspec.json.Decoder(_Body)


class Reader:
    """Reads answers to the requests of one problem."""

    def __init__(self, request: Request) -> None:
        self.regression = request.problem == "regression"
        self.names = [] if self.regression else [spell(name) or name for name in request.classes]
        self.classes = {} if self.regression else dict(zip(request.classes, self.names, strict=True))
        self.classes |= {name: name for name in self.names}
        self.binary = request.problem == "binary_classification" and len(self.names) == 2
        self.threshold = float(request.settings.get("threshold", THRESHOLD))

    def of_line(self, line: str) -> Answer:
        """A line of CSV without quotes."""
        first, comma, second = line.partition(",")
        if first in self.classes and comma:
            try:
                return self.classes[first], float(second)
            except ValueError:
                pass
        return self.of_cells(line.split(","))

    def of_lines(self, lines: Sequence[str]) -> tuple[Sequence[str | None], Sequence[float]]:
        """Of lines of CSV without quotes: all at once if they are alike, as an endpoint's answers mostly are."""
        try:
            if self.regression:
                return [None] * len(lines), list(map(float, lines))
            cells = [line.partition(",") for line in lines]
            return [self.classes[name] for name, _, _ in cells], [float(score) for _, _, score in cells]
        except (KeyError, ValueError):
            found = [self.of_line(line) for line in lines]
            return [label for label, _ in found], [score for _, score in found]

    def of_side(self, side: Side, count: int | None) -> list[Answer]:
        """As many answers as rows went in; any number where that is not known. Raises UnreadablePayload."""
        if side.encoding == "JSON" and side.data:
            try:
                found = [
                    self._complete(
                        self.classes.get(each.predicted_label or "", each.predicted_label), each.score
                    )
                    for each in _OURS.decode(side.data).predictions
                ]
                if count is None or len(found) == count:
                    return found
            except (msgspec.MsgspecError, RecursionError):
                pass
        rows, _ = rows_of(side)
        if len(rows) == 1 and isinstance(rows[0], dict) and "error" in rows[0] and count != 1:
            raise UnreadablePayload("the answer is an error")
        rows = self._split(rows, count)
        if count is not None:
            rows = list(aligned(rows, count, 0))
        return [self._of_row(row) for row in rows]

    def of_cells(self, cells: Sequence[Any]) -> Answer:
        """One row's cells, by position."""
        if self.regression:
            return None, _number(cells[0]) if cells else math.nan
        if not cells:
            return NOTHING
        if len(cells) > 2 and len(cells) == len(self.names):
            return self._of_probabilities(cells)
        first = self._class(cells[0])
        if len(cells) == 1:
            return self._complete(first, math.nan if first else _number(cells[0]), cells[0])
        if first is None and isinstance(cells[0], str):
            first = self.classes.get(cells[0])  # a class may be called 7.5; beside a score it is one
        second = self._class(cells[1])
        if first is None and second is not None:
            return self._complete(second, _number(cells[0]))
        return self._complete(first, _number(cells[1]), cells[0])

    def _of_row(self, row: Row) -> Answer:
        if not isinstance(row, dict):
            return self.of_cells(row)
        score = next((_number(row[key]) for key in SCORES if key in row), math.nan)
        label = next((row[key] for key in LABELS if row.get(key) is not None), None)
        if self.regression:
            return None, score if math.isfinite(score) else _number(label)
        if label is None and math.isnan(score) and isinstance(row.get(PROBABILITIES), list):
            return self._of_probabilities(row[PROBABILITIES])
        if label is None and math.isnan(score):
            return NOTHING
        return self._complete(self._class(label), score, label)

    def _of_probabilities(self, cells: Sequence[Any]) -> Answer:
        shares = [_number(cell) for cell in cells]
        if len(shares) != len(self.names) or any(map(math.isnan, shares)):
            return NOTHING
        best = max(range(len(shares)), key=shares.__getitem__)
        return self.names[best], shares[-1] if self.binary else shares[best]

    def _class(self, cell: Any) -> str | None:
        """The class that a cell names, if it names one."""
        if not isinstance(cell, str | int | float) or _is_fraction(cell):
            return None
        return self.classes.get(str(cell)) or self.classes.get(spell(cell) or "")

    def _complete(self, label: str | None, score: float, told: Any = None) -> Answer:
        """A score alone tells the class of a binary problem; a word that is no class is told as it is."""
        if label is None and isinstance(told, str) and math.isnan(_number(told)):
            return spell(told), score
        if label is None and self.binary and math.isfinite(score):
            return self.names[score >= self.threshold], score
        return label, score

    def _split(self, rows: list[Row], count: int | None) -> list[Row]:
        """One line with a score for each row, unless it is one row's own cells: a class, or shares of all classes."""
        if len(rows) != 1 or count == 1 or not isinstance(rows[0], list) or len(rows[0]) < 2:
            return rows
        cells = rows[0]
        if count is None:
            scores = [_number(cell) for cell in cells]
            shares = len(cells) == len(self.names) and math.isclose(sum(scores), 1.0, abs_tol=1e-6)
            named = cells[0] in self.classes or any(map(self._class, cells))
            if shares or any(map(math.isnan, scores)) or named:
                return rows
        return [[cell] for cell in cells] if count in (None, len(cells)) else rows


def _is_fraction(cell: Any) -> bool:
    """Text or numbers such as 1.0 are scores even where a class is called 1."""
    return isinstance(cell, float) or (
        isinstance(cell, str) and "." in cell and not math.isnan(_number(cell))
    )


def _number(cell: Any) -> float:
    if isinstance(cell, Mapping | list) or cell is None:
        return math.nan
    try:
        return float(cell)
    except ValueError:
        return math.nan
