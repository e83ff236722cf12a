"""The traffic that is made beside the tests is importable; its baseline is made once."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from loans import known_files


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    """What training left of the model."""
    return known_files()
