"""The traffic that is made beside the tests is importable; its baseline is made once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from loans import baseline_of, rows


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """The baseline of 6,000 rows of training and 2,000 held out."""
    return baseline_of(rows(6000, 1), rows(2000, 2))
