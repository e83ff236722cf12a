"""Small data and small clients for the benchmarks that turn the loop."""

from __future__ import annotations

import csv
import io
import random
import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

from stack.places import REGION
from stack.release import CREDENTIALS
from stack.running import Running

MODEL_YAML = """model: {model}
problem: binary_classification
target: approved
training: {{hyperparameters: {{rounds: 20}}}}
gate: {{approval: {approval}}}
endpoint: {{instances: 1, rollout: {{type: all_at_once, bake_minutes: 0}}}}
scaling: {{min: 1, max: 2}}
"""


class Account:
    """The twin's account, as a user's boto3 sees it."""

    def __init__(self, running: Running) -> None:
        self._session = boto3.Session(
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        self._endpoint = running.twin.endpoint
        self.bucket = running.outputs["DataBucket"]
        self.table = running.outputs["LedgerTable"]

    def client(self, service: str) -> Any:
        make: Any = self._session.client
        return make(service, endpoint_url=self._endpoint, config=Config(retries={"max_attempts": 1}))

    def ledger(self, model: str) -> list[dict[str, str]]:
        pages = (
            self.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": f"model#{model}"}},
            )
        )
        return [{key: value["S"] for key, value in item.items()} for page in pages for item in page["Items"]]


def table(seed: int, rows: int = 300) -> bytes:
    """A CSV file that a tree learns something from."""
    chance = random.Random(seed)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["income", "debt", "region", "approved"])
    for _ in range(rows):
        income, debt = chance.gauss(50, 15), chance.gauss(20, 8)
        score = income - debt + chance.gauss(0, 10)
        writer.writerow(
            [f"{income:.2f}", f"{debt:.2f}", chance.choice("NESW"), "yes" if score > 30 else "no"]
        )
    return text.getvalue().encode()


def wait(what: str, done: Callable[[], Any], seconds: float, pause: float = 0.1) -> Any:
    """Poll until something true comes back."""
    until = time.monotonic() + seconds
    while not (found := done()):
        if time.monotonic() > until:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(pause)
    return found
