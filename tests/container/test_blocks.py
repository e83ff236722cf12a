"""A graph runs on many rows in blocks, and gives what it gives for all at once."""

import threading

import numpy as np
import pytest

from perennial_container.blocks import BLOCK, BlockSession


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

    def run(self, _, inputs):
        self.both.wait()
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


def test_a_block_that_fails():
    """What a block raises is raised, whoever ran it."""
    with pytest.raises(ValueError, match="too much"):
        BlockSession(Refusing(), 2).run(["y"], {"x": column(4 * BLOCK)})
