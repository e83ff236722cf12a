"""Messages that wait: for the end of quiet hours, or of a flood. They are kept in the state `waiting`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from perennial.decision import Decision
from perennial.errors import Conflict
from perennial.notifications.policy import Verdict, is_quiet
from perennial.notifications.text import shorten
from perennial.ports import World
from perennial.sections_watching import Notify

WAITING = "waiting"
MOST = 50  # kept with their words
LARGEST = 350_000  # bytes of all of it as JSON; a document of the table has 400 KB
CLAIM_HOLDS = timedelta(minutes=5)  # longer than the function that sends may run

_EMPTY: Mapping[str, Any] = {"kept": [], "left_out": 0, "sending": None}


def keep(decision: Decision, key: str, verdict: Verdict, world: World) -> None:
    """Put a decision aside. One that is there already stays as it is."""
    item = {
        "key": key,
        "at": world.now().isoformat(),
        "until": verdict.until.isoformat() if verdict.until else "",  # "": while it is quiet
        "because": verdict.because,
        "decision": _small(decision),
    }
    while True:
        known = world.state.get(decision.model, WAITING)
        document = known or _EMPTY
        kept = document["kept"]
        if key in {other["key"] for other in kept}:
            return
        changed = {**document, "kept": [*kept, item]}
        if len(kept) >= MOST or len(json.dumps(changed)) > LARGEST:
            changed = {**document, "left_out": document["left_out"] + 1}
        try:
            world.state.put(decision.model, WAITING, changed, expected=known)
        except Conflict:
            continue
        return


def is_due(model: str, settings: Notify, world: World) -> bool:
    """Whether something waits whose time has come."""
    document = world.state.get(model, WAITING)
    return document is not None and _taken(document, settings, world.now()) is not None


def take(model: str, settings: Notify, world: World) -> Mapping[str, Any] | None:
    """What is due, for the caller alone to send: `items`, `left_out`, `attempts`. None when nothing is.

    It must be put back, sent or not; what its taker leaves behind by dying is taken again after a while.
    """
    document = world.state.get(model, WAITING)
    changed = _taken(document, settings, world.now()) if document else None
    if changed is None:
        return None
    try:
        world.state.put(model, WAITING, changed, expected=document)
    except Conflict:
        return None
    sending: Mapping[str, Any] = changed["sending"]
    return sending


def put_back(model: str, unsent: Mapping[str, Any] | None, world: World) -> None:
    """None: all of it was sent. More may have come to wait in the meantime."""
    sending = {**unsent, "claimed": None} if unsent else None
    while True:
        known = world.state.get(model, WAITING)
        try:
            world.state.put(model, WAITING, {**(known or _EMPTY), "sending": sending}, expected=known)
        except Conflict:
            continue
        return


def _taken(document: Mapping[str, Any], settings: Notify, now: datetime) -> dict[str, Any] | None:
    """The document with what is due moved to `sending`; None when nothing is due, or somebody is at it."""
    sending = document["sending"]
    if sending:
        if sending["claimed"] and now - datetime.fromisoformat(sending["claimed"]) < CLAIM_HOLDS:
            return None
        again = {**sending, "claimed": now.isoformat(), "attempts": sending["attempts"] + 1}
        return {**document, "sending": again}
    quiet = is_quiet(settings.quiet_hours, now)
    items = [item for item in document["kept"] if not quiet or item["decision"]["news"] == "error"]
    if not any(not item["until"] or now >= datetime.fromisoformat(item["until"]) for item in items):
        return None
    rest = [item for item in document["kept"] if item not in items]
    claimed = {"claimed": now.isoformat(), "attempts": 1, "items": items, "left_out": document["left_out"]}
    return {"kept": rest, "left_out": 0, "sending": claimed}


def _small(decision: Decision) -> dict[str, object]:
    details = {name: shorten(value, 1000) for name, value in list(decision.details.items())[:40]}
    small = replace(
        decision, fact=shorten(decision.fact, 500), reason=shorten(decision.reason, 1500), details=details
    )
    return small.as_dict()
