"""How many rows repeat others, whatever their number."""

import pytest

from perennial.intake.duplicates import RepeatedRows


def share(rows, most_kept=1000):
    repeated = RepeatedRows(most_kept)
    for start in range(0, len(rows), 100):
        repeated.add(rows[start : start + 100])
    return repeated


@pytest.mark.parametrize(
    ("rows", "expected"),
    [([], 0.0), (["a"], 0.0), (["a", "a"], 0.5), (["a", "b", "a", "a"], 0.5), (["a"] * 400, 0.9975)],
)
def test_exact_while_there_are_few(rows, expected):
    """The share is that of the rows that could be left out."""
    repeated = share(rows)
    assert (expected, True) == (repeated.share, repeated.exact)


def test_an_estimate_when_there_are_many():
    """With more different rows than are kept, a sample of them gives the share."""
    rows = [f"row {n % 15_000}" for n in range(20_000)]
    repeated = share(rows, most_kept=4000)
    assert not repeated.exact
    assert 0.25 == pytest.approx(repeated.share, abs=0.05)
