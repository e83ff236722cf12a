"""What the tests of rollouts share."""

import pytest
from rollouts.under_way import approved_again


@pytest.fixture
def world():
    """Version 1 is in service, version 2 is approved."""
    return approved_again()
