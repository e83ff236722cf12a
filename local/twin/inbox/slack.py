"""Slack as an app sees it: Web API, incoming webhooks, response URLs, in one workspace with one bot."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import uuid4

from twin.inbox.block_kit import faults
from twin.inbox.messages import Message, Messages

TEAM, APP, BOT, BOT_USER = "T0TWIN", "A0TWIN", "B0TWIN", "U0TWINBOT"
RESPONSES = 5  # uses of one response URL, within
RESPONSE_SECONDS = 30 * 60

Answer = dict[str, Any]


class SlackError(Exception):
    """Slack's `{"ok": false, "error": code}`."""

    def __init__(self, code: str, *details: str) -> None:
        super().__init__(code)
        self.code, self.details = code, details

    def answer(self) -> Answer:
        more = {"response_metadata": {"messages": list(self.details)}} if self.details else {}
        return {"ok": False, "error": self.code, **more}


@dataclass
class Settings:
    """The workspace: who may post where, and where its buttons lead.

    `bot_token` None accepts every token that looks like a bot's; `channels` None knows every channel.
    """

    callback_url: str | None = None
    signing_secret: str | None = None
    bot_token: str | None = None
    channels: list[str] | None = None
    user: str = "you"


@dataclass
class ResponseUrl:
    """Where an app may answer to a press, for a while."""

    message: Message
    used: int = 0
    since: float = field(default_factory=time.time)


