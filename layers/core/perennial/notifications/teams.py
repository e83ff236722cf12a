"""A message as an Adaptive Card for a Power Automate workflow ("When a Teams webhook request is received").

Data goes into text runs, which know no markup: nothing of it needs escaping. Teams takes 28 KB.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perennial.names import called
from perennial.notifications.compose import line_of
from perennial.notifications.message import CALLS, MARKS, Message
from perennial.notifications.text import clean, last, number, one_line, shorten
from perennial.words import counted

MOST_FACTS = 20
MOST_PARTS = 15
MOST_LINKS = 6
_COLOURS = {"now": "Attention", "soon": "Warning", "none": "Good"}
Element = dict[str, Any]


def render(message: Message) -> dict[str, Any]:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": shorten(one_line(f"{message.model}: {message.title}. {message.headline}"), 500),
        "body": [*_body(message)],
        "actions": [
            {"type": "Action.OpenUrl", "title": shorten(one_line(link.label), 50), "url": link.url}
            for link in message.links[:MOST_LINKS]
        ],
    }
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


def _body(message: Message) -> Iterator[Element]:
    title = f"{MARKS[message.urgency]} {message.model}: {message.title}"
    yield _text(_run(shorten(one_line(title), 200), size="Large", weight="Bolder"))
    call = _run(CALLS[message.urgency] + " ", weight="Bolder", color=_COLOURS[message.urgency])
    yield _text(call, _run(shorten(one_line(message.ask), 500)))
    for label, said in (("Why", message.why), ("Done", message.did), ("Seen", message.fact)):
        if said:
            yield _text(_run(f"{label}: ", weight="Bolder"), _run(shorten(one_line(said), 700)))
    for part in message.parts[:MOST_PARTS]:
        why = shorten(one_line(part.why), 200)
        yield _text(_run(shorten(one_line(line_of(part)), 150) + "  ", weight="Bolder"), _run(why))
    left_out = message.left_out + max(len(message.parts) - MOST_PARTS, 0)
    if left_out:
        yield _text(_run(f"{left_out} more are in the ledger.", isSubtle=True))
    if message.moved:
        head = f"Moved most ({len(message.moved)} of {counted(message.features, 'feature')})"
        yield _text(_run(head, weight="Bolder"), separator=True)
    for moved in message.moved:
        name = _run(
            shorten(one_line(called(moved.feature)), 80) + "  ", fontType="Monospace", weight="Bolder"
        )
        values = f"{shorten(one_line(moved.before), 100)} \N{RIGHTWARDS ARROW} {shorten(one_line(moved.after), 100)}"
        effect = f"  moved {number(moved.effect)}" if moved.effect is not None else ""
        yield _text(name, _run(values), _run(effect, isSubtle=True))
    for fact in message.facts[:MOST_FACTS]:
        labelled = _run(f"{shorten(one_line(fact.label), 60)}: ", isSubtle=True)
        yield _text(labelled, _run(shorten(one_line(fact.value), 200)), spacing="Small")
    if message.log:
        yield _text(_run(last(clean(message.log), 2000), fontType="Monospace", size="Small"))
    for note in message.notes:
        yield _text(_run(shorten(one_line(note), 300), color="Warning"))
    footer = f"{message.stack}, {message.at:%Y-%m-%d %H:%M} UTC"
    yield _text(_run(shorten(footer, 200), isSubtle=True, size="Small"), separator=True)


def _run(text: str, **style: Any) -> Element:
    return {"type": "TextRun", "text": text, **style}


def _text(*runs: Element, **style: Any) -> Element:
    return {"type": "RichTextBlock", "inlines": [run for run in runs if run["text"]], **style}
