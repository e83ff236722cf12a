"""The ledger table on DynamoDB: the models in force, what we must remember of them, and every decision.

pk              sk                      holds
models          <model>                 the configuration in force
state#<model>   drop#.. | rollout | ..  a small JSON document
model#<model>   <ISO time>#<id>         a decision (the ledger)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError
from pydantic import ValidationError

from perennial import layout
from perennial.aws.bus import EventBus
from perennial.aws.clients import client, code
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.deployment import Rollout
from perennial.errors import ConfigError, Conflict
from perennial.losses import Loss
from perennial.ports import LedgerEntry

_ANYTHING: Mapping[str, Any] = {}

# What has done its duty leaves the table (DynamoDB's time to live, within days): a model that is watched every
# hour would have a hundred thousand of these in a few years, and each sweep reads them. The ledger keeps all.
LIFETIMES = {
    "window#": timedelta(days=60),
    "asked#": timedelta(days=60),
    "delivery#": timedelta(days=30),
    "intent#": timedelta(days=30),
    "drill#": timedelta(days=30),
}


class Table:
    """DynamoDB items of two strings as the key and one JSON document as the body."""

    def __init__(self, name: str, dynamodb: Any = None) -> None:
        self._name = name
        self._dynamodb = dynamodb or client("dynamodb")

    def get(self, pk: str, sk: str) -> str | None:
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        item = self._dynamodb.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")
        return str(item["body"]["S"]) if item else None

    def put(
        self,
        pk: str,
        sk: str,
        attributes: Mapping[str, str],
        expires: datetime | None = None,
        **condition: Any,
    ) -> None:
        item = {name: {"S": value} for name, value in {"pk": pk, "sk": sk, **attributes}.items()}
        if expires:
            item["expires"] = {"N": str(int(expires.timestamp()))}
        try:
            self._dynamodb.put_item(TableName=self._name, Item=item, **condition)
        except ClientError as error:
            if code(error) == "ConditionalCheckFailedException":
                raise Conflict(f"{pk}/{sk} was changed by somebody else; a retry sees the change") from error
            raise

    def query(self, pk: str, prefix: str = "", *, newest_first: bool = False) -> Iterator[tuple[str, str]]:
        """Sort keys and bodies of a partition."""
        condition, values = "pk = :pk", {":pk": {"S": pk}}
        if prefix:
            condition, values = condition + " AND begins_with(sk, :sk)", values | {":sk": {"S": prefix}}
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            ScanIndexForward=not newest_first,
        )
        for page in pages:
            for item in page["Items"]:
                yield item["sk"]["S"], item["body"]["S"]


class TableCatalog:
    """The last valid model.yaml of each model."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, model: str) -> ModelConfig | None:
        body = self._table.get("models", model)
        if body is None:
            return None
        try:
            return ModelConfig.model_validate_json(body)
        except ValidationError as error:
            told = (
                f"the configuration of {model} in force is of another release, and this one does not read it "
                f"({error.errors()[0]['msg']}): upload {layout.config_key(model)} again"
            )
            raise ConfigError([told]) from error

    def put(self, config: ModelConfig, now: datetime) -> None:
        body = config.model_dump_json(by_alias=True)
        self._table.put("models", config.model, {"body": body, "at": now.isoformat(timespec="seconds")})

    def models(self) -> Sequence[str]:
        return [model for model, _ in self._table.query("models")]


class TableState:
    """Small documents per model. A write may insist that nobody else wrote in between."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, model: str, name: str) -> Mapping[str, Any] | None:
        body = self._table.get(f"state#{model}", name)
        return json.loads(body) if body else None

    def put(
        self,
        model: str,
        name: str,
        value: Mapping[str, Any],
        *,
        expected: Mapping[str, Any] | None = _ANYTHING,
    ) -> None:
        condition: dict[str, Any] = {}
        if expected is None:
            condition = {"ConditionExpression": "attribute_not_exists(pk)"}
        elif expected is not _ANYTHING:
            condition = {
                "ConditionExpression": "body = :expected",
                "ExpressionAttributeValues": {":expected": {"S": _dump(expected)}},
            }
        lifetime = next((life for prefix, life in LIFETIMES.items() if name.startswith(prefix)), None)
        expires = datetime.now(UTC) + lifetime if lifetime else None
        self._table.put(f"state#{model}", name, {"body": _dump(value)}, expires, **condition)

    def all(self, model: str, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        found = self._table.query(f"state#{model}", prefix)
        return {name.removeprefix(prefix): json.loads(body) for name, body in found}

    def rollout(self, model: str) -> Rollout | None:
        value = self.get(model, "rollout")
        if value is None:
            return None
        lost = tuple(Loss(**loss) for loss in value.get("lost", ()))
        started_at = datetime.fromisoformat(value["started_at"])
        return Rollout(**{**value, "started_at": started_at, "lost": lost})

    def put_rollout(self, model: str, rollout: Rollout, *, expected: Rollout | None) -> None:
        self.put(model, "rollout", _document(rollout), expected=_document(expected) if expected else None)


def _document(rollout: Rollout) -> dict[str, Any]:
    document = asdict(rollout) | {"started_at": rollout.started_at.isoformat()}
    for name in ("lost", "endpoint", "instance"):
        if not document[name]:
            del document[name]
    return document


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, default=str)


class TableLedger:
    """Every decision with its reason. News goes to the bus first: a decision kept but not told would be silence."""

    def __init__(self, table: Table, bus: EventBus) -> None:
        self._table = table
        self._bus = bus

    def record(self, decision: Decision) -> None:
        if decision.news:
            self._bus.announce(decision)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._table.put(
            f"model#{decision.model}",
            f"{at}#{uuid4().hex[:8]}",
            {
                "at": at,
                "model": decision.model,
                "fact": decision.fact,
                "decision": decision.outcome,
                "reason": decision.reason,
                "news": decision.news or "none",
                "details": _dump(decision.details),
                "body": _dump(decision.as_dict()),
            },
        )

    def newest(self, model: str, most: int) -> Sequence[LedgerEntry]:
        """A model's newest decisions, newest first."""
        found = islice(self._table.query(f"model#{model}", newest_first=True), most)
        return [
            LedgerEntry(datetime.fromisoformat(key.partition("#")[0]), Decision(**json.loads(body)))
            for key, body in found
        ]
