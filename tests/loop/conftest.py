"""A private twin with the stack deployed, for all tests of the loop."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# A plain module beside this file, however pytest imports the tests.
sys.path.insert(0, str(Path(__file__).parent))

from stranger import Stack

from stack import running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack on a twin of its own; people listen to its notices from the start."""
    with running.stack(tmp_path_factory.mktemp("twin")) as deployed:
        found = Stack(deployed.twin.endpoint, deployed.outputs)
        found.listen()
        yield found


@pytest.fixture(autouse=True)
def no_dead_letters(stack: Stack) -> Iterator[None]:
    """No test leaves a dead letter behind: one that causes them, redrives them."""
    yield
    left = stack.dead_letters()
    if left:  # the next test is not to blame
        stack.client("sqs").purge_queue(QueueUrl=stack.outputs["DeadLetters"])
    assert left == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker("loop")
            item.add_marker(pytest.mark.timeout(600))
