"""A person orders a fire drill: ring the test alarm, and see how far it comes."""

from __future__ import annotations

from datetime import datetime

from perennial import drill
from perennial.drill import Drill, Way
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
    return drill.way(Drill(drill_id, model), datetime.fromisoformat(begun["at"]), answered, record)


def end(world: World) -> None:
    """Set the alarm back to OK; CloudWatch would do so by itself within minutes."""
    name = drill.alarm_name(world.names.prefix)
    world.alarms.set_state(name, "OK", "the fire drill is over")
