"""Runs a graph on many rows in blocks, as many at a time as there are processors.

ONNX Runtime's own threads cut the rows into equal parts and wait for the slowest, and cost some CPU with the few
rows of most requests. Blocks are taken by whoever is free, and few rows are one block.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

BLOCK = 512  # rows

Inputs = Mapping[str, npt.NDArray[Any]]


class Run(Protocol):
    """A session of ONNX Runtime; it lets other threads run meanwhile."""

    def run(self, names: Sequence[str], inputs: Inputs) -> list[Any]: ...


class BlockSession:
    """A session whose outputs for a row do not depend on the rows beside it; `threads` is at least 2."""

    def __init__(self, session: Run, threads: int) -> None:
        self._session = session
        self._helpers = threads - 1
        self._pool = ThreadPoolExecutor(self._helpers, thread_name_prefix="blocks")

    def run(self, names: Sequence[str], inputs: Inputs) -> list[Any]:
        """The named outputs for all rows, in their order."""
        [(name, rows)] = inputs.items()
        if len(rows) <= BLOCK:
            return self._session.run(names, inputs)
        starts = range(0, len(rows), BLOCK)
        waiting, found = deque(starts), dict[int, list[Any]]()

        def work() -> None:
            while True:
                try:
                    start = waiting.popleft()
                except IndexError:
                    return
                found[start] = self._session.run(names, {name: rows[start : start + BLOCK]})

        helpers = [self._pool.submit(work) for _ in range(min(self._helpers, len(starts) - 1))]
        work()
        for helper in helpers:
            if not helper.cancel():  # one that has not begun is not needed any more
                helper.result()
        return [np.concatenate(parts) for parts in zip(*(found[start] for start in starts), strict=True)]
