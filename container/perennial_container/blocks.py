"""Runs a graph on many rows in blocks, as many at a time as there are processors.

ONNX Runtime's own threads cut the rows into equal parts and wait for the slowest, and cost some CPU with the few
rows of most requests. Blocks are taken by whoever is free, and few rows are one block.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from perennial_container.cpu import give_way

BLOCK = 512  # rows
SMALLEST = 256  # fewer cost more to hand over than to run

Rows = npt.NDArray[Any]
Inputs = Mapping[str, Rows]


class Run(Protocol):
    """A session of ONNX Runtime; it lets other threads run meanwhile."""

    def run(self, names: Sequence[str], inputs: Inputs) -> list[Any]: ...


class BlockSession:
    """A session whose outputs for a row do not depend on the rows beside it; `threads` is at least 2."""

    def __init__(self, session: Run, threads: int) -> None:
        self._session = session
        self._helpers = threads - 1
        self._pool = ThreadPoolExecutor(self._helpers, thread_name_prefix="blocks", initializer=give_way)

    def run(self, names: Sequence[str], inputs: Inputs) -> list[Any]:
        """The named outputs for all rows, in their order."""
        [(name, rows)] = inputs.items()
        if len(rows) <= BLOCK:
            return self._session.run(names, inputs)
        return self.run_parts(names, name, [rows])

    def run_parts(self, names: Sequence[str], name: str, parts: Iterable[Rows]) -> list[Any]:
        """The same for rows that come in parts, at least one: the first are run while the next are still being made.

        Raises what making them raises.
        """
        ready = blocks(parts)
        first = next(ready)
        if len(first) < SMALLEST:  # then it is the last one, too
            return self._session.run(names, {name: first})
        waiting: SimpleQueue[tuple[int, Rows] | None] = SimpleQueue()
        found: dict[int, list[Any]] = {}

        def work() -> None:
            while (block := waiting.get()) is not None:
                place, rows = block
                found[place] = self._session.run(names, {name: rows})

        helpers = [self._pool.submit(work) for _ in range(self._helpers)]
        try:
            for block in enumerate(chain([first], ready)):
                waiting.put(block)
        except BaseException:
            with suppress(Empty):  # what is there already is not needed any more
                while True:
                    waiting.get_nowait()
            raise
        finally:
            for _ in range(self._helpers + 1):
                waiting.put(None)
        work()
        for helper in helpers:
            if not helper.cancel():  # one that has not begun is not needed any more
                helper.result()
        return [
            np.concatenate(outputs)
            for outputs in zip(*(found[place] for place in sorted(found)), strict=True)
        ]


def blocks(parts: Iterable[Rows]) -> Iterator[Rows]:
    """The same rows, in parts that are neither too large nor, but for the last, too small."""
    held: list[Rows] = []
    for part in parts:
        held.append(part)
        if sum(map(len, held)) >= SMALLEST:
            together = held[0] if len(held) == 1 else np.concatenate(held)
            held = []
            for start in range(0, len(together), BLOCK):
                yield together[start : start + BLOCK]
    if held:
        yield np.concatenate(held)
