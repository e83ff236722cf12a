"""The channels to people, as the reactions need them beside `perennial.ports`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class AlertsTopic(Protocol):
    """Where people are told."""

    def publish(
        self, subject: str, message: str, attributes: Mapping[str, str], recipients: Sequence[str]
    ) -> None: ...
    def subscribe(self, addresses: Sequence[str]) -> Sequence[str]:
        """Returns the addresses that were not subscribed before."""


class Secrets(Protocol):
    """This stack's secrets, each a JSON object of strings."""

    def get(self, name: str) -> Mapping[str, str] | None:
        """The secret `<stack>/<name>`, such as `slack/default`; None when there is none."""


class Slack(Protocol):
    """Slack. `secret` is that of the channel; `message` the arguments of chat.postMessage without the channel.

    Each raises ChannelFailed.
    """

    def post(self, secret: Mapping[str, str], message: Mapping[str, Any]) -> Mapping[str, str]:
        """Returns `channel` and `ts`, which name the message; nothing for an incoming webhook."""

    def update(
        self, secret: Mapping[str, str], channel: str, ts: str, message: Mapping[str, Any]
    ) -> None: ...
    def permalink(self, secret: Mapping[str, str], channel: str, ts: str) -> str:
        """The address of a message that is there; only with a bot token."""

    def respond(self, response_url: str, message: Mapping[str, Any]) -> None:
        """Answer a press of a button, at the address that came with it."""


class Webhooks(Protocol):
    """Whatever takes JSON by POST."""

    def post(self, url: str, body: Mapping[str, Any]) -> None:
        """Raises ChannelFailed."""


class Mail(Protocol):
    """Mail with a sender of our own."""

    def send(self, recipient: str, subject: str, text: str, html: str) -> str:
        """Returns the message's id. Raises ChannelFailed."""
