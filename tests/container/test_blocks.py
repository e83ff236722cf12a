"""A graph runs on many rows in blocks, and gives what it gives for all at once."""

import os
import sys
import threading

import numpy as np
import pytest

from perennial_container.blocks import BLOCK, SMALLEST, BlockSession, blocks
from perennial_container.cpu import LOWER


class Doubling:
    """Doubles its rows; notes how many it was given at a time."""

    def __init__(self):
        self.sizes = []

    def run(self, _, inputs):
        [rows] = inputs.values()
        self.sizes.append(len(rows))
        return [rows * 2]


class Meeting:
    """Comes back once two runs are under way at the same time."""

    def __init__(self):
        self.both = threading.Barrier(2, timeout=10)
        self.priorities = set()

    def run(self, _, inputs):
        self.priorities.add(os.getpriority(os.PRIO_PROCESS, 0))
        self.both.wait()
        return [inputs["x"]]


class Telling:
    """Notes which thread runs it."""

    def __init__(self):
        self.threads = []

    def run(self, _, inputs):
        self.threads.append(threading.current_thread())
        return [inputs["x"]]


class Refusing:
    def run(self, _, inputs):
        if inputs["x"][0, 0] > BLOCK:
            raise ValueError("too much")
        return [inputs["x"]]


def column(rows):
    return np.arange(rows, dtype=np.float32)[:, None]


@pytest.mark.parametrize("rows", [0, 1, BLOCK, BLOCK + 1, 5 * BLOCK, 5 * BLOCK + 7])
@pytest.mark.parametrize("threads", [2, 3])
def test_the_order_of_rows(rows, threads):
    """Whichever block is ready first, the outputs are in the rows' order, and no block is larger than the limit."""
    inner = Doubling()
    [found] = BlockSession(inner, threads).run(["y"], {"x": column(rows)})
    assert (found == column(rows) * 2).all()
    assert sum(inner.sizes) == rows
    assert max(inner.sizes) <= BLOCK


def test_blocks_run_at_the_same_time():
    """Two blocks are under way at once."""
    [found] = BlockSession(Meeting(), 2).run(["y"], {"x": column(2 * BLOCK)})
    assert len(found) == 2 * BLOCK


def test_helpers_give_way():
    """Whoever helps with blocks has a lower priority than the main thread, where the system knows one of threads."""
    own, meeting = os.getpriority(os.PRIO_PROCESS, 0), Meeting()
    BlockSession(meeting, 2).run(["y"], {"x": column(2 * BLOCK)})
    assert meeting.priorities == {own, min(own + LOWER, 19) if sys.platform == "linux" else own}


def test_a_block_that_fails():
    """What a block raises is raised, whoever ran it."""
    with pytest.raises(ValueError, match="too much"):
        BlockSession(Refusing(), 2).run(["y"], {"x": column(4 * BLOCK)})


@pytest.mark.parametrize(
    "sizes", [[1], [3, 4], [SMALLEST] * 3, [1] * (2 * SMALLEST + 1), [BLOCK * 3 + 1, 2, BLOCK]]
)
def test_rows_that_come_in_parts(sizes):
    """The outputs are those of all rows at once, and parts are gathered and cut until they are worth a run."""
    rows = column(sum(sizes))
    parts = np.split(rows, np.cumsum(sizes)[:-1])
    inner = Doubling()
    [found] = BlockSession(inner, 2).run_parts(["y"], "x", iter(parts))
    assert (found == rows * 2).all()
    assert sum(inner.sizes) == len(rows)
    assert max(inner.sizes) <= BLOCK
    assert (np.concatenate(list(blocks(parts))) == rows).all()
    assert (
        sum(len(block) < SMALLEST for block in blocks(parts))
        <= len([size for size in sizes if size > BLOCK]) + 1
    )


def test_parts_run_while_others_are_made():
    """The first part is run before the second is there."""
    begun = threading.Event()

    class Telling:
        def run(self, _, inputs):
            begun.set()
            return [inputs["x"]]

    def made():
        yield column(BLOCK)
        assert begun.wait(timeout=10)
        yield column(BLOCK)

    [found] = BlockSession(Telling(), 2).run_parts(["y"], "x", made())
    assert len(found) == 2 * BLOCK


def test_parts_that_end_in_an_error():
    """What making a part raises is raised, and the session runs the next rows."""

    def made():
        yield column(BLOCK)
        raise ValueError("no number")

    session = BlockSession(Doubling(), 2)
    with pytest.raises(ValueError, match="no number"):
        session.run_parts(["y"], "x", made())
    assert len(session.run(["y"], {"x": column(2 * BLOCK)})[0]) == 2 * BLOCK


def test_few_rows_in_parts_wake_no_thread():
    """What is less than a block's worth is run by whoever read it: handing it over costs more."""
    inner, before = Telling(), set(threading.enumerate())
    BlockSession(inner, 2).run_parts(["y"], "x", iter([column(60), column(40)]))
    assert inner.threads == [threading.current_thread()]
    assert set(threading.enumerate()) <= before
