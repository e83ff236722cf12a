"""What becomes of a Slack message whose button was pressed. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from perennial.decision import Decision
from perennial.events import ActionDetail
from perennial.notifications.slack import escaped, mrkdwn

Replacement = Mapping[str, Any]

_DONE = {
    "approved": "approved",
    "rejected": "rejected",
    "retraining_started": "retraining started",
    "rollback_started": "rolled back",
    "muted": "muted",
}
_ASKED = {
    "approve": "to approve",
    "reject": "to reject",
    "roll_back": "to roll back",
    "retrain": "to retrain",
    "mute": "to mute",
}
# What was decided about a version leaves no question open; the rest settles its own button only.
_SETTLES = {"approve": {"approve", "reject"}, "reject": {"approve", "reject"}}
LONGEST = 2000  # characters of an answer


def is_done(decision: Decision) -> bool:
    """Whether what was asked for happened."""
    return decision.outcome in _DONE


def line(asked: ActionDetail, decision: Decision, now: datetime) -> str:
    """Who did what, when; or what was asked for and why it was not done. Slack's mrkdwn."""
    at = f"{now:%H:%M} UTC"
    if is_done(decision):
        words = f"{_DONE[decision.outcome]} by {asked.by} at {at}"
    else:
        words = f"{asked.by} asked {_ASKED[asked.action]} at {at}"
    told_by_itself = decision.outcome in ("approved", "rejected")
    return escaped(words if told_by_itself else f"{words}: {decision.reason}", LONGEST)


def settled(asked: ActionDetail, text: str) -> Replacement:
    """The message without the buttons that are answered, and with the line at its end.

    Without the original's blocks (it was too large to carry) the line is a message of its own.
    """
    blocks = asked.message.blocks if asked.message else ()
    if not blocks:
        return {"replace_original": False, "response_type": "in_channel", "text": text}
    gone = _SETTLES.get(asked.action, {asked.action})
    row = asked.message.block if asked.message else ""
    kept = [
        left
        for block in blocks
        if (left := _without(block, gone) if block.get("block_id", "") == row else block)
    ]
    context = {"type": "context", "elements": [mrkdwn(text)]}
    return {"replace_original": True, "text": text, "blocks": [*kept[:49], context]}


def whisper(asked: ActionDetail, text: str) -> Replacement:
    """A message for the person alone, in the message's thread."""
    thread = {"thread_ts": asked.message.ts} if asked.message and asked.message.ts else {}
    return {"response_type": "ephemeral", "replace_original": False, "text": text, **thread}


def _without(block: Mapping[str, Any], gone: set[str]) -> Mapping[str, Any] | None:
    """The block without the named buttons; None when nothing is left of it."""
    if block.get("type") != "actions":
        return block
    elements: Sequence[Mapping[str, Any]] = block.get("elements", ())
    left = [element for element in elements if element.get("action_id") not in gone]
    return {**block, "elements": left} if left else None
