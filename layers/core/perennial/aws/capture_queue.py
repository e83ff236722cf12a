"""The queue of captured records: what is in it survives the function that put it there."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from perennial.aws.clients import client
from perennial.errors import TransientError


class CaptureQueue:
    def __init__(self, url: str, sqs: Any = None) -> None:
        self._url = url
        self._sqs = sqs or client("sqs")

    def send(self, body: str) -> None:
        """Raises TransientError: a request that cannot be captured is not answered."""
        try:
            self._sqs.send_message(QueueUrl=self._url, MessageBody=body)
        except (ClientError, BotoCoreError) as error:
            raise TransientError(f"the request could not be captured: {error}") from error
