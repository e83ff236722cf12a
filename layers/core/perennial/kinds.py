"""The kinds of endpoint a model can have, and which of its two endpoint names serves, is built, or has to go. Pure.

SageMaker changes no endpoint's kind: another kind is another endpoint, built beside the one in service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from perennial.config import ModelConfig
from perennial.names import Names

Kind = Literal["realtime", "serverless"]


@dataclass(frozen=True)
class Route:
    """The endpoint that serves a model now, and its kind.

    `other` is the model's second endpoint, while there is one: built to take over, or left to be removed.
    `since` is when the route came here; None when it was always here.
    """

    endpoint: str
    kind: Kind
    other: str = ""
    since: datetime | None = None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        since = document.get("since")
        moved = datetime.fromisoformat(since) if since else None
        return cls(document["endpoint"], document["kind"], document.get("other", ""), moved)

    def document(self) -> dict[str, Any]:
        since = self.since.isoformat() if self.since else ""
        return {"endpoint": self.endpoint, "kind": self.kind, "other": self.other, "since": since}


def kind_of(config: ModelConfig) -> Kind:
    """The kind that model.yaml asks for."""
    return "serverless" if config.endpoint.serverless else "realtime"


def first(config: ModelConfig, names: Names) -> Route:
    """The route of a model that never changed its kind."""
    return Route(names.endpoint(config.model), kind_of(config))
