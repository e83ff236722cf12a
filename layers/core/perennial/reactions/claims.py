"""What was asked for is acted on once: the state document `intent#<id>` of its model.

`claimed` (by the press) -> `acting` (by one event) -> `done`. A press that could not be handed on is `released`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from perennial.decision import Decision
from perennial.errors import Conflict
from perennial.events import ActionDetail
from perennial.ports import World

# A press whose handler died before it handed on may be repeated after this; a person does not wait longer.
STALE = timedelta(minutes=1)


def claim(asked: ActionDetail, world: World) -> bool:
    """Whether this press is the first of its button."""
    known = world.state.get(asked.model, _name(asked))
    if known and not _is_free(known, world.now()):
        return False
    return _put(asked, world, {"status": "claimed"}, known)


def release(asked: ActionDetail, world: World) -> None:
    """The press could not be handed on: the button may be pressed again."""
    known = world.state.get(asked.model, _name(asked))
    _put(asked, world, {"status": "released"}, known)


@dataclass(frozen=True)
class Begun:
    """An action under way: its attempt, and what an earlier attempt has decided already."""

    attempt: int
    decision: Decision | None = None


def begin(asked: ActionDetail, event_id: str, world: World) -> Begun | None:
    """None when this is not the event to act on. The retry of the event that began goes on."""
    known = world.state.get(asked.model, _name(asked))
    attempt = 1
    if known and known["status"] in ("acting", "done"):
        if known["status"] == "done" or known["event"] != event_id:
            return None
        if known.get("decision"):
            return Begun(known["attempt"], Decision(**known["decision"]))
        attempt = known["attempt"] + 1
    entry = {"status": "acting", "event": event_id, "attempt": attempt}
    return Begun(attempt) if _put(asked, world, entry, known) else None


def acted(asked: ActionDetail, event_id: str, world: World, decision: Decision) -> None:
    """It is done, and remains to be answered."""
    entry = {"status": "acting", "event": event_id, "attempt": 1, "decision": decision.as_dict()}
    world.state.put(asked.model, _name(asked), _document(asked, world, entry))


def end(asked: ActionDetail, event_id: str, world: World, decision: Decision) -> None:
    """It is done and answered; whoever asks again does so in vain."""
    entry = {"status": "done", "event": event_id, "decision": decision.as_dict()}
    world.state.put(asked.model, _name(asked), _document(asked, world, entry))


def _is_free(known: Mapping[str, Any], now: datetime) -> bool:
    died = known["status"] == "claimed" and now - datetime.fromisoformat(known["at"]) > STALE
    return died or bool(known["status"] == "released")


def _put(
    asked: ActionDetail, world: World, entry: Mapping[str, Any], expected: Mapping[str, Any] | None
) -> bool:
    try:
        world.state.put(asked.model, _name(asked), _document(asked, world, entry), expected=expected)
    except Conflict:
        return False
    return True


def _document(asked: ActionDetail, world: World, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"by": asked.by, "action": asked.action, "at": world.now().isoformat(), **entry}


def _name(asked: ActionDetail) -> str:
    return f"intent#{asked.id}"
