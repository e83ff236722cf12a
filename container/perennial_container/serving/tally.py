"""What the model predicts, summed up and told once a minute in CloudWatch's embedded metric format.

Off unless CreateModel named the endpoint config in the environment. Sums, not means: those of several instances add up.
The prediction itself costs an addition more; the telling has a thread of its own.
"""

import atexit
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np

from perennial_container.predictor import Doubles, Predictions
from perennial_container.serving.answers import AnswerWriter
from perennial_container.serving.media import Form
from perennial_container.serving.wishes import Parts

CONFIG_VARIABLE = "PERENNIAL_ENDPOINT_CONFIG"
SECONDS_VARIABLE = "PERENNIAL_METRICS_SECONDS"
NAMESPACE = "Perennial/Serving"
EVERY = 60.0  # seconds: CloudWatch keeps standard metrics by the minute
LARGEST = 1e150
METRICS = ("PredictionCount", "PredictionSum", "PredictionSquareSum")


class Tally:
    """Count, sum and sum of squares of the scores since they were last told; for any number of threads."""

    def __init__(self, config_name: str, tell: Callable[[str], None]) -> None:
        self._config, self._tell = config_name, tell
        self._lock = threading.Lock()
        self._count, self._sum, self._squares = 0, 0.0, 0.0

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self | None:
        """One that tells on its own from now on and once more at the end; None where nobody asked for it."""
        config_name = environment.get(CONFIG_VARIABLE)
        if not config_name:
            return None
        found = cls(config_name, lambda line: print(line, file=sys.stdout, flush=True))
        seconds = float(environment.get(SECONDS_VARIABLE) or EVERY)
        threading.Thread(
            target=found._tell_again_and_again, args=(seconds,), name="tally", daemon=True
        ).start()
        atexit.register(found.tell)
        return found

    def add(self, scores: Doubles) -> None:
        """The scores of one request. What is no finite number, or too large to square, is left out."""
        count, total, squares = _sums(scores)
        if not math.isfinite(squares):
            count, total, squares = _sums(scores[np.abs(scores) < LARGEST])
        with self._lock:
            self._count += count
            self._sum += total
            self._squares += squares

    def tell(self) -> None:
        """One line with what came together since the last; none for nothing."""
        with self._lock:
            found = self._count, self._sum, self._squares
            self._count, self._sum, self._squares = 0, 0.0, 0.0
        if found[0]:
            self._tell(line(self._config, found, time.time()))

    def _tell_again_and_again(self, seconds: float) -> None:
        while True:
            time.sleep(seconds)
            self.tell()


def _sums(scores: Doubles) -> tuple[int, float, float]:
    if scores.size == 1:  # most requests: numpy's own sums would take longer
        only = float(scores[0])
        return 1, only, only * only
    with np.errstate(over="ignore", invalid="ignore"):
        return scores.size, float(scores.sum()), float(np.dot(scores, scores))


def line(config_name: str, found: tuple[int, float, float], at: float) -> str:
    """CloudWatch's embedded metric format, as CloudWatch Logs takes it from a log line. Pure."""
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [["EndpointConfig"]],
        "Metrics": [{"Name": name, "Unit": "None"} for name in METRICS],
    }
    about = {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}
    values = dict(zip(METRICS, found, strict=True))
    return json.dumps({"_aws": about, "EndpointConfig": config_name, **values}, separators=(",", ":"))


class TallyingWriter(AnswerWriter):
    """Writes answers, and counts what they say."""

    def __init__(self, classes: Sequence[str], tally: Tally) -> None:
        super().__init__(classes)
        self._tally = tally

    def write(self, predictions: Predictions, form: Form, parts: Parts = "both") -> bytes:
        self._tally.add(predictions.score)
        return super().write(predictions, form, parts)
