"""A press on a button: Slack's interactive request, signed, to the app's callback."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp

from twin.inbox.block_kit import actions
from twin.inbox.messages import Message
from twin.inbox.slack import APP, TEAM, Slack, as_slack

ACKNOWLEDGED_IN = 3.0  # seconds; Slack shows an error to whoever pressed when an app takes longer
GIVE_UP = 30.0  # seconds; a cold function on a busy laptop may be late, which the press then tells


@dataclass(frozen=True)
class Pressed:
    """How the app answered."""

    status: int
    body: str
    seconds: float

    def shown(self) -> dict[str, Any]:
        in_time = self.seconds <= ACKNOWLEDGED_IN
        return {
            "status": self.status,
            "body": self.body,
            "seconds": round(self.seconds, 3),
            "in_time": in_time,
        }


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Slack's `X-Slack-Signature` of a request."""
    signed = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    return f"v0={signed.hexdigest()}"


def payload(
    message: Message, action: Mapping[str, Any], block_id: str, user: str, response_url: str, now: float
) -> dict[str, Any]:
    """Slack's `block_actions` payload. Pure."""
    content = message.content
    channel = {"id": content["channel"], "name": content["channel_name"]}
    pressed = {
        "type": "button",
        "action_id": action["action_id"],
        "block_id": block_id,
        "text": action["text"],
        "action_ts": f"{now:.6f}",
        **{member: action[member] for member in ("value", "style", "url") if member in action},
    }
    container = {
        "type": "message",
        "message_ts": content["ts"],
        "channel_id": channel["id"],
        "is_ephemeral": content["ephemeral"],
    }
    return {
        "type": "block_actions",
        "user": {"id": f"U0{user.upper()}", "username": user, "name": user, "team_id": TEAM},
        "api_app_id": APP,
        "token": "deprecated",
        "container": container,
        "trigger_id": f"{int(now * 1000)}.{TEAM}",
        "team": {"id": TEAM, "domain": "twin"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": channel,
        "message": as_slack(message),
        "state": {"values": {}},
        "response_url": response_url,
        "actions": [pressed],
    }


async def press(slack: Slack, message: Message, action_id: str, user: str | None = None) -> Pressed:
    """Press a message's button. Raises ValueError when there is none, or no callback to tell."""
    settings = slack.settings
    if not settings.callback_url or not settings.signing_secret:
        raise ValueError("no callback yet: POST /_twin/inbox/settings with callback_url and signing_secret")
    found = [one for one in actions(message.content.get("blocks", ())) if one[1]["action_id"] == action_id]
    if not found:
        raise ValueError(f"message {message.id} has no button {action_id!r}")
    block_id, action = found[0]
    who, now = user or settings.user, time.time()
    form = {"payload": json.dumps(payload(message, action, block_id, who, slack.response_url(message), now))}
    body, timestamp = urlencode(form).encode(), str(int(now))
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature(settings.signing_secret, timestamp, body),
    }
    pressed = await _send(settings.callback_url, body, headers)
    record = {"action_id": action_id, "text": action["text"]["text"], "by": who, "at": now, **pressed.shown()}
    slack.messages.change(message, presses=[*message.content["presses"], record])
    return pressed


async def _send(url: str, body: bytes, headers: Mapping[str, str]) -> Pressed:
    started = time.perf_counter()
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(GIVE_UP)) as session,
            session.post(url, data=body, headers=headers) as answer,
        ):
            said = await answer.text()
            return Pressed(answer.status, said, time.perf_counter() - started)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Pressed(0, f"no answer: {error!r}", time.perf_counter() - started)
