"""A fire drill: a marked test alarm that travels the whole way to the channels. Pure.

The alarm `<prefix>-fire-drill` is set to ALARM with `reason_data(...)` as its state's reason data. EventBridge
brings that to AnswerAlarm, which reads it with `read(...)` and decides `fire_drill` with the details
`drill` (the id) and `alarm`; what Notify delivers of that decision is the end of the way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex

INTENT = "fire-drill"
OUTCOME = "fire_drill"


@dataclass(frozen=True)
class Drill:
    """A drill of one model's channels. `id` is `<model>.<UTC time>-<random>`."""

    id: str
    model: str


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
