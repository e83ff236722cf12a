"""A message as plain JSON, for whatever takes it."""

from __future__ import annotations

from math import isfinite
from typing import Any

from perennial.notifications.message import Message
from perennial.notifications.text import clean, last, shorten

LONGEST = 5000


def render(message: Message) -> dict[str, Any]:
    """Version 1. Buttons are left out: they are for people whom a channel can name."""
    return {
        "version": 1,
        "key": message.key,
        "stack": message.stack,
        "model": message.model,
        "outcome": message.outcome,
        "severity": message.severity,
        "urgency": message.urgency,
        "topic": message.topic,
        "resolves": message.resolves,
        "at": message.at.isoformat(timespec="seconds"),
        "title": clean(message.title),
        "ask": clean(message.ask),
        "why": shorten(clean(message.why), LONGEST),
        "done": shorten(clean(message.did), LONGEST),
        "seen": shorten(clean(message.fact), LONGEST),
        "endpoint": message.endpoint,
        "features": [
            {
                "name": clean(moved.feature),
                "before": clean(moved.before),
                "after": clean(moved.after),
                "effect": _finite(moved.effect),
                "limit": _finite(moved.limit),
                "tripped": moved.tripped,
            }
            for moved in message.moved
        ],
        "facts": {clean(fact.label): shorten(clean(fact.value), LONGEST) for fact in message.facts},
        "log": last(clean(message.log), LONGEST),
        "links": {link.label: link.url for link in message.links},
        "commands": list(message.commands),
        "notes": [clean(note) for note in message.notes],
        "messages": [render(part) for part in message.parts],
        "left_out": message.left_out,
    }


def _finite(value: float | None) -> float | None:
    """JSON has no infinity."""
    return value if value is not None and isfinite(value) else None
