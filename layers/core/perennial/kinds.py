"""The kinds of endpoint a model can have, and which of its endpoints serves, is built, or has to go. Pure.

SageMaker changes no endpoint's kind: another kind is another endpoint, built beside the one in service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from perennial.config import ModelConfig
from perennial.deployment import ACCEPTANCE, Rollout
from perennial.names import Names

Kind = Literal["realtime", "serverless", "components"]
# Requests that asked for the route just before it moved end on the endpoint that it left: 60 s at most.
GRACE = timedelta(minutes=2)


@dataclass(frozen=True)
class Route:
    """The endpoint that serves a model now, and its kind.

    `other` is the model's second endpoint, while there is one: built to take over, or left to be removed.
    `since` is when the route came here and `previous` where it was until then; None and empty when it never moved.
    """

    endpoint: str
    kind: Kind
    other: str = ""
    previous: str = ""
    since: datetime | None = None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        moved = datetime.fromisoformat(document["since"]) if document.get("since") else None
        return cls(
            document["endpoint"],
            document["kind"],
            document.get("other", ""),
            document.get("previous", ""),
            moved,
        )

    def document(self) -> dict[str, Any]:
        return {
            "endpoint": self.endpoint,
            "kind": self.kind,
            "other": self.other,
            "previous": self.previous,
            "since": self.since.isoformat() if self.since else "",
        }

    def moved(self, endpoint: str, kind: Kind, now: datetime) -> Route:
        """The route once another endpoint serves; the one before is left to be removed."""
        return Route(endpoint, kind, other=self.endpoint, previous=self.endpoint, since=now)

    def building(self, endpoint: str) -> Route:
        return replace(self, other=endpoint)

    def alone(self) -> Route:
        return replace(self, other="")

    def serving_since(self, start: datetime) -> tuple[str, ...]:
        """The endpoints that served from a time on, the present one first."""
        before = (self.previous,) if self.since and start < self.since + GRACE else ()
        return (self.endpoint, *before)


def kind_of(config: ModelConfig) -> Kind:
    """The kind that model.yaml asks for."""
    if config.scales_to_zero:
        return "components"
    return "serverless" if config.endpoint.serverless else "realtime"


def first(config: ModelConfig, names: Names) -> Route:
    """The route of a model that never changed its kind."""
    return Route(names.endpoint(config.model), kind_of(config))


def aim(route: Route, config: ModelConfig, names: Names) -> str:
    """The endpoint that should serve: the present one, or another while another kind is asked for."""
    kind = kind_of(config)
    if kind == route.kind:
        return route.endpoint
    plain = names.endpoint(config.model)
    return names.endpoint_of_kind(config.model, kind) if route.endpoint == plain else plain


def place_of(rollout: Rollout | None, route: Route) -> str:
    """The endpoint that a rollout is about."""
    return (rollout.endpoint if rollout else "") or route.endpoint


def is_abandoned(rollout: Rollout | None, route: Route, aimed: str, now: datetime) -> bool:
    """Whether a rollout builds an endpoint that model.yaml does not ask for any more.

    One that began a moment ago may have a handler that is about to ask SageMaker for it: that one is waited for.
    """
    if rollout is None or rollout.status not in ("starting", "started"):
        return False
    if place_of(rollout, route) in (aimed, route.endpoint):
        return False
    return rollout.status == "started" or now - rollout.started_at >= ACCEPTANCE


def leftover(
    route: Route, aimed: str, rollout: Rollout | None, now: datetime, *, planned: bool = True
) -> str | None:
    """The endpoint that has to go: it neither serves nor is built, and nobody is asking it any more.

    `planned`: whether there is a version for the kind that is asked for.
    """
    if not route.other or (route.other == aimed and planned):
        return None
    if rollout and rollout.status in ("starting", "started") and place_of(rollout, route) == route.other:
        return None
    return None if is_asked_still(route, route.other, now) else route.other


def is_asked_still(route: Route, endpoint: str, now: datetime) -> bool:
    """Whether requests may be on their way to an endpoint that the route has just left."""
    return route.since is not None and route.previous == endpoint and now - route.since < GRACE
