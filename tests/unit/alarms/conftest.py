"""What the tests of alarms share."""

import pytest
from alarms.ringing import model_in_service


@pytest.fixture
def world():
    """A model with all monitors in service, whose newest dataset was not trained on yet."""
    return model_in_service()
