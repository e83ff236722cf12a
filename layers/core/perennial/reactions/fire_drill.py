"""A person orders a fire drill: ring the test alarm, and see how far it comes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from perennial import drill
from perennial.drill import Drill, Hop, Way
from perennial.errors import ChannelFailed
from perennial.ports import World

MOST = 100  # decisions that are looked through for the answer


def begin(model: str, world: World, *, by: str) -> Drill:
    """Set the alarm to ALARM. It is OK before: only a change of state makes an event."""
    begun = drill.begin(model, world.now())
    name = drill.alarm_name(world.names.prefix)
    document = {"at": world.now().isoformat(), "by": by}
    world.state.put(model, f"drill#{begun.id}", document)
    world.alarms.set_state(name, "OK", "a fire drill is about to begin")
    world.alarms.set_state(name, "ALARM", drill.reason(begun), drill.reason_data(begun))
    return begun


def follow(drill_id: str, world: World) -> Way | None:
    """How far it has come; None when there was no such drill."""
    model = drill.model_of(drill_id)
    begun = world.state.get(model, f"drill#{drill_id}") if model else None
    if begun is None:
        return None
    answered = next(
        (
            entry.at
            for entry in world.ledger.newest(model, MOST)
            if entry.decision.outcome == drill.OUTCOME and entry.decision.details.get("drill") == drill_id
        ),
        None,
    )
    record = world.state.get(model, f"delivery#{drill_id}")
    back = _read_back(model, record or {}, world)
    return drill.way(Drill(drill_id, model), datetime.fromisoformat(begun["at"]), answered, record, back)


def end(world: World) -> None:
    """Set the alarm back to OK; CloudWatch would do so by itself within minutes."""
    name = drill.alarm_name(world.names.prefix)
    world.alarms.set_state(name, "OK", "the fire drill is over")


def _read_back(model: str, record: Mapping[str, Any], world: World) -> Hop | None:
    """Look at the message where it stands. An incoming webhook tells no place to look at."""
    receipt, config = record.get("slack", {}), world.catalog.get(model)
    if not receipt.get("ts") or config is None or config.notify.slack is None:
        return None
    secret = world.secrets.get(f"slack/{config.notify.slack}") or {}
    try:
        link = world.slack.permalink(secret, receipt["channel"], receipt["ts"])
    except ChannelFailed as failure:
        return Hop("slack, read back", None, str(failure), failed=not failure.transient)
    return Hop("slack, read back", world.now(), link)
