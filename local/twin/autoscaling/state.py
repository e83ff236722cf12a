"""Scalable targets with what belongs to them, and how they are found."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from twin.autoscaling.dimensions import NAMESPACE, Dimension, Dimensions
from twin.protocol import AwsError, Call, validation

Record = dict[str, Any]


@dataclass(eq=False)
class Policy:
    """A scaling policy: its configuration, and the alarms that fire it."""

    name: str
    arn: str
    type: str
    config: Record
    created: datetime
    alarms: list[Record] = field(default_factory=list)  # [{"AlarmName", "AlarmARN"}]

    def alarm(self, side: str) -> str | None:
        """The name of the High or Low alarm of a target tracking policy."""
        return next((one["AlarmName"] for one in self.alarms if f"-Alarm{side}-" in one["AlarmName"]), None)


@dataclass(eq=False)
class ScheduledAction:
    """A scheduled change of a target's bounds."""

    name: str
    arn: str
    schedule: str
    timezone: str | None
    action: Record
    created: datetime
    start: datetime | None = None
    end: datetime | None = None
    due: datetime | None = None


@dataclass(eq=False)
class Activity:
    """A scaling activity, as DescribeScalingActivities shows it."""

    description: str
    cause: str
    started: datetime
    status: str = "InProgress"
    message: str | None = None
    ended: datetime | None = None
    not_scaled: Record | None = None  # why nothing was done: {"Code", "MaxCapacity"...}
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(eq=False)
class Target:
    """A resource whose capacity may be changed for it."""

    resource_id: str
    dimension: Dimension
    arn: str
    call: Call
    minimum: int
    maximum: int
    created: datetime
    suspended: Record
    policies: dict[str, Policy] = field(default_factory=dict)
    actions: dict[str, ScheduledAction] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)  # the newest first
    out_until: float = 0.0  # monotonic end of the scale-out cooldown
    out_base: int = 0  # the capacity before the scale-out that cools down
    in_until: float = 0.0
    clamp: str | None = None  # why the capacity must be brought within the bounds, until it is

    @property
    def key(self) -> Record:
        """The three members that name a target in every answer."""
        return {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": self.resource_id,
            "ScalableDimension": self.dimension.name,
        }


class Targets:
    """Scalable targets by account, region, resource and dimension."""

    def __init__(self, dimensions: Dimensions) -> None:
        self.dimensions = dimensions
        self._items: dict[tuple[str, str, str, str], Target] = {}
        # Kept after a target is deregistered: activities stay described for six weeks.
        self.past: list[Target] = []

    def find(self, request: Record, call: Call) -> Target | None:
        """Raises ValidationException for a resource or dimension that nobody knows."""
        dimension = self.dimensions.of(request)
        return self._items.get((call.account, call.region, request["ResourceId"], dimension.name))

    def get(self, request: Record, call: Call, verb: str = "found") -> Target:
        """Raises ObjectNotFoundException; AWS says `registered` where something is put on the target."""
        target = self.find(request, call)
        if target is None:
            raise not_found(f"No scalable target {verb} for", request)
        return target

    def put(self, target: Target) -> None:
        self._items[self._key(target)] = target

    def remove(self, target: Target) -> None:
        self.past.append(self._items.pop(self._key(target)))

    def of(self, call: Call) -> list[Target]:
        """Targets of the caller's account and region."""
        return [item for key, item in self._items.items() if key[:2] == (call.account, call.region)]

    def beginning(self, account: str, region: str, resource: str) -> list[Target]:
        """Targets whose ResourceId begins so."""
        return [
            item
            for key, item in self._items.items()
            if key[:2] == (account, region) and key[2].startswith(resource)
        ]

    def __iter__(self) -> Iterator[Target]:
        return iter(list(self._items.values()))

    def _key(self, target: Target) -> tuple[str, str, str, str]:
        return target.call.account, target.call.region, target.resource_id, target.dimension.name


def not_found(what: str, request: Record, more: str = "") -> AwsError:
    """ObjectNotFoundException in AWS's words."""
    return AwsError(
        "ObjectNotFoundException",
        f"{what} service namespace: {request['ServiceNamespace']}, resource ID: {request['ResourceId']}, "
        f"scalable dimension: {request['ScalableDimension']}{more}",
    )


def selected(targets: list[Target], request: Record) -> list[Target]:
    """Those of the targets that a Describe request asks for."""
    ids = request.get("ResourceIds") or ([request["ResourceId"]] if "ResourceId" in request else None)
    dimension = request.get("ScalableDimension")
    if dimension is not None and ids is None:
        raise validation("ResourceId is required when ScalableDimension is specified.")
    return [
        target
        for target in targets
        if request["ServiceNamespace"] == NAMESPACE
        and (ids is None or target.resource_id in ids)
        and dimension in (None, target.dimension.name)
    ]
