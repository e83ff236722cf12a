"""What Slack sends when somebody presses a button of ours. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, ValidationError

from perennial.events import SlackMessage

LARGEST_BLOCKS = 150_000  # bytes of JSON; an event on EventBridge has room for 256 KB


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class _User(_Part):
    id: str
    username: str = ""
    name: str = ""


class _Action(_Part):
    block_id: str = ""
    value: str = ""


class _Container(_Part):
    channel_id: str = ""
    message_ts: str = ""


class _Message(_Part):
    blocks: tuple[dict[str, Any], ...] = ()


class _Payload(_Part):
    """The parts of a `block_actions` payload that we use."""

    type: str
    user: _User
    actions: tuple[_Action, ...] = ()
    response_url: str = ""
    container: _Container = _Container()
    message: _Message = _Message()


@dataclass(frozen=True)
class Press:
    """A pressed button: its token, who pressed it (`user` is Slack's id), and the message that it is in."""

    token: str
    by: str
    user: str
    message: SlackMessage


def read(body: bytes, slack: str) -> Press | None:
    """The press that a form-encoded body tells of; None when it is none, such as a click on a link.

    `slack` names the workspace's secret. The body's signature must have been checked before.
    """
    try:
        [payload] = parse_qs(body.decode(), strict_parsing=True)["payload"]
        found = _Payload.model_validate(json.loads(payload))
    except (KeyError, ValueError, RecursionError, ValidationError):
        return None
    pressed = next((action for action in found.actions if action.value), None)
    if found.type != "block_actions" or pressed is None:
        return None
    blocks = found.message.blocks
    return Press(
        pressed.value,
        "@" + (found.user.username or found.user.name or found.user.id),
        found.user.id,
        SlackMessage(
            slack=slack,
            response_url=found.response_url,
            channel=found.container.channel_id,
            ts=found.container.message_ts,
            block=pressed.block_id,
            blocks=blocks if len(json.dumps(blocks)) <= LARGEST_BLOCKS else (),
        ),
    )
