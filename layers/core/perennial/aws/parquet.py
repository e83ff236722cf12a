"""Handing a drop of Parquet to the function that has the reader."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from perennial.aws.clients import client
from perennial.events import SOURCE


class ParquetFunction:
    """Invoked asynchronously, with the event that the sweep would send."""

    def __init__(self, name: str, lambda_: Any = None) -> None:
        self._name = name
        self._lambda = lambda_ or client("lambda")

    def start_training(self, model: str, drop: str) -> None:
        event = {
            "version": "0",
            "id": str(uuid4()),
            "detail-type": "Model Due",
            "source": SOURCE,
            "account": "",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "region": "",
            "resources": [],
            "detail": {
                "model": model,
                "reaction": "start_training",
                "subject": drop,
                "because": "the drop is Parquet",
            },
        }
        self._lambda.invoke(
            FunctionName=self._name, InvocationType="Event", Payload=json.dumps(event).encode()
        )
