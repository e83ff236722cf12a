"""A message as an HTML mail: tables and inline styles, as mail programs want it; light by itself, dark where asked.

Gmail cuts a mail at 102 KB, which these limits stay well below. Nothing is loaded from outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from perennial.names import called
from perennial.notifications.compose import line_of
from perennial.notifications.message import CALLS, Fact, Link, Message, Moved
from perennial.notifications.text import clean, last, number, one_line, shorten
from perennial.words import counted

MOST_FACTS = 40
MOST_PARTS = 30
LONGEST_LOG = 6000

_COLOURS = {"now": "#c62828", "soon": "#b26a00", "none": "#2e7d32"}
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
_BREAK = "overflow-wrap:anywhere;word-break:break-word"
_INK, _SOFT, _LINE = "#1c2430", "#5b6675", "#e3e7ed"
_DARK = """
@media (prefers-color-scheme: dark) {
  .page { background: #12161c !important; }
  .card { background: #1b212a !important; border-left-color: #323b48 !important; border-right-color: #323b48 !important; border-bottom-color: #323b48 !important; }
  .ink { color: #e8ecf2 !important; }
  .soft { color: #a3afbf !important; }
  .line { border-color: #323b48 !important; }
  .pre { background: #12161c !important; color: #d5dce6 !important; }
  .link { color: #8ab4f8 !important; border-color: #4a6791 !important; }
  .now { color: #ff8a80 !important; } .soon { color: #ffc46b !important; } .none { color: #81c995 !important; }
}
@media (max-width: 520px) {
  .pad { padding-left: 18px !important; padding-right: 18px !important; }
  .page { padding: 0 !important; }
  .card { border-left: 0 !important; border-right: 0 !important; border-radius: 0 !important; }
}
"""


def render(message: Message) -> str:
    """A whole document."""
    rows = "\n".join(_rows(message))
    preview = _safe(f"{message.headline} {message.why}", 200)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>{_safe(f"{message.model}: {message.title}", 200)}</title>
<style>{_DARK}</style>
</head>
<body class="page" style="margin:0;padding:0;background:#f2f4f7;-webkit-text-size-adjust:100%">
<div style="display:none;max-height:0;overflow:hidden">{preview}</div>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" class="page" style="background:#f2f4f7;padding:20px 0">
<tr><td align="center">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" class="card" style="max-width:620px;background:#ffffff;border:1px solid {_LINE};border-top:5px solid {_COLOURS[message.urgency]};border-radius:6px;border-collapse:separate;text-align:left">
{rows}
</table>
</td></tr>
</table>
</body>
</html>
"""


def _rows(message: Message) -> Iterator[str]:
    yield _row(_head(message), top=22)
    if message.parts:
        yield from _digest(message)
    else:
        told = (("Why", message.why), ("Done", message.did), ("Seen", message.fact))
        yield _row("".join(_told(label, text) for label, text in told if text), top=16)
        if message.moved:
            yield _row(_features(message), top=18)
        if message.facts:
            yield _row(_facts(message.facts[:MOST_FACTS]), top=18)
        if message.log:
            yield _row(_log(message.log), top=18)
    if message.links:
        yield _row(_links(message.links), top=20)
    if message.commands:
        yield _row(_caption("By command") + "".join(_code(command) for command in message.commands), top=18)
    for note in message.notes:
        yield _row(
            f'<div class="soon" style="{_FONT};font-size:14px;line-height:1.45;color:{_COLOURS["soon"]}">{_safe(note, 700)}</div>',
            top=16,
        )
    footer = _safe(
        f"{message.stack} \N{MIDDLE DOT} {message.model} \N{MIDDLE DOT} {message.at:%Y-%m-%d %H:%M} UTC", 200
    )
    yield _row(
        f'<div class="soft line" style="{_FONT};font-size:12px;color:{_SOFT};border-top:1px solid {_LINE};padding-top:12px">{footer}</div>',
        top=20,
        bottom=20,
    )


def _head(message: Message) -> str:
    ask = _safe(message.ask, 700)
    return (
        f'<div class="{message.urgency}" style="{_FONT};font-size:14px;font-weight:700;color:{_COLOURS[message.urgency]}">{CALLS[message.urgency]}</div>'
        f'<div class="ink" style="{_FONT};font-size:22px;line-height:1.25;font-weight:700;color:{_INK};padding-top:4px;{_BREAK}">{_safe(f"{message.model}: {message.title}", 200)}</div>'
        + (
            f'<div class="ink" style="{_FONT};font-size:17px;line-height:1.45;color:{_INK};padding-top:8px;{_BREAK}">{ask}</div>'
            if ask
            else ""
        )
    )


def _told(label: str, text: str) -> str:
    return (
        f'<div class="ink" style="{_FONT};font-size:15px;line-height:1.5;color:{_INK};padding-bottom:6px;{_BREAK}">'
        f'<span class="soft" style="color:{_SOFT};font-weight:600">{label}</span>&nbsp; {_safe(text, 2000)}</div>'
    )


def _features(message: Message) -> str:
    head = _caption(f"Moved most ({len(message.moved)} of {counted(message.features, 'feature')})")
    return head + _table("".join(_feature(moved) for moved in message.moved))


def _feature(moved: Moved) -> str:
    """The name and the distance above, before and after below: wide enough for a phone."""
    colour = _COLOURS["now"] if moved.tripped else _SOFT
    limit = (
        f' <span style="font-weight:400">of {number(moved.limit)}</span>' if moved.limit is not None else ""
    )
    effect = f"{number(moved.effect)}{limit}" if moved.effect is not None else ""
    before, after = _safe(moved.before, 120), _safe(moved.after, 120)
    return (
        f'<tr><td class="ink line" style="{_FONT};font-size:15px;line-height:1.4;color:{_INK};border-top:1px solid {_LINE};padding:8px 10px 8px 0;{_BREAK}">'
        f'<b>{_safe(called(moved.feature), 80)}</b><br>{before} <span class="soft" style="color:{_SOFT}">&rarr;</span> {after}</td>'
        f'<td class="{"now" if moved.tripped else "soft"} line" align="right" valign="top" style="{_FONT};font-size:14px;font-weight:700;color:{colour};border-top:1px solid {_LINE};padding:8px 0;white-space:nowrap">{effect}</td></tr>'
    )


def _facts(facts: Sequence[Fact]) -> str:
    return _table("".join(_fact(fact) for fact in facts))


def _fact(fact: Fact) -> str:
    return (
        f'<tr><td class="soft" valign="top" width="34%" style="{_FONT};font-size:14px;line-height:1.45;color:{_SOFT};padding:3px 12px 3px 0;{_BREAK}">{_safe(fact.label, 100)}</td>'
        f'<td class="ink" valign="top" style="{_FONT};font-size:14px;line-height:1.45;color:{_INK};padding:3px 0;{_BREAK}">{_safe(fact.value, 1000)}</td></tr>'
    )


def _log(text: str) -> str:
    shown = escape(last(clean(text), LONGEST_LOG))
    return (
        _caption("Log")
        + f'<pre class="pre" style="{_MONO};font-size:12px;line-height:1.45;color:{_INK};background:#f2f4f7;border-radius:4px;margin:6px 0 0;padding:10px 12px;white-space:pre-wrap;{_BREAK}">{shown}</pre>'
    )


def _links(links: Sequence[Link]) -> str:
    return "".join(
        f'<a class="link" href="{escape(link.url)}" style="{_FONT};display:inline-block;font-size:14px;font-weight:600;color:#1a56b0;text-decoration:none;border:1px solid #b9cbe6;border-radius:5px;padding:8px 14px;margin:0 8px 8px 0">{_safe(link.label, 100)}</a>'
        for link in links
    )


def _code(command: str) -> str:
    return f'<div class="ink" style="{_MONO};font-size:13px;line-height:1.6;color:{_INK};{_BREAK}">{_safe(command, 300)}</div>'


def _digest(message: Message) -> Iterator[str]:
    if message.why:
        yield _row(_told("Why now", message.why), top=14)
    yield _row(_table("".join(_part(part) for part in message.parts[:MOST_PARTS])), top=8)
    left_out = message.left_out + max(len(message.parts) - MOST_PARTS, 0)
    if left_out:
        yield _row(_told("And", f"{left_out} more, in the ledger: {message.ledger}"), top=10)


def _part(part: Message) -> str:
    ask = (
        f'<div class="{part.urgency}" style="color:{_COLOURS[part.urgency]};padding-top:2px">{_safe(part.ask, 400)}</div>'
        if part.urgency != "none" and part.ask
        else ""
    )
    title = one_line(line_of(part)).partition(" ")[2]
    return (
        f'<tr><td class="ink line" style="{_FONT};font-size:15px;line-height:1.45;color:{_INK};border-top:1px solid {_LINE};padding:10px 0;{_BREAK}">'
        f'<b><span class="{part.urgency}" style="color:{_COLOURS[part.urgency]}">&#9679;</span> {_safe(title, 200)}</b>'
        f'<div class="soft" style="color:{_SOFT}">{_safe(part.why, 400)}</div>{ask}</td></tr>'
    )


def _row(content: str, *, top: int, bottom: int = 0) -> str:
    return f'<tr><td class="pad" style="padding:{top}px 28px {bottom}px">{content}</td></tr>'


def _table(rows: str) -> str:
    return (
        f'<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0">{rows}</table>'
    )


def _caption(text: str) -> str:
    return f'<div class="soft" style="{_FONT};font-size:13px;font-weight:600;color:{_SOFT};padding-bottom:6px">{_safe(text, 200)}</div>'


def _safe(text: str, limit: int) -> str:
    return escape(shorten(one_line(text), limit))
