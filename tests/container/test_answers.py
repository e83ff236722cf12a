"""Answers are written some rows at a time."""

import json
import tracemalloc

import numpy as np
import pytest

from perennial_container.predictor import Predictions
from perennial_container.serving.answers import CHUNK, AnswerWriter

CLASSES = ("no", "yes, or {no}")


def predictions(rows: int) -> Predictions:
    scores = np.linspace(0, 1, rows)
    return Predictions(scores, (scores >= 0.5).astype(np.int64))


def records(body: bytes, form: str) -> list:
    if form == "json":
        return json.loads(body)["predictions"]
    lines = body.decode().splitlines()
    return lines if form == "csv" else [json.loads(line) for line in lines]


@pytest.mark.parametrize("rows", [1, CHUNK, CHUNK + 1, 3 * CHUNK - 1])
@pytest.mark.parametrize("form", ["csv", "json", "jsonlines"])
@pytest.mark.parametrize("parts", ["both", "labels", "probabilities"])
def test_rows_are_written_as_alone(rows: int, form: str, parts: str) -> None:
    """However many rows there are, each is written as it would be alone, in their order."""
    writer, found = AnswerWriter(CLASSES), predictions(rows)
    alone = [writer.write(found.part(row, row + 1), form, parts) for row in range(rows)]
    assert records(writer.write(found, form, parts), form) == [
        record for each in alone for record in records(each, form)
    ]


@pytest.mark.parametrize("form", ["csv", "json", "jsonlines"])
def test_a_large_answer_takes_little_memory(form: str) -> None:
    """Writing an answer takes hardly more memory than the answer, and the objects of some rows, are."""
    writer, found = AnswerWriter(CLASSES), predictions(64 * CHUNK)
    writer.write(predictions(CHUNK), form)
    tracemalloc.start()
    written = writer.write(found, form)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2.5 * len(written) + 4096 * CHUNK
