"""The fakes of the unit tests and the adapters to AWS do the same: each case runs on memory and on a twin."""

from collections.abc import Iterator
from typing import Any

import pytest
from memory_and_twin import in_memory, on_twin
from running_twin import Twin, answering, free_port, launch, unique


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A module's own twin, with containers that do as they are told."""
    started = answering(launch(tmp_path_factory.mktemp("adapters"), free_port()))
    yield started
    assert started.stop() == 0


@pytest.fixture(scope="module")
def started(twin: Twin) -> Any:
    """The adapters to the twin."""
    return on_twin(twin)


@pytest.fixture(params=["memory", "twin"])
def world(request: pytest.FixtureRequest) -> Any:
    return in_memory() if request.param == "memory" else request.getfixturevalue("started")


@pytest.fixture
def model() -> str:
    return unique("model")
