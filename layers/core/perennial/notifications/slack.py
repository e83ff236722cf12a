"""A message as Slack Block Kit: the arguments of chat.postMessage, without the channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from perennial.names import called
from perennial.notifications.compose import line_of
from perennial.notifications.message import CALLS, MARKS, Button, Fact, Link, Message, Moved
from perennial.notifications.text import clean, last, number, one_line
from perennial.words import counted

# Slack's limits.
MOST_BLOCKS = 50
LONGEST_HEADER = 150
LONGEST_SECTION = 3000
MOST_FIELDS = 10
LONGEST_LABEL = 75
LONGEST_CONFIRMATION = 300
LONGEST_URL = 3000
MOST_BUTTONS = 25
# Ours: a message is read at a glance.
LONGEST_PART = 700
MOST_PARTS = 20

Block = dict[str, Any]
Sign = Callable[[Button, Message], str]
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def render(message: Message, sign: Sign | None = None) -> dict[str, Any]:
    """`sign` makes a button's value; without it there are no buttons."""
    blocks = [*_blocks(message, sign)]
    return {
        "text": escaped(
            f"{MARKS[message.urgency]} {message.model}: {message.title}. {message.headline}", 1000
        ),
        "blocks": blocks[: MOST_BLOCKS - 1] + blocks[-1:] if len(blocks) > MOST_BLOCKS else blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def mrkdwn(text: str) -> Block:
    """Verbatim: Slack would make links and mentions of what only looks like one, such as a column called @here."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def escaped(text: str, limit: int) -> str:
    """At most `limit` characters after escaping what Slack reads as markup; never half an escape."""
    text = clean(text)
    parts = [_ESCAPES.get(character, character) for character in text]
    if sum(map(len, parts)) <= limit:
        return "".join(parts)
    kept, length = [], 1
    for part in parts:
        length += len(part)
        if length > limit:
            break
        kept.append(part)
    return "".join(kept) + "\N{HORIZONTAL ELLIPSIS}"


def _blocks(message: Message, sign: Sign | None) -> Iterator[Block]:
    yield _header(message)
    yield _section(f"*{CALLS[message.urgency]}* {escaped(message.ask, LONGEST_PART)}".strip())
    if message.parts:
        yield from _digest(message, sign)
    else:
        yield _section(_story(message))
        if message.moved:
            yield _section(_features(message))
        yield from _fields(message.facts)
        if message.log:
            log = escaped(last(clean(message.log).replace("`", "'"), 1500), LONGEST_SECTION - 10)
            yield _section(f"```{log}```")
        if links := _links(message.links):
            yield _section(links)
        if buttons := _buttons(message, message.buttons, sign):
            yield {"type": "actions", "elements": buttons}
    for note in message.notes:
        yield _context(f":warning: {escaped(note, LONGEST_PART)}")
    yield _context(
        f"{escaped(message.stack, 100)}  \N{MIDDLE DOT}  {escaped(message.model, 100)}  \N{MIDDLE DOT}  {message.at:%Y-%m-%d %H:%M} UTC"
    )


def _header(message: Message) -> Block:
    text = f"{MARKS[message.urgency]} {one_line(message.model)}: {one_line(message.title)}"
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": escaped(text, LONGEST_HEADER), "emoji": True},
    }


def _story(message: Message) -> str:
    told = (("Why", message.why), ("Done", message.did), ("Seen", message.fact))
    return "\n".join(f"*{label}:* {escaped(text, LONGEST_PART)}" for label, text in told if text)


def _features(message: Message) -> str:
    head = f"*Moved most* ({len(message.moved)} of {counted(message.features, 'feature')})"
    return "\n".join([head, *(_feature(moved) for moved in message.moved)])


def _feature(moved: Moved) -> str:
    """A name in code, so that its underscores and asterisks are no markup."""
    name = escaped(one_line(called(moved.feature)).replace("`", "'"), 80) or " "
    before, after = escaped(one_line(moved.before), 120), escaped(one_line(moved.after), 120)
    limit = f", limit {number(moved.limit)}" if moved.limit is not None else ""
    effect = f"  _moved {number(moved.effect)}{limit}_" if moved.effect is not None else ""
    mark = "\N{BLACK DIAMOND}" if moved.tripped else "\N{WHITE DIAMOND}"
    return f"{mark} `{name}`  {before} \N{RIGHTWARDS ARROW} {after}{effect}"


def _fields(facts: Sequence[Fact]) -> Iterator[Block]:
    texts = [
        mrkdwn(f"*{escaped(one_line(fact.label), 100)}*\n{escaped(one_line(fact.value), 300)}")
        for fact in facts
    ]
    for start in range(0, min(len(texts), 2 * MOST_FIELDS), MOST_FIELDS):
        yield {"type": "section", "fields": texts[start : start + MOST_FIELDS]}


def _links(links: Sequence[Link]) -> str:
    shown = [
        f"<{escaped(link.url, LONGEST_URL).replace('|', '%7C')}|{escaped(one_line(link.label), 100)}>"
        for link in links
        if len(link.url) < 600  # a cut address leads nowhere
    ]
    return "  \N{MIDDLE DOT}  ".join(shown)


def _digest(message: Message, sign: Sign | None) -> Iterator[Block]:
    if message.why:
        yield _section(escaped(message.why, LONGEST_PART))
    latest = {button.action: button for part in sorted(message.parts, key=_at) for button in part.buttons}
    for part in message.parts[:MOST_PARTS]:
        why = escaped(one_line(part.why), 300)
        ask = f"\n_{escaped(one_line(part.ask), 300)}_" if part.urgency != "none" and part.ask else ""
        yield _section(f"*{escaped(one_line(line_of(part)), 200)}*\n{why}{ask}")
        # Of several versions that waited only the last can still be meant.
        still = [button for button in part.buttons if latest[button.action] is button]
        if part.urgency != "none" and (buttons := _buttons(part, still, sign)):
            yield {"type": "actions", "elements": buttons}
    left_out = message.left_out + max(len(message.parts) - MOST_PARTS, 0)
    if left_out:
        yield _context(f"{left_out} more are in the ledger: `{escaped(message.ledger, 200)}`")


def _at(message: Message) -> datetime:
    return message.at


def _buttons(message: Message, buttons: Sequence[Button], sign: Sign | None) -> list[Block]:
    return [_button(button, message, sign) for button in buttons[:MOST_BUTTONS]] if sign else []


def _button(button: Button, message: Message, sign: Sign) -> Block:
    block: Block = {
        "type": "button",
        "action_id": button.action,
        "text": {"type": "plain_text", "text": escaped(button.label, LONGEST_LABEL), "emoji": True},
        "value": sign(button, message),
    }
    if button.style:
        block["style"] = button.style
    if button.confirm:
        block["confirm"] = {
            "title": {"type": "plain_text", "text": escaped(f"{button.label}: {message.model}", 100)},
            "text": mrkdwn(escaped(button.confirm, LONGEST_CONFIRMATION)),
            "confirm": {"type": "plain_text", "text": escaped(button.label, 30)},
            "deny": {"type": "plain_text", "text": "Cancel"},
            **({"style": button.style} if button.style else {}),
        }
    return block


def _section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text or " ")}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text)]}
