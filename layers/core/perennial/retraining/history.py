"""The trainings that alarms and people asked for, as the document `retraining` keeps them: {"asked": [...]}. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

DOCUMENT = "retraining"
KEPT = timedelta(days=62)  # a calendar month and the one before
MOST_KEPT = 200
# A training that was asked for and has no job by then will have none.
STARTS_WITHIN = timedelta(minutes=30)
COLLECTS_WITHIN = timedelta(minutes=15)  # a function lives no longer

Status = Literal["asked", "withdrawn"]


@dataclass(frozen=True)
class Asked:
    """A training that was asked for. `usd` is its bound until it is billed.

    `dataset` is the version it learns from, or None until its drop of traffic is pinned; `drop` is that drop.
    """

    at: datetime
    signature: str
    because: str
    usd: float
    instance: str
    data: Literal["dataset", "traffic"]
    asked_by: str | None = None
    dataset: str | None = None
    drop: str | None = None
    status: Status = "asked"


def read(document: Mapping[str, Any] | None) -> list[Asked]:
    """Oldest first."""
    return [
        Asked(**{**item, "at": datetime.fromisoformat(item["at"])})
        for item in (document or {}).get("asked", [])
    ]


def written(asked: Sequence[Asked], now: datetime) -> dict[str, Any]:
    """The document; what no rule asks about any more is left out."""
    kept = [item for item in asked if now - item.at < KEPT][-MOST_KEPT:]
    return {"asked": [{**asdict(item), "at": item.at.isoformat()} for item in kept]}


def withdrawn(asked: Sequence[Asked], drop: str) -> list[Asked]:
    """Without the training that a drop of traffic was to feed, which did not come about."""
    return [replace(item, status="withdrawn") if item.drop == drop else item for item in asked]


def to_collect(asked: Sequence[Asked], now: datetime) -> Asked | None:
    """The training whose traffic should be collected by now, unless its handler died or its hint was lost."""
    last = asked[-1] if asked else None
    if last is None or last.drop is None or last.status != "asked":
        return None
    return last if COLLECTS_WITHIN <= now - last.at < STARTS_WITHIN else None
