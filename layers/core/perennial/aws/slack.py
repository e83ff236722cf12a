"""Slack: its Web API with a bot token, or an incoming webhook."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from perennial.aws.http import post_form, post_json
from perennial.errors import ChannelFailed

API = "https://slack.com/api"
# Slack's own names for "not now"; everything else needs a person: a wrong token, channel or block.
TRANSIENT = frozenset(
    {"ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
)


class SlackApi:
    """Implements `perennial.ports.Slack`."""

    def post(self, secret: Mapping[str, str], message: Mapping[str, Any]) -> Mapping[str, str]:
        if "bot_token" in secret:
            channel = _required(secret, "channel")
            answer = _call("chat.postMessage", secret, {"channel": channel, **message})
            return {"channel": str(answer.get("channel", channel)), "ts": str(answer.get("ts", ""))}
        post_json(_required(secret, "webhook_url"), message)
        return {}

    def update(self, secret: Mapping[str, str], channel: str, ts: str, message: Mapping[str, Any]) -> None:
        _call("chat.update", secret, {"channel": channel, "ts": ts, **message})

    def permalink(self, secret: Mapping[str, str], channel: str, ts: str) -> str:
        fields = {"channel": channel, "message_ts": ts}
        return str(_call("chat.getPermalink", secret, fields, post_form).get("permalink", ""))

    def respond(self, response_url: str, message: Mapping[str, Any]) -> None:
        post_json(response_url, message)


def _call(
    method: str, secret: Mapping[str, str], body: Mapping[str, Any], post: Callable[..., bytes] = post_json
) -> Mapping[str, Any]:
    """Slack answers 200 with `ok: false` when it refuses."""
    url = f"{secret.get('api_url') or API}/{method}"
    answer = post(url, body, {"Authorization": f"Bearer {_required(secret, 'bot_token')}"})
    try:
        said = json.loads(answer)
    except ValueError as error:
        raise ChannelFailed(f"{method} was answered with something else than JSON", transient=True) from error
    if not isinstance(said, dict) or not said.get("ok"):
        reason = str(said.get("error", "no reason given")) if isinstance(said, dict) else "no JSON object"
        raise ChannelFailed(f"{method}: {reason}", transient=reason in TRANSIENT)
    return said


def _required(secret: Mapping[str, str], name: str) -> str:
    if not secret.get(name):
        raise ChannelFailed(f"the channel's secret has no {name}")
    return secret[name]
