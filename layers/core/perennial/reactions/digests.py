"""What waited is sent as one message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from perennial.decision import Decision
from perennial.names import digest
from perennial.notifications.compose import Place, collect, compose
from perennial.notifications.message import Message
from perennial.ports import World
from perennial.reactions import waiting
from perennial.reactions.delivery import Delivered, deliver
from perennial.sections_watching import Notify

ATTEMPTS = 5


def release(model: str, settings: Notify, world: World, deadline: datetime) -> Delivered | None:
    """Send what waits and is due. None when nothing is, or when another function is sending it.

    What could not be sent everywhere is tried again by the next release, a few times.
    """
    taken = waiting.take(model, settings, world)
    if taken is None:
        return None
    message = _message(taken, world)
    name = f"delivery#{message.key}"
    new = {"event": f"digest of {model}", "day": f"{world.now():%Y-%m-%d}"}
    delivered = deliver(message, settings, name, world.state.get(model, name) or new, world, deadline)
    status = "pending" if delivered.pending else "sent"
    world.state.put(model, name, {**delivered.record, "status": status})
    again = bool(delivered.pending) and taken["attempts"] < ATTEMPTS
    waiting.put_back(model, taken if again else None, world)
    return delivered if again else Delivered(delivered.record, ())


def _message(taken: Mapping[str, Any], world: World) -> Message:
    """A single one is told as it would have been."""
    place = Place(world.names, world.bucket.name, world.region)
    parts = []
    for item in taken["items"]:
        part = compose(Decision(**item["decision"]), place, datetime.fromisoformat(item["at"]))
        parts.append(replace(part, key=digest([item["key"], item["at"]], 24)))
    if len(parts) == 1 and not taken["left_out"]:
        return parts[0]
    because = " ".join(dict.fromkeys(item["because"] for item in taken["items"] if item["because"]))
    return collect(parts, because, world.now(), taken["left_out"])
