"""A fire drill: a marked test alarm that travels the whole way to the channels. Pure.

The alarm `<prefix>-fire-drill` is set to ALARM with `reason_data(...)` as its state's reason data. EventBridge
brings that to AnswerAlarm, which reads it with `read(...)` and decides `fire_drill` with the details
`drill` (the id) and `alarm`; what Notify delivers of that decision is the end of the way.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any, Literal

INTENT = "fire-drill"
OUTCOME = "fire_drill"


@dataclass(frozen=True)
class Drill:
    """A drill of one model's channels. `id` is `<model>.<UTC time>-<random>`."""

    id: str
    model: str


@dataclass(frozen=True)
class Hop:
    """A station of the way. `at` is None while the drill has not come there; `detail` says what is known."""

    name: str
    at: datetime | None
    detail: str
    failed: bool = False


@dataclass(frozen=True)
class Way:
    """How far a drill has come: `arrived` at every channel that is set up, or `failed` for good."""

    drill: Drill
    status: Literal["under_way", "arrived", "failed"]
    hops: Sequence[Hop]


def alarm_name(prefix: str) -> str:
    return f"{prefix}-{INTENT}"


def begin(model: str, now: datetime) -> Drill:
    return Drill(f"{model}.{now:%Y%m%dT%H%M%S}-{token_hex(3)}", model)


def model_of(drill_id: str) -> str:
    """The model whose channels are drilled; empty when this is no drill's id."""
    return drill_id.rpartition(".")[0]


def reason(drill: Drill) -> str:
    """The alarm's reason, for whoever looks at it in the console."""
    return f"Fire drill {drill.id}: a test, ordered by a person. Nothing is wrong with {drill.model}."


def reason_data(drill: Drill) -> str:
    """What SetAlarmState takes as StateReasonData, and the event has in `detail.state.reasonData`."""
    return json.dumps({"drill": drill.id, "model": drill.model})


def read(text: str | None) -> Drill | None:
    """The drill that an alarm's reason data tell of, if any."""
    try:
        data = json.loads(text or "{}")
    except ValueError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("drill"), str):
        return None
    return Drill(data["drill"], model_of(data["drill"]))


def way(
    drill: Drill,
    rung: datetime,
    answered: datetime | None,
    record: Mapping[str, Any] | None,
    read_back: Hop | None = None,
) -> Way:
    """What is known of the way.

    `record` is the state document of the delivery, as Notify keeps it; `read_back` what became of the message
    in a channel where it can be looked at.
    """
    alarm = Hop("alarm", rung, "the test alarm was set to ALARM")
    if answered is None:
        missing = Hop(
            "answer", None, "nobody answered the alarm yet: look at its rule and the log of AnswerAlarm"
        )
        return Way(drill, "under_way", (alarm, missing))
    answer = Hop("answer", answered, "AnswerAlarm decided that this is a drill")
    if record is None:
        missing = Hop("message", None, "nobody was told yet: look at the log of Notify")
        return Way(drill, "under_way", (alarm, answer, missing))
    hops = [_hop(name, receipt) for name, receipt in record.items() if isinstance(receipt, dict)]
    hops += [read_back] if read_back else []
    if record.get("status") != "sent":
        waiting = Hop("message", None, "not told everywhere yet: look at the log of Notify")
        return Way(drill, "under_way", (alarm, answer, *hops, waiting))
    if read_back and read_back.at is None and not read_back.failed:
        return Way(drill, "under_way", (alarm, answer, *hops))
    lost = any(hop.failed for hop in hops) or all(hop.at is None for hop in hops)
    return Way(drill, "failed" if lost else "arrived", (alarm, answer, *hops))


def _hop(name: str, receipt: Mapping[str, Any]) -> Hop:
    """A channel that is not set up is no failure: its message said so elsewhere."""
    if "sent" in receipt:
        place = ", ".join(str(receipt[key]) for key in ("channel", "ts", "id") if receipt.get(key))
        took = f"the channel took it ({place})" if place else "the channel took it"
        return Hop(name, datetime.fromisoformat(receipt["sent"]), took)
    return Hop(name, None, str(receipt.get("failed", "")), failed=not receipt.get("missing"))
