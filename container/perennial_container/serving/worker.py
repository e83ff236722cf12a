"""Runs a user's own `predict` away from the event loop, one batch at a time.

What arrives while a batch is predicted is the next batch. A request waits no longer than its time, and whatever the
handler does, the server stays able to say so: a handler that does not come back makes `/ping` say why.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

import numpy as np

from perennial_container.errors import RequestError
from perennial_container.handlers import Rows
from perennial_container.predictor import Predictions

Predict = Callable[[Rows], Predictions]
Outcome = Predictions | BaseException
Waiting = list[tuple[Rows, "asyncio.Future[Predictions]"]]


class Worker:
    """For one event loop; `seconds` is the longest that a request waits for its prediction."""

    def __init__(self, predict: Predict, seconds: float) -> None:
        self._predict = predict
        self._seconds = seconds
        self._waiting: Waiting = []
        self._since: float | None = None
        self._batches: SimpleQueue[tuple[asyncio.AbstractEventLoop, Waiting] | None] = SimpleQueue()
        # A daemon: a handler that never returns must not keep the process from ending.
        threading.Thread(target=self._run, name="handler", daemon=True).start()

    async def predict(self, rows: Rows) -> Predictions:
        """Raises RequestError: what the handler raised, or 504 if it takes too long."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Predictions] = loop.create_future()
        self._waiting.append((rows, future))
        if self._since is None:
            self._start(loop)
        try:
            async with asyncio.timeout(self._seconds):
                return await future
        except TimeoutError:
            raise RequestError(
                504,
                "handler_timeout",
                f"predict of the model's handler took longer than {self._seconds:g} seconds",
            ) from None

    def stuck(self) -> float | None:
        """For how many seconds a batch has been with the handler, if that is longer than a request waits."""
        busy = 0.0 if self._since is None else time.monotonic() - self._since
        return busy if busy > self._seconds else None

    def close(self) -> None:
        """End the thread after what has been asked."""
        self._batches.put(None)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        self._since = time.monotonic()
        self._batches.put((loop, waiting))

    def _run(self) -> None:
        while (batch := self._batches.get()) is not None:
            loop, waiting = batch
            outcomes = self._together(waiting)
            if loop.is_closed():
                return
            loop.call_soon_threadsafe(self._done, loop, waiting, outcomes)

    def _together(self, waiting: Waiting) -> list[Outcome]:
        """One outcome per request; where the batch fails, each request is asked alone."""
        if len(waiting) > 1:
            together = self._outcome(np.concatenate([rows for rows, _ in waiting]))
            if isinstance(together, Predictions):
                ends = np.cumsum([len(rows) for rows, _ in waiting]).tolist()
                starts = [0, *ends]
                return [together.part(start, end) for start, end in zip(starts, ends, strict=False)]
        return [self._outcome(rows) for rows, _ in waiting]

    def _outcome(self, rows: Rows) -> Outcome:
        try:
            return self._predict(rows)
        except BaseException as error:  # noqa: BLE001 - also sys.exit(): handed to whoever waits for it
            return error

    def _done(self, loop: asyncio.AbstractEventLoop, waiting: Waiting, outcomes: list[Outcome]) -> None:
        self._since = None
        for (_, future), outcome in zip(waiting, outcomes, strict=True):
            if future.done():  # its client has gone, or its time was up
                continue
            if isinstance(outcome, Predictions):
                future.set_result(outcome)
            else:
                future.set_exception(outcome if isinstance(outcome, Exception) else _left(outcome))
        if self._waiting:
            self._start(loop)


def _left(error: BaseException) -> RequestError:
    return RequestError(
        500, "handler_failed", f"predict of the model's handler raised {type(error).__name__}"
    )
