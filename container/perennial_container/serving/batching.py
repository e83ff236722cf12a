"""Rows of requests that arrive together are predicted together; nobody waits for others to arrive.

A request's rows join the batch that is open; the batch closes as soon as the event loop has read what had
already arrived. A lone request is its own batch at once.
"""

import asyncio
from collections.abc import Callable

import numpy as np

from perennial_container.predictor import Predictions
from perennial_container.table import Matrix

Predict = Callable[[Matrix], Predictions]


class Batcher:
    """Collects rows of one model on one event loop; `predict` takes and gives rows in order."""

    def __init__(self, predict: Predict) -> None:
        self._predict = predict
        self._waiting: list[tuple[Matrix, asyncio.Future[Predictions]]] = []
        self.batches = 0

    def submit(self, rows: Matrix) -> asyncio.Future[Predictions]:
        """The predictions of these rows, once the batch that they join is predicted."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Predictions] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)
        self._waiting.append((rows, future))
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
            for rows, future in waiting:
                self._alone(rows, future)
            return
        start = 0
        for rows, future in waiting:
            end = start + len(rows)
            if not future.done():
                future.set_result(together.part(start, end))
            start = end

    def _alone(self, rows: Matrix, future: asyncio.Future[Predictions]) -> None:
        if future.done():  # its client has gone
            return
        try:
            future.set_result(self._predict(rows))
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
            future.set_exception(error)
