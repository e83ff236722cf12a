"""The queue of captured records: what is in it survives the function that put it there."""

from __future__ import annotations

from typing import Any

from perennial.aws.clients import client


class CaptureQueue:
    def __init__(self, url: str, sqs: Any = None) -> None:
        self._url = url
        self._sqs = sqs or client("sqs")

    def send(self, body: str) -> None:
        self._sqs.send_message(QueueUrl=self._url, MessageBody=body)
