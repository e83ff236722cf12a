"""What others put on a scalable target, kept while the target has to go. Pure.

SageMaker accepts another instance type, or the end of a broken endpoint, only where nothing is a scalable target.
Deregistering one deletes every policy and scheduled action on it, whoever put it, and what somebody suspended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Self
from zoneinfo import ZoneInfo

from perennial import component_scaling, cron, scaling
from perennial.scaling import Request, Resource, Standing

DOCUMENT = "scaling_set_aside"  # the state document; empty while nothing is kept
_ACTION = ("Schedule", "Timezone", "StartTime", "EndTime", "ScalableTargetAction")


@dataclass(frozen=True)
class SetAside:
    """Bodies of PutScalingPolicy and PutScheduledAction by name (times as ISO text), and suspended activities.

    `triggers`: of a policy that somebody's alarms trigger, the ARN that these alarms know.
    """

    resource: str
    dimension: str
    policies: Mapping[str, Request] = field(default_factory=dict)
    actions: Mapping[str, Request] = field(default_factory=dict)
    suspended: tuple[str, ...] = ()
    triggers: Mapping[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.policies or self.actions or self.suspended)

    @classmethod
    def read(cls, document: Mapping[str, Any] | None) -> Self | None:
        if not document or "resource" not in document:
            return None
        return cls(**{**document, "suspended": tuple(document["suspended"])})

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "suspended": list(self.suspended)}

    @property
    def owner(self) -> str:
        return Resource(self.resource, self.dimension).owner

    def is_of(self, resource: Resource) -> bool:
        return (self.resource, self.dimension) == (resource.id, resource.dimension)

    def to_put(self, now: datetime) -> dict[str, Request]:
        """The scheduled actions that can be due again, as AWS takes them: without a start that has passed."""
        return {name: _in_force(body, now) for name, body in self.actions.items() if not _is_over(body, now)}


def of(resource: Resource, standing: Standing, suspended: Mapping[str, bool]) -> SetAside:
    """All that stands on a target and is not ours."""
    ours = (*scaling.families(resource.owner), *component_scaling.families(resource.owner))
    policies = {name: item for name, item in standing.policies.items() if not name.startswith(ours)}
    actions = {name: item for name, item in standing.actions.items() if not name.startswith(ours)}
    return SetAside(
        resource.id,
        resource.dimension,
        {name: _policy(item) for name, item in policies.items()},
        {name: _action(item) for name, item in actions.items()},
        tuple(activity for activity, held in suspended.items() if held),
        {
            name: str(item["PolicyARN"])
            for name, item in policies.items()
            if item.get("PolicyType") == "StepScaling" and item.get("Alarms")
        },
    )


def _policy(item: Request) -> dict[str, Any]:
    """Target tracking keeps its alarms itself, so they are no part of it."""
    return {key: value for key, value in item.items() if key == "PolicyType" or key.endswith("Configuration")}


def _action(item: Request) -> dict[str, Any]:
    kept = {key: item[key] for key in _ACTION if item.get(key) is not None}
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in kept.items()}


def _in_force(body: Request, now: datetime) -> dict[str, Any]:
    put = dict(body)
    if "EndTime" in put:
        put["EndTime"] = datetime.fromisoformat(put["EndTime"])
    if "StartTime" in put and (start := _next_start(put["Schedule"], put.pop("StartTime"), now)):
        put["StartTime"] = start
    return put


def _next_start(schedule: str, text: str, now: datetime) -> datetime | None:
    """AWS may refuse a start that has passed; rate(...) keeps its beat."""
    start = datetime.fromisoformat(text)
    if start > now:
        return start
    if not schedule.startswith("rate("):  # cron(...) is AWS's to read: it may hold more than we know
        return None
    beat = cron.parse(schedule)
    if not isinstance(beat, cron.Rate):
        return None
    return start + ((now - start) // beat.every + 1) * beat.every


def _is_over(body: Request, now: datetime) -> bool:
    """Whether its end, or the one time that it names, has passed."""
    if "EndTime" in body and datetime.fromisoformat(body["EndTime"]) <= now:
        return True
    if not body["Schedule"].startswith("at("):
        return False
    return cron.is_over(cron.parse(body["Schedule"]), now, ZoneInfo(body.get("Timezone", "UTC")), None)
