"""CloudWatch's alarms in memory, whose states a test moves; and traffic with labels that a test writes down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from fakes.constants import NOW
from perennial.alarms.standing import Alarm, AlarmState
from perennial.monitoring.analysis import Source
from perennial.retraining.ports import Joined


@dataclass
class InMemoryAlarms:
    standing: dict[str, Alarm] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    put_count: int = 0
    states: list[tuple[str, str, str]] = field(default_factory=list)
    history: list[tuple[str, datetime, str]] = field(default_factory=list)  # every change to ALARM
    time: datetime = NOW

    def get(self, names: Sequence[str]) -> Sequence[Alarm]:
        return [self.standing[name] for name in names if name in self.standing]

    def named(self, prefix: str) -> Sequence[Alarm]:
        return [alarm for name, alarm in self.standing.items() if name.startswith(prefix)]

    def put(self, request: Mapping[str, Any]) -> None:
        name = request["AlarmName"]
        known = self.standing.get(name)
        state: AlarmState = known.state if known else "INSUFFICIENT_DATA"
        since = known.since if known else self.time
        self.put_count += 1
        self.standing[name] = Alarm(name, state, since, self.time, definition=request)
        if known is None:
            self.tags[name] = next(
                (tag["Value"] for tag in request.get("Tags", ()) if tag["Key"] == "perennial:model"), ""
            )

    def delete(self, names: Sequence[str], model: str) -> Sequence[str]:
        ours = [name for name in names if name in self.standing and self.tags.get(name) == model]
        for name in ours:
            del self.standing[name]
        return ours

    def rang(self, names: Sequence[str], since: datetime) -> Mapping[str, str]:
        return {name: why for name, at, why in self.history if name in names and at >= since}

    def set_state(self, name: str, state: AlarmState, reason: str, data: str = "") -> None:
        self.states.append((name, state, data))

    def become(self, name: str, state: AlarmState, at: datetime, reason: str = "because") -> None:
        """What CloudWatch does to an alarm."""
        known = self.standing.get(name) or Alarm(name, "INSUFFICIENT_DATA", at, at)
        self.standing[name] = replace(known, state=state, since=at, reason=reason)
        if state == "ALARM":
            self.history.append((name, at, reason))


@dataclass
class InMemoryLabelledTraffic:
    """`found` are the rows that have a label; each file of captures counts as one request without one."""

    found: list[Sequence[str]] = field(default_factory=list)
    asked: list[Joined] = field(default_factory=list)

    def rows(
        self, captures: Iterator[Source], labels: Iterator[Source], wanted: Joined
    ) -> Iterator[Sequence[str]]:
        self.asked.append(wanted)
        wanted.unlabelled = len(list(captures))
        wanted.records = wanted.unlabelled + len(self.found)
        yield from self.found
