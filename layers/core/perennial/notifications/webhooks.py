"""What a webhook is sent, by the kind that its secret names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from perennial.errors import ChannelFailed
from perennial.notifications import generic, pagerduty, teams
from perennial.notifications.message import Message

Request = tuple[str, Mapping[str, Any]]
Secret = Mapping[str, str]


def requests(message: Message, secret: Secret) -> list[Request]:
    """Addresses and JSON bodies; none when the message is not for this kind. Raises ChannelFailed."""
    kind = secret.get("kind", "")
    if kind not in KINDS:
        raise ChannelFailed(f"its secret says kind {kind!r}; known are {', '.join(sorted(KINDS))}")
    return KINDS[kind](message, secret)


def _teams(message: Message, secret: Secret) -> list[Request]:
    return [(_required(secret, "url"), teams.render(message))]


def _generic(message: Message, secret: Secret) -> list[Request]:
    return [(_required(secret, "url"), generic.render(message))]


def _pagerduty(message: Message, secret: Secret) -> list[Request]:
    """A digest is no incident, but what it collects may be."""
    url, key = secret.get("url") or pagerduty.URL, _required(secret, "routing_key")
    messages = sorted(message.parts, key=lambda part: part.at) or [message]
    return [(url, event) for event in pagerduty.events(messages, key)]


def _required(secret: Secret, name: str) -> str:
    if not secret.get(name):
        raise ChannelFailed(f"its secret has no {name}")
    return secret[name]


KINDS: Mapping[str, Callable[[Message, Secret], list[Request]]] = {
    "generic": _generic,
    "pagerduty": _pagerduty,
    "teams": _teams,
}
