"""What can go wrong on AWS's side, on request.

`POST /_twin/faults` with `{"fault": "capacity", "name": "prefix-*", "times": 1}` arms a fault; the
next resources whose name matches meet it. No production code knows this path.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

KINDS = {
    "capacity": "a job fails with CapacityError before its instances start",
    "interruption": "a spot job is interrupted once, then restarts from its checkpoint",
    "internal": "a job fails with InternalServerError after its container ran",
    "limit": "creating the resource answers ResourceLimitExceeded",
    "throttling": "creating the resource answers ThrottlingException",
    "slow-answers": "a model's answer takes a second longer; the name is that of the endpoint config",
    "failing-answers": "a model answers 500; the name is that of the endpoint config",
    "nonsense": "a model answers every row with the same prediction; the name is that of the endpoint config",
    "unhealthy": "the instances of the endpoint config never pass their health check",
    "long-bake": "the fleet of the endpoint config (the copies of the component's model) bakes until the fault is "
    "lifted, or an alarm rings",
    "no-instances": "AWS has no instance to add for the endpoint config",
    "slack-down": "Slack answers 500 to a Web API method or an incoming webhook of that name",
    "slack-limit": "Slack answers 429 with Retry-After",
    "slack-slow": "Slack takes two seconds for its answer",
    "webhook-down": "a webhook of that name answers 500",
}


@dataclass
class Fault:
    """An armed fault and how many more times it strikes."""

    kind: str
    name: str
    times: int


class Faults:
    """The armed faults."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, fault: str, name: str = "*", times: int = 1) -> None:
        """Let the next `times` resources whose name matches the pattern meet a fault."""
        if fault not in KINDS:
            raise ValueError(f"unknown fault {fault!r}; there are: {', '.join(KINDS)}")
        self._armed.append(Fault(fault, name, times))

    def strikes(self, kind: str, name: str) -> bool:
        """Whether this fault strikes this resource now; counts it."""
        for fault in self._armed:
            if fault.kind == kind and fault.times > 0 and fnmatchcase(name, fault.name):
                fault.times -= 1
                return True
        return False

    def stands(self, kind: str, name: str) -> bool:
        """Whether this fault holds this resource, for as long as it is armed."""
        return any(
            fault.kind == kind and fault.times > 0 and fnmatchcase(name, fault.name) for fault in self._armed
        )

    def listed(self) -> list[dict[str, Any]]:
        return [vars(fault) for fault in self._armed if fault.times > 0]

    def clear(self) -> None:
        self._armed.clear()
