"""Scalable targets with what belongs to them, and how they are found."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from twin.protocol import AwsError, Call, validation

Record = dict[str, Any]
NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"


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
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(eq=False)
class Target:
    """A variant whose instance count may be changed for it."""

    endpoint: str
    variant: str
    arn: str
    call: Call
    minimum: int
    maximum: int
    created: datetime
    suspended: Record
    policies: dict[str, Policy] = field(default_factory=dict)
    actions: dict[str, ScheduledAction] = field(default_factory=dict)
    activities: list[Activity] = field(default_factory=list)
    out_until: float = 0.0  # monotonic end of the scale-out cooldown
    in_until: float = 0.0
    clamp: str | None = None  # why the count must be brought within the bounds, until it is

    @property
    def resource_id(self) -> str:
        return f"endpoint/{self.endpoint}/variant/{self.variant}"

    @property
    def key(self) -> Record:
        """The three members that name a target in every answer."""
        return {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": self.resource_id,
            "ScalableDimension": DIMENSION,
        }


class Targets:
    """Scalable targets by account, region, endpoint and variant."""

    def __init__(self) -> None:
        self._items: dict[tuple[str, str, str, str], Target] = {}
        # Kept after a target is deregistered: activities stay described for six weeks.
        self.past: list[Target] = []

    def find(self, request: Record, call: Call) -> Target | None:
        return self._items.get((call.account, call.region, *parse(request)))

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

    def of_endpoint(self, account: str, region: str, endpoint: str) -> list[Target]:
        return [item for key, item in self._items.items() if key[:3] == (account, region, endpoint)]

    def __iter__(self) -> Iterator[Target]:
        return iter(list(self._items.values()))

    def _key(self, target: Target) -> tuple[str, str, str, str]:
        return target.call.account, target.call.region, target.endpoint, target.variant


def parse(request: Record) -> tuple[str, str]:
    """Endpoint and variant of a request's ResourceId. Raises AWS's ValidationException for all else."""
    parts = request["ResourceId"].split("/")
    shaped = len(parts) == 4 and parts[0] == "endpoint" and parts[2] == "variant"
    if request["ServiceNamespace"] != NAMESPACE or request["ScalableDimension"] != DIMENSION or not shaped:
        raise validation("Unsupported service namespace, resource type or scalable dimension")
    return parts[1], parts[3]


def not_found(what: str, request: Record, more: str = "") -> AwsError:
    """ObjectNotFoundException in AWS's words."""
    return AwsError(
        "ObjectNotFoundException",
        f"{what} service namespace: {request['ServiceNamespace']}, resource ID: {request['ResourceId']}, "
        f"scalable dimension: {request['ScalableDimension']}{more}",
    )


def selected(targets: Targets, request: Record, call: Call) -> list[Target]:
    """Targets that a Describe request asks for."""
    ids = request.get("ResourceIds") or ([request["ResourceId"]] if "ResourceId" in request else None)
    if "ScalableDimension" in request and ids is None:
        raise validation("ResourceId is required when ScalableDimension is specified.")
    return [
        target
        for target in targets.of(call)
        if request["ServiceNamespace"] == NAMESPACE
        and (ids is None or target.resource_id in ids)
        and request.get("ScalableDimension", DIMENSION) == DIMENSION
    ]
