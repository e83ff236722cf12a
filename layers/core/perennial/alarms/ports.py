"""CloudWatch's alarms, as the reactions need them beside `perennial.ports`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from perennial.alarms.standing import Alarm, AlarmState


class Alarms(Protocol):
    """Metric alarms."""

    def get(self, names: Sequence[str]) -> Sequence[Alarm]:
        """Those of the names that there are."""

    def named(self, prefix: str) -> Sequence[Alarm]:
        """Those whose names begin so."""

    def put(self, request: Mapping[str, Any]) -> None: ...
    def delete(self, names: Sequence[str], model: str) -> Sequence[str]:
        """Delete those that carry the model's tag, and say which: others are somebody's own."""

    def rang(self, names: Sequence[str], since: datetime) -> Mapping[str, str]:
        """Those that came into ALARM since then, with CloudWatch's reason, whatever their state is by now."""

    def set_state(self, name: str, state: AlarmState, reason: str, data: str = "") -> None:
        """Put an alarm into a state until CloudWatch looks at it again; `data` is JSON for whoever answers it."""
