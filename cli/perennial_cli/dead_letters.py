"""What failed in spite of its retries: shown, and tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3

CAPTURED = "WriteCapture"  # stands for the function: its queue invokes it
PATIENCE = 30  # seconds that a message is ours while we look at it


@dataclass(frozen=True)
class DeadLetter:
    """A failed event, the function that it was for, and why it failed."""

    function: str
    event: dict[str, Any]
    error: str
    receipt: str

    @property
    def subject(self) -> str:
        """What the event is about, in a few words."""
        detail = self.event.get("detail") or {}
        if not isinstance(detail, dict):
            return ""
        key = detail.get("object", {}).get("key") if isinstance(detail.get("object"), dict) else None
        names = ("model", "TrainingJobName", "ModelPackageArn", "EndpointName")
        return str(key or next((detail[name] for name in names if name in detail), ""))


def parse(message: dict[str, Any]) -> DeadLetter:
    """A message of the queue: from Lambda (a failed invocation), from EventBridge (a failed delivery), or from the
    queue of captured records (one that was not written)."""
    body = json.loads(message["Body"])
    if "event_id" in body:
        return DeadLetter(CAPTURED, body, "captured traffic could not be written", message["ReceiptHandle"])
    if "requestContext" in body:
        answer = body.get("responsePayload") or {}
        error = answer.get("errorMessage") or body["requestContext"].get("condition", "unknown")
        function = body["requestContext"]["functionArn"].removesuffix(":$LATEST")
        return DeadLetter(function, body["requestPayload"], str(error), message["ReceiptHandle"])
    attributes = {
        key: value.get("StringValue", "") for key, value in message.get("MessageAttributes", {}).items()
    }
    error = attributes.get("ERROR_MESSAGE") or attributes.get("ERROR_CODE") or "delivery failed"
    return DeadLetter(attributes.get("TARGET_ARN", ""), body, error, message["ReceiptHandle"])


def receive(queue_url: str) -> Iterator[DeadLetter]:
    """Every message once; each is invisible to others for a moment and then back, unless deleted."""
    sqs, seen = boto3.client("sqs"), set()
    while messages := sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=PATIENCE, MessageAttributeNames=["All"]
    ).get("Messages", []):
        new = [message for message in messages if message["MessageId"] not in seen]
        if not new:
            return
        for message in new:
            seen.add(message["MessageId"])
            yield parse(message)


def release(queue_url: str, letters: list[DeadLetter]) -> None:
    """Give messages back that were only looked at."""
    sqs = boto3.client("sqs")
    for letter in letters:
        sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=letter.receipt, VisibilityTimeout=0)


def redrive(queue_url: str, letter: DeadLetter, captures_url: str = "") -> None:
    """Invoke the function with the same event again, or put a captured record into its queue again; only then forget
    the message."""
    if letter.function == CAPTURED:
        boto3.client("sqs").send_message(
            QueueUrl=captures_url, MessageBody=json.dumps({**letter.event, "again": True})
        )
    else:
        boto3.client("lambda").invoke(
            FunctionName=letter.function, InvocationType="Event", Payload=json.dumps(letter.event).encode()
        )
    boto3.client("sqs").delete_message(QueueUrl=queue_url, ReceiptHandle=letter.receipt)
