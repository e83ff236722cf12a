"""Writes predictions as response bodies. Pure."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from perennial_container.errors import RequestError
from perennial_container.predictor import Predictions
from perennial_container.serving.media import Form


def write_predictions(predictions: Predictions, classes: Sequence[str], form: Form) -> bytes:
    """The body in the chosen form; one entry or line per row, in the request's order."""
    if form == "csv":
        return _csv(predictions, classes)
    records = _records(predictions, classes)
    if form == "jsonlines":
        return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records)
    return orjson.dumps({"predictions": list(records)})


def write_error(error: RequestError) -> bytes:
    """The body of an error, without the places that are not known."""
    detail = {"code": error.code, "message": str(error), "line": error.line, "column": error.column}
    return orjson.dumps({"error": {key: value for key, value in detail.items() if value is not None}})


def _records(predictions: Predictions, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    scores = predictions.score.tolist()
    if not classes:
        yield from ({"score": score} for score in scores)
        return
    labels = [classes[place] for place in predictions.labels.tolist()]
    if not predictions.probabilities.size:
        for label, score in zip(labels, scores, strict=True):
            yield {"predicted_label": label, "score": score}
        return
    for label, score, probabilities in zip(labels, scores, predictions.probabilities.tolist(), strict=True):
        yield {"predicted_label": label, "score": score, "probabilities": probabilities}


def _csv(predictions: Predictions, classes: Sequence[str]) -> bytes:
    scores = predictions.score.tolist()
    if not classes:
        return "".join(f"{score!r}\n" for score in scores).encode()
    lines = io.StringIO()
    labels = (classes[place] for place in predictions.labels.tolist())
    csv.writer(lines, lineterminator="\n").writerows(zip(labels, scores, strict=True))
    return lines.getvalue().encode()
