"""A message as a plain mail of 72 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from perennial.names import called
from perennial.notifications.compose import line_of
from perennial.notifications.message import CALLS, Message, Moved
from perennial.notifications.text import clean, last, number, one_line, shorten
from perennial.words import counted

COLUMNS = 72
LONGEST_SUBJECT = 100  # SNS: ASCII, no line breaks
LONGEST_LOG = 6000
MOST_PARTS = 50
_FLAGS = {"now": "ACT NOW: ", "soon": "", "none": ""}


def subject(message: Message) -> str:
    """At most 100 ASCII characters on one line; whether to act comes first."""
    text = f"{_FLAGS[message.urgency]}[{message.model}] {message.title}"
    if message.urgency == "soon":
        text += " (needs you)"
    plain = one_line(text).encode("ascii", "replace").decode()
    return plain if len(plain) <= LONGEST_SUBJECT else plain[: LONGEST_SUBJECT - 3] + "..."


def body(message: Message) -> str:
    """What happened and whether to act, then why, what was done, what moved, and where to look."""
    return "\n\n".join(part for part in _parts(message) if part).strip() + "\n"


def _parts(message: Message) -> Iterator[str]:
    yield _wrapped(f"{CALLS[message.urgency].upper()} {message.model}: {one_line(message.title)}.")
    if message.parts:
        yield from _digest(message)
    else:
        if message.ask:
            yield _wrapped(f"What you can do: {one_line(message.ask)}")
        told = (("Why", message.why), ("Done", message.did), ("Seen", message.fact))
        yield "\n".join(_labelled(label, shorten(one_line(text), 2000)) for label, text in told if text)
        yield _features(message)
        yield "\n".join(
            _labelled(shorten(one_line(fact.label), 60), shorten(one_line(fact.value), 1000))
            for fact in message.facts
        )
        if message.log:
            yield "Log:\n" + textwrap.indent(last(clean(message.log), LONGEST_LOG), "  ")
    if message.commands:
        yield "By command:\n" + "\n".join(f"  {command}" for command in message.commands)
    if message.links:
        yield "\n".join(f"{one_line(link.label)}:\n  {link.url}" for link in message.links)
    yield "\n".join(_wrapped(f"Note: {one_line(note)}") for note in message.notes)
    yield f"-- \n{message.stack}, {message.at:%Y-%m-%d %H:%M} UTC"


def _digest(message: Message) -> Iterator[str]:
    yield _wrapped(one_line(f"{message.ask} {message.why}"))
    for part in message.parts[:MOST_PARTS]:
        ask = f"\n{_wrapped(one_line(part.ask), '      ')}" if part.urgency != "none" and part.ask else ""
        why = _wrapped(shorten(one_line(part.why), 400), "      ")
        flag = {"now": "!!", "soon": "! ", "none": "  "}[part.urgency]
        yield f"{flag} {one_line(line_of(part)).partition(' ')[2]}\n{why}{ask}"
    left_out = message.left_out + max(len(message.parts) - MOST_PARTS, 0)
    if left_out:
        yield f"{left_out} more are in the ledger: {message.ledger}"


def _features(message: Message) -> str:
    if not message.moved:
        return ""
    head = (
        f"Moved most ({len(message.moved)} of {counted(message.features, 'feature')}; * is over its limit):"
    )
    return "\n".join([head, *(_feature(moved) for moved in message.moved)])


def _feature(moved: Moved) -> str:
    limit = f", limit {number(moved.limit)}" if moved.limit is not None else ""
    effect = f" (moved {number(moved.effect)}{limit})" if moved.effect is not None else ""
    name = shorten(one_line(called(moved.feature)), 60)
    values = f"{shorten(one_line(moved.before), 120)}  ->  {shorten(one_line(moved.after), 120)}"
    return f"{'*' if moved.tripped else ' '} {name}{effect}\n{_wrapped(values, '      ')}"


def _labelled(label: str, text: str) -> str:
    return _wrapped(f"{label + ':':<12} {text}", hang=" " * 13)


def _wrapped(text: str, indent: str = "", hang: str | None = None) -> str:
    """Long words, such as addresses and job names, stay whole."""
    return textwrap.fill(
        text,
        COLUMNS,
        initial_indent=indent,
        subsequent_indent=indent if hang is None else hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
