"""A button was pressed in Slack: make sure that it is genuine, and hand it on. Slack waits three seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from perennial import slack_signature
from perennial.events import ActionDetail
from perennial.intents import Expired, Forged, Intent, Keys, verify
from perennial.ports import World
from perennial.presses import Press, read
from perennial.reactions import claims

LARGEST = 1_000_000  # bytes of a body
_PATH = re.compile(r"/slack/([A-Za-z0-9][A-Za-z0-9_.-]{0,63})")


@dataclass(frozen=True)
class Request:
    """An HTTP request as it came, body undecoded; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """An HTTP status without a body, and for the log what was wrong (nothing, if all is well)."""

    status: int
    refused: str = ""


def press(request: Request, world: World) -> Answer:
    """Answers 200 once what the person asked for is on the bus. Whoever is not Slack learns nothing."""
    match = _PATH.fullmatch(request.path)
    timestamp = request.headers.get("x-slack-request-timestamp", "")
    if request.method != "POST":
        return Answer(405, "method")
    if len(request.body) > LARGEST:
        return Answer(413, "oversized")
    if match is None or not slack_signature.is_fresh(timestamp, world.now().timestamp()):
        return Answer(401, "stale" if match else "path")
    signature = request.headers.get("x-slack-signature", "")
    secret = world.secrets.get(f"slack/{match[1]}") or {}
    if not slack_signature.is_genuine(secret.get("signing_secret", ""), timestamp, request.body, signature):
        return Answer(401, "forged")
    pressed = read(request.body, match[1])
    return _hand_on(pressed, secret.get("approvers", ""), world) if pressed else Answer(200)


def _hand_on(pressed: Press, approvers: str, world: World) -> Answer:
    """The request is Slack's; is the button ours and still good, and may this person press it?"""
    keys = Keys.from_secret(world.secrets.get("intents") or {"key": ""})
    try:
        intent = verify(pressed.token, keys, world.now())
    except Forged:
        return Answer(403, "forged intent")
    except Expired as expired:
        # A person waits for an answer all the same.
        world.hints.ask(_asked(expired.intent, pressed, refused=str(expired)))
        return Answer(403, "expired intent")
    if approvers and pressed.user not in approvers.replace(",", " ").split():
        reason = f"{pressed.by} is not among those who may press buttons here"
        world.hints.ask(_asked(intent, pressed, refused=reason))
        return Answer(403, "not an approver")
    asked = _asked(intent, pressed)
    if not claims.claim(asked, world):
        return Answer(409, "replayed")
    try:
        world.hints.ask(asked)
    except Exception:
        claims.release(asked, world)
        raise
    return Answer(200)


def _asked(intent: Intent, pressed: Press, refused: str = "") -> ActionDetail:
    return ActionDetail(
        id=intent.nonce,
        action=intent.action,
        model=intent.model,
        version=intent.version,
        subject=intent.subject,
        by=pressed.by,
        refused=refused,
        message=pressed.message,
    )
