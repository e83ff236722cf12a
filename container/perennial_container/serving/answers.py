"""Writes predictions as response bodies. Pure."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from perennial_container.errors import RequestError
from perennial_container.predictor import Doubles, Predictions
from perennial_container.serving.media import Form
from perennial_container.serving.wishes import Parts

CHUNK = 1024  # rows
LEFT = {"labels": ("predicted_label",), "probabilities": ("score", "probabilities")}


class AnswerWriter:
    """Writes the predictions of one model; `classes` are its labels, none for regression."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes = classes
        self._quoted = [_quoted(label) for label in classes]
        self._heads = [f"{label},".encode() for label in self._quoted]

    def write(self, predictions: Predictions, form: Form, parts: Parts = "both") -> bytes:
        """The body in the chosen form; one entry or line per row, in the request's order.

        `parts` leaves out labels or probabilities; a regression has nothing to leave out.
        """
        rows = len(predictions.score)
        if rows <= CHUNK:
            return self._write(predictions, form, parts)
        # Some at a time: an object of Python for each cell of a large answer takes several times its bytes.
        begin, end = (b'{"predictions":[', b"]}") if form == "json" else (b"", b"")
        written = [
            self._write(predictions.part(start, start + CHUNK), form, parts)
            .removeprefix(begin)
            .removesuffix(end)
            for start in range(0, rows, CHUNK)
        ]
        written[0], written[-1] = begin + written[0], written[-1] + end
        return (b"," if form == "json" else b"").join(written)

    def _write(self, predictions: Predictions, form: Form, parts: Parts) -> bytes:
        if form == "csv":
            return self._csv(predictions) if parts == "both" else self._part_of_csv(predictions, parts)
        records = self._records(predictions)
        if parts != "both" and self._classes:
            left = LEFT[parts]
            records = ({key: value for key, value in each.items() if key in left} for each in records)
        if form == "jsonlines":
            return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
        return orjson.dumps({"predictions": list(records)})

    def _records(self, predictions: Predictions) -> Iterator[dict[str, Any]]:
        scores, classes = predictions.score.tolist(), self._classes
        if not classes:
            yield from ({"score": score} for score in scores)
            return
        labels = [classes[place] for place in predictions.labels.tolist()]
        if not predictions.probabilities.size:
            for label, score in zip(labels, scores, strict=True):
                yield {"predicted_label": label, "score": score}
            return
        every = predictions.probabilities.tolist()
        for label, score, probabilities in zip(labels, scores, every, strict=True):
            yield {"predicted_label": label, "score": score, "probabilities": probabilities}

    def _part_of_csv(self, predictions: Predictions, parts: Parts) -> bytes:
        if not self._classes:
            return self._csv(predictions)
        if parts == "labels":
            return "".join(f"{self._quoted[place]}\n" for place in predictions.labels.tolist()).encode()
        if not predictions.probabilities.size:
            return b"\n".join([*_numbers(predictions.score), b""])
        rows = predictions.probabilities.tolist()
        return "".join(f"{','.join(map(repr, row))}\n" for row in rows).encode()

    def _csv(self, predictions: Predictions) -> bytes:
        if len(predictions.score) == 1:
            head = self._heads[predictions.labels.item()] if self._classes else b""
            return b"%b%b\n" % (head, orjson.dumps(predictions.score.item()))
        scores = _numbers(predictions.score)
        if not self._classes:
            return b"\n".join([*scores, b""])
        heads = self._heads
        lines = map(bytes.__add__, [heads[place] for place in predictions.labels.tolist()], scores)
        return b"\n".join([*lines, b""])


def _numbers(values: Doubles) -> list[bytes]:
    """Each as the shortest text that reads as the same number, as in JSON."""
    return orjson.dumps(np.ascontiguousarray(values), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def write_error(error: RequestError) -> bytes:
    """The body of an error, without the places that are not known."""
    detail = {"code": error.code, "message": str(error), "line": error.line, "column": error.column}
    return orjson.dumps({"error": {key: value for key, value in detail.items() if value is not None}})


def _quoted(label: str) -> str:
    """A label as a cell of CSV."""
    cell = io.StringIO()
    csv.writer(cell, lineterminator="").writerow([label, ""])
    return cell.getvalue().removesuffix(",")
