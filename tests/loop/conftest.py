"""A private twin with the stack deployed, for all tests of the loop."""

import json
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
        found.inbox = listen(found)
        yield found


def listen(stack: Stack) -> str:
    """Subscribe a queue to the alerts topic, as a team's tool would; its URL."""
    sqs, topic = stack.client("sqs"), stack.outputs["AlertsTopic"]
    inbox = str(sqs.create_queue(QueueName="inbox")["QueueUrl"])
    found = sqs.get_queue_attributes(QueueUrl=inbox, AttributeNames=["QueueArn"])["Attributes"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": found["QueueArn"],
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=inbox, Attributes={"Policy": policy})
    stack.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=found["QueueArn"])
    return inbox


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
