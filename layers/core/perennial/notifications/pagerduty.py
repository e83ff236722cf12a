"""A message as PagerDuty Events API v2: troubles trigger, their end resolves, and information is not sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perennial.notifications.message import Message
from perennial.notifications.text import clean, last, number, one_line, shorten

URL = "https://events.pagerduty.com/v2/enqueue"
LONGEST_SUMMARY = 1024
LONGEST_KEY = 255
DRILL = "fire_drill"
# A message that asks nobody to do anything is no incident, however loud.
_SEVERITIES = {("error", "now"): "critical", ("error", "soon"): "error"}


def events(messages: Sequence[Message], routing_key: str) -> list[dict[str, Any]]:
    """The events of several messages, oldest first; of those about one trouble only the last: it may be over."""
    last_of = {_dedup_key(message): message for message in messages if is_event(message)}
    sent = [_event(message, key, routing_key) for key, message in last_of.items()]
    drills = [key for key, message in last_of.items() if message.outcome == DRILL]
    return sent + [_resolve(key, routing_key) for key in drills]  # it has arrived: nobody need close it


def _resolve(key: str, routing_key: str) -> dict[str, Any]:
    return {"routing_key": routing_key, "event_action": "resolve", "dedup_key": key}


def is_event(message: Message) -> bool:
    return message.resolves or message.severity != "info" or message.outcome == DRILL


def _event(message: Message, key: str, routing_key: str) -> dict[str, Any]:
    if message.resolves:
        return _resolve(key, routing_key)
    return {
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": key,
        "payload": {
            "summary": shorten(one_line(f"{message.model}: {message.title}. {message.why}"), LONGEST_SUMMARY),
            "source": shorten(one_line(message.endpoint), 255) or message.stack,
            "severity": _severity(message),
            "timestamp": message.at.isoformat(timespec="seconds"),
            "component": message.model,
            "group": message.stack,
            "class": shorten(one_line(message.topic), 255),
            "custom_details": _details(message),
        },
        "links": [{"href": link.url, "text": shorten(one_line(link.label), 100)} for link in message.links],
        "client": "Perennial",
    }


def _severity(message: Message) -> str:
    return (
        "info"
        if message.outcome == DRILL
        else _SEVERITIES.get((message.severity, message.urgency), "warning")
    )


def _dedup_key(message: Message) -> str:
    return shorten(one_line(f"{message.stack}/{message.model}/{message.topic}"), LONGEST_KEY)


def _details(message: Message) -> dict[str, str]:
    moved = {
        shorten(one_line(item.feature), 100): shorten(one_line(f"{item.before} -> {item.after}"), 300)
        + (f" (moved {number(item.effect)})" if item.effect is not None else "")
        for item in message.moved
    }
    facts = {one_line(fact.label): shorten(one_line(fact.value), 500) for fact in message.facts[:30]}
    told = {"ask": message.headline, "why": message.why, "done": message.did, "seen": message.fact}
    log = {"log": last(clean(message.log), 4000)} if message.log else {}
    return {name: shorten(clean(text), 2000) for name, text in told.items() if text} | facts | moved | log
