"""The split by content."""

from hashlib import blake2b
from struct import pack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_container.training.holdout import held_out, number_cells, row_hashes, text_cells

NUMBERS = st.lists(st.floats(allow_infinity=False), min_size=1, max_size=50)


def hashes(numbers: list[float], texts: list[str], seed: int = 0) -> np.ndarray:
    distinct = sorted(set(texts))
    codes = np.array([distinct.index(text) for text in texts], np.int32)
    return row_hashes([number_cells(np.array(numbers)), text_cells(codes, distinct)], seed)


def test_definition():
    """The hash of a row is what the module says it is."""
    row = pack("<d", 1.5) + blake2b("größe".encode(), digest_size=8).digest()
    expected = blake2b(row, digest_size=8, salt=(7).to_bytes(8, "little")).digest()
    assert hashes([1.5], ["größe"], 7).tobytes() == expected


@given(NUMBERS, st.integers(0, 1000))
def test_rows_are_independent(numbers: list[float], seed: int):
    """A row's side depends on its own cells only, not on its neighbours or its place."""
    texts = [str(number) for number in numbers]
    together = hashes(numbers, texts, seed)
    alone = [hashes([number], [text], seed)[0] for number, text in zip(numbers, texts, strict=True)]
    assert together.tolist() == alone
    assert hashes(numbers[::-1], texts[::-1], seed)[::-1].tolist() == alone


@given(NUMBERS, st.floats(0, 0.9), st.floats(0, 0.9))
def test_shares_are_nested(numbers: list[float], one: float, other: float):
    """A larger share holds out all rows of a smaller one, and then some."""
    found = hashes(numbers, ["x"] * len(numbers))
    small, large = sorted((one, other))
    assert not (held_out(found, small) & ~held_out(found, large)).any()
    assert not held_out(found, 0.0).any()


def test_share():
    """About the asked share of different rows is held out, another seed holds out others."""
    numbers = np.arange(20_000.0)
    sides = [held_out(row_hashes([number_cells(numbers)], seed), 0.2) for seed in (0, 1)]
    assert [side.mean() for side in sides] == pytest.approx([0.2, 0.2], abs=0.01)
    assert (sides[0] & sides[1]).mean() == pytest.approx(0.04, abs=0.01)


def test_missing_and_zero():
    """Every NaN is the same cell, zero has no sign, and a missing text is not an empty one."""
    cells = number_cells(np.array([np.nan, -np.nan, 0.0, -0.0]))
    assert cells[0] == cells[1] != cells[2] == cells[3]
    texts = text_cells(np.array([-1, 0], np.int32), [""])
    assert texts[0] != texts[1]