class Slack:
    """The workspace."""

    def __init__(self, messages: Messages, endpoint_url: str) -> None:
        self.messages = messages
        self.settings = Settings()
        self._endpoint_url = endpoint_url
        self._names: dict[str, str] = {}
        self._last = 0.0
        self._responses: dict[str, ResponseUrl] = {}
        self._methods: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "chat.getPermalink": self._permalink,
            "conversations.history": self._history,
        }

    # --- Web API ---

    def call(self, method: str, arguments: Mapping[str, Any], token: str) -> Answer:
        """Slack's answer to a method of the Web API; errors are answers, too."""
        try:
            if method not in self._methods:
                raise SlackError("unknown_method")
            self._authenticate(token)
            return {"ok": True, **self._methods[method](arguments)}
        except SlackError as error:
            return error.answer()

    def _authenticate(self, token: str) -> None:
        if not token:
            raise SlackError("not_authed")
        expected = self.settings.bot_token
        if token != expected if expected else not token.startswith("xoxb-"):
            raise SlackError("invalid_auth")

    def _auth_test(self, _arguments: Mapping[str, Any]) -> Answer:
        return {
            "url": "https://twin.slack.com/",
            "team": "The laptop twin",
            "user": "perennial",
            "team_id": TEAM,
            "user_id": BOT_USER,
            "bot_id": BOT,
            "is_enterprise_install": False,
        }

    def _post(self, arguments: Mapping[str, Any]) -> Answer:
        channel = self._channel(arguments.get("channel"))
        said = _said(arguments)
        message = self._arrived(channel, "chat.postMessage", said, arguments.get("thread_ts"))
        return {"channel": channel, "ts": message.content["ts"], "message": as_slack(message)}

    def _update(self, arguments: Mapping[str, Any]) -> Answer:
        message = self._find(arguments)
        self.messages.change(message, **_said(arguments), edited=True)
        content = message.content
        return {
            "channel": content["channel"],
            "ts": content["ts"],
            "text": content["text"],
            "message": as_slack(message),
        }

    def _permalink(self, arguments: Mapping[str, Any]) -> Answer:
        message = self._find({**arguments, "ts": arguments.get("message_ts")})
        link = f"{self._endpoint_url}/_twin/inbox#{message.id}"
        return {"channel": message.content["channel"], "permalink": link}

    def _history(self, arguments: Mapping[str, Any]) -> Answer:
        channel = self._channel(arguments.get("channel"))
        there = self._of(channel)
        limit = int(arguments.get("limit", 100))
        return {"messages": [as_slack(one) for one in there[:limit]], "has_more": len(there) > limit}

    # --- webhooks and response URLs ---

    def webhook(self, name: str, payload: Mapping[str, Any]) -> None:
        """A message through an incoming webhook. Raises SlackError."""
        self._arrived(self._channel(name), f"webhook {name}", _said(payload), None)

    def respond(self, identifier: str, payload: Mapping[str, Any]) -> None:
        """An app's answer to a press: replaces or deletes the message, or adds one. Raises SlackError."""
        url = self._responses.get(identifier)
        if url is None or time.time() - url.since > RESPONSE_SECONDS:
            raise SlackError("expired_url")
        if url.used >= RESPONSES:
            raise SlackError("used_url")
        url.used += 1
        if payload.get("delete_original") in (True, "true"):
            self.messages.remove(url.message)
        elif payload.get("replace_original") in (True, "true"):
            self.messages.change(url.message, **_said(payload), edited=True)
        else:
            ephemeral = payload.get("response_type", "ephemeral") == "ephemeral"
            thread = payload.get("thread_ts")
            channel = url.message.content["channel"]
            self._arrived(channel, "response_url", _said(payload), thread, ephemeral=ephemeral)

    def response_url(self, message: Message) -> str:
        """A fresh URL for answers to a press on the message."""
        identifier = uuid4().hex
        self._responses[identifier] = ResponseUrl(message)
        return f"{self._endpoint_url}/_twin/slack/response/{identifier}"

    # --- shared ---

    def _arrived(
        self, channel: str, via: str, said: Answer, thread: Any, *, ephemeral: bool = False
    ) -> Message:
        self._last = max(time.time(), self._last + 1e-6)
        content = {
            **said,
            "channel": channel,
            "channel_name": self._names.get(channel, channel),
            "ts": f"{self._last:.6f}",
            "via": via,
            "thread_ts": thread,
            "ephemeral": ephemeral,
            "edited": False,
            "presses": [],
        }
        return self.messages.add("slack", content)

    def _channel(self, named: Any) -> str:
        """The id of a channel given by id or name. Raises channel_not_found."""
        if not isinstance(named, str) or not named.strip("#"):
            raise SlackError("channel_not_found")
        known = self.settings.channels
        if known is not None and named not in known and named.lstrip("#") not in known:
            raise SlackError("channel_not_found")
        if re.fullmatch(r"[CGD][A-Z0-9]{5,}", named):
            return named
        identifier = f"C{sha256(named.lstrip('#').encode()).hexdigest()[:8].upper()}"
        self._names[identifier] = named.lstrip("#")
        return identifier

    def _of(self, channel: str) -> list[Message]:
        return self.messages.newest_first(
            lambda one: (
                one.kind == "slack" and one.content["channel"] == channel and not one.content["ephemeral"]
            )
        )

    def _find(self, arguments: Mapping[str, Any]) -> Message:
        channel = self._channel(arguments.get("channel"))
        found = [one for one in self._of(channel) if one.content["ts"] == arguments.get("ts")]
        if not found:
            raise SlackError("message_not_found")
        return found[0]


def as_slack(message: Message) -> Answer:
    """A message as the Web API and the payload of a press show it."""
    content = message.content
    shown = {
        "type": "message",
        "user": BOT_USER,
        "bot_id": BOT,
        "app_id": APP,
        "team": TEAM,
        "ts": content["ts"],
        "text": content["text"],
        "blocks": content["blocks"],
    }
    return shown | ({"thread_ts": content["thread_ts"]} if content["thread_ts"] else {})


def _said(arguments: Mapping[str, Any]) -> Answer:
    """Text and blocks of a message; blocks without an id get one, as on Slack."""
    blocks = arguments.get("blocks") or []
    if not blocks and not arguments.get("text"):
        raise SlackError("no_text")
    if wrong := faults(blocks):
        raise SlackError("invalid_blocks", *(f"[ERROR] {one}" for one in wrong))
    named = [{"block_id": f"b{index}", **block} for index, block in enumerate(blocks)]
    return {"text": str(arguments.get("text") or ""), "blocks": named}
