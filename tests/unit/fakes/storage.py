"""The data bucket, the catalog, the ledger and the state in memory."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

from fakes.constants import NOW
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.deployment import Rollout
from perennial.errors import Conflict
from perennial.ports import LedgerEntry

_ANYTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class InMemoryObject:
    key: str
    size: int
    etag: str
    last_modified: datetime


@dataclass
class InMemoryBucket:
    name: str = "data"
    bodies: dict[str, bytes] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)

    def list(self, prefix: str) -> Sequence[InMemoryObject]:
        return [
            InMemoryObject(key, len(body), f"{hash(body):x}", self.times.get(key, NOW))
            for key, body in sorted(self.bodies.items())
            if key.startswith(prefix)
        ]

    def names_under(self, prefix: str) -> Sequence[str]:
        rests = [key.removeprefix(prefix) for key in self.bodies if key.startswith(prefix)]
        return sorted({rest.split("/")[0] for rest in rests if "/" in rest})

    def read(self, key: str) -> bytes | None:
        return self.bodies.get(key)

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self.bodies[key])

    def open_ranged(self, key: str) -> BinaryIO:
        return self.open(key)

    def write(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        self.bodies[key] = body


@dataclass
class InMemoryCatalog:
    configs: dict[str, ModelConfig] = field(default_factory=dict)

    def get(self, model: str) -> ModelConfig | None:
        return self.configs.get(model)

    def put(self, config: ModelConfig, now: datetime) -> None:
        self.configs[config.model] = config

    def models(self) -> Sequence[str]:
        return sorted(self.configs)


@dataclass
class InMemoryLedger:
    decisions: list[Decision] = field(default_factory=list)

    def record(self, decision: Decision) -> None:
        self.decisions.append(decision)

    def newest(self, model: str, most: int) -> Sequence[LedgerEntry]:
        found = [LedgerEntry(NOW, decision) for decision in self.decisions if decision.model == model]
        return found[::-1][:most]

    @property
    def outcomes(self) -> list[str]:
        return [decision.outcome for decision in self.decisions]


@dataclass
class InMemoryState:
    documents: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    rollouts: dict[str, Rollout] = field(default_factory=dict)

    def get(self, model: str, name: str) -> Mapping[str, Any] | None:
        return self.documents.get((model, name))

    def put(
        self,
        model: str,
        name: str,
        value: Mapping[str, Any],
        *,
        expected: Mapping[str, Any] | None = _ANYTHING,
    ) -> None:
        if expected is not _ANYTHING and self.documents.get((model, name)) != expected:
            raise Conflict(name)
        self.documents[model, name] = value

    def all(self, model: str, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        return {
            name.removeprefix(prefix): value
            for (owner, name), value in self.documents.items()
            if owner == model and name.startswith(prefix)
        }

    def rollout(self, model: str) -> Rollout | None:
        return self.rollouts.get(model)

    def put_rollout(self, model: str, rollout: Rollout, *, expected: Rollout | None) -> None:
        if self.rollouts.get(model) != expected:
            raise Conflict("rollout")
        self.rollouts[model] = rollout
