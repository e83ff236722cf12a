"""Whether a version answers its own sample rows with sense. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from perennial.words import counted

INFERENCE_ID = "perennial-smoke-test"  # in the captured traffic
TELLING = 1e-3  # a smaller spread of the expected scores, in their own size, tells no constant answer from a right one


@dataclass(frozen=True)
class Sample:
    """The golden sample of a model's artefact: rows by column, and what training saw as their scores."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    scores: tuple[Any, ...]

    @classmethod
    def read(cls, description: bytes) -> Self | None:
        """From an artefact's model.json; None when it holds no sample that we can read."""
        try:
            document = json.loads(description)
            columns = tuple(str(feature["name"]) for feature in document["schema"]["features"])
            rows = tuple(tuple(row) for row in document["golden"]["rows"])
            scores = tuple(document["golden"]["scores"])
        except (ValueError, KeyError, TypeError):
            return None
        if not rows or any(len(row) != len(columns) for row in rows):
            return None
        return cls(columns, rows, scores)

    def request(self) -> str:
        """The body of a request for all rows."""
        return json.dumps({"instances": [dict(zip(self.columns, row, strict=True)) for row in self.rows]})

    @property
    def tells_constants(self) -> bool:
        """Whether a model that works must answer these rows differently."""
        scores = [value for score in self.scores for value in _numbers(score)]
        if len(set(map(repr, self.rows))) < 2 or len(scores) != len(self.rows):
            return False
        return max(scores) - min(scores) > TELLING * max(1.0, *map(abs, scores))


def nonsense(sample: Sample, answer: str) -> str | None:
    """What is wrong with the answer, as a clause; None when it makes sense."""
    try:
        predictions = json.loads(answer)["predictions"]
    except (ValueError, KeyError, TypeError):
        return f"it does not answer with predictions as JSON, but with {answer[:80]!r}"
    if not isinstance(predictions, Sequence) or len(predictions) != len(sample.rows):
        found = (
            counted(len(predictions), "prediction") if isinstance(predictions, Sequence) else "no predictions"
        )
        return f"it answers {counted(len(sample.rows), 'row')} with {found}"
    for number, prediction in enumerate(predictions, 1):
        score = prediction.get("score") if isinstance(prediction, Mapping) else None
        if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
            return f"its prediction of row {number} of {len(sample.rows)} has no number as its score: {prediction!r:.80}"
    if sample.tells_constants and len(set(map(repr, predictions))) == 1:
        return f"it answers {len(sample.rows)} different rows with one and the same prediction: {predictions[0]!r:.80}"
    return None


def _numbers(score: Any) -> list[float]:
    """A score as training wrote it: a number, or a list of one. Those of several classes tell nothing here."""
    values = list(score) if isinstance(score, list) else [score]
    return [float(value) for value in values if isinstance(value, int | float)] if len(values) == 1 else []
