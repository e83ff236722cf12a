"""The channels to people in memory: topic, Slack, webhooks, mail, and their secrets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perennial.errors import ChannelFailed


@dataclass
class InMemoryTopic:
    published: list[tuple[str, str, Mapping[str, str], Sequence[str]]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def publish(
        self, subject: str, message: str, attributes: Mapping[str, str], recipients: Sequence[str]
    ) -> None:
        self.published.append((subject, message, attributes, recipients))

    def subscribe(self, addresses: Sequence[str]) -> Sequence[str]:
        new = [address for address in addresses if address not in self.addresses]
        self.addresses += new
        return new


@dataclass
class InMemorySecrets:
    values: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def get(self, name: str) -> Mapping[str, str] | None:
        return self.values.get(name)


@dataclass
class InMemorySlack:
    """`failures` are raised first, one for each call."""

    posted: list[Mapping[str, Any]] = field(default_factory=list)
    updated: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    responses: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    failures: list[ChannelFailed] = field(default_factory=list)

    def post(self, secret: Mapping[str, str], message: Mapping[str, Any]) -> Mapping[str, str]:
        if self.failures:
            raise self.failures.pop(0)
        self.posted.append(message)
        return {"channel": "C0001", "ts": f"{len(self.posted)}.000100"}

    def update(self, secret: Mapping[str, str], channel: str, ts: str, message: Mapping[str, Any]) -> None:
        self.updated.append((channel, ts, message))

    def permalink(self, secret: Mapping[str, str], channel: str, ts: str) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return f"https://slack.example.com/{channel}/{ts}"

    def respond(self, response_url: str, message: Mapping[str, Any]) -> None:
        self.responses.append((response_url, message))


@dataclass
class InMemoryWebhooks:
    posted: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    failures: list[ChannelFailed] = field(default_factory=list)

    def post(self, url: str, body: Mapping[str, Any]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.posted.append((url, body))


@dataclass
class InMemoryMail:
    sent: list[tuple[str, str, str, str]] = field(default_factory=list)
    refused: dict[str, ChannelFailed] = field(default_factory=dict)

    def send(self, recipient: str, subject: str, text: str, html: str) -> str:
        if recipient in self.refused:
            raise self.refused[recipient]
        self.sent.append((recipient, subject, text, html))
        return f"mail-{len(self.sent)}"
