"""Rows of requests that arrive together are predicted together; nobody waits for others to arrive.

A request's rows join the batch that is open; the batch closes as soon as the event loop has read what had
already arrived. A lone request is its own batch at once.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

import numpy as np

from perennial_container.predictor import Predictions
from perennial_container.table import Matrix

Predict = Callable[[Matrix], Predictions]


class Waiting(Protocol):
    """A request whose rows are to be predicted. Neither method raises anything."""

    def answer(self, predictions: Predictions) -> None: ...

    def fail(self, error: Exception) -> None: ...


class Batcher:
    """Collects rows of one model on one event loop; `predict` takes and gives rows in order."""

    def __init__(self, predict: Predict, loop: asyncio.AbstractEventLoop) -> None:
        self._predict = predict
        self._loop = loop
        self._waiting: list[tuple[Matrix, Waiting]] = []
        self.batches = 0

    def add(self, rows: Matrix, waiting: Waiting) -> None:
        """Tell it the predictions of these rows, once the batch that they join is predicted."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append((rows, waiting))

    def submit(self, rows: Matrix) -> asyncio.Future[Predictions]:
        """The same for who can wait."""
        future: asyncio.Future[Predictions] = self._loop.create_future()
        self.add(rows, _Future(future))
        return future

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        self.batches += 1
        if len(waiting) == 1:
            self._alone(*waiting[0])
            return
        try:
            together = self._predict(np.concatenate([rows for rows, _ in waiting]))
        except Exception:  # noqa: BLE001 - ONNX Runtime's errors share no base class; each answers for itself
            for rows, each in waiting:
                self._alone(rows, each)
            return
        start = 0
        for rows, each in waiting:
            end = start + len(rows)
            each.answer(together.part(start, end))
            start = end

    def _alone(self, rows: Matrix, waiting: Waiting) -> None:
        try:
            found = self._predict(rows)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
            waiting.fail(error)
        else:
            waiting.answer(found)


class _Future:
    """Somebody who waits for a future; it is done already when its client has gone."""

    def __init__(self, future: asyncio.Future[Predictions]) -> None:
        self._future = future

    def answer(self, predictions: Predictions) -> None:
        if not self._future.done():
            self._future.set_result(predictions)

    def fail(self, error: Exception) -> None:
        if not self._future.done():
            self._future.set_exception(error)
