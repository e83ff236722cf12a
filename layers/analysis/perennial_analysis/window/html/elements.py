"""Small pieces of HTML; text is escaped here."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from html import escape

NONE = "\u2014"
LONG_NUMBER = re.compile(r"\d+\.\d{4,}(?:e[+-]?\d+)?")
LINE_KEY = (
    '<p class="key"><span><svg viewBox="0 0 20 14"><path class="sn" d="M1 7H19"/><circle class="dn" cx="10" cy="7" '
    'r="4"/></svg>this window, with its interval</span><span><svg viewBox="0 0 20 14"><path class="sb" d="M10 1V13"/>'
    '</svg>at training</span><span><svg viewBox="0 0 20 14"><path class="sx dash" d="M10 1V13"/></svg>bound</span></p>'
)
KEY = '<p class="key"><span><i class="b"></i>baseline</span><span><i class="n"></i>this window</span></p>'


def numbers(pairs: Iterable[tuple[str, str | None]]) -> str:
    """A list of names and values; those without a value are left out."""
    told = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs if value is not None
    )
    return f'<dl class="numbers">{told}</dl>'


def measure(name: str, value: str, drawn: str, known: str, allowed: str, *, bad: bool) -> str:
    """A row of a metric: all but `drawn` is text."""
    cells = "".join(
        f'<span class="{place}"><small class="soft">{head}</small>{escape(cell)}</span>'
        for place, head, cell in (("at", "at training", known), ("may", "allowed", allowed))
    )
    return (
        f'<div class="m{" bad" if bad else ""}"><b>{escape(name)}</b><span>{escape(value)}</span>'
        f'<span class="draw">{drawn}</span>{cells}</div>'
    )


def table(head: Sequence[str], rows: Iterable[tuple[Sequence[str], bool]], right: Sequence[int] = ()) -> str:
    """Cells are HTML; a row marked true is out of bounds. `right` are the columns of numbers."""

    def cell(tag: str, place: int, content: str) -> str:
        return f'<{tag} class="r">{content}</{tag}>' if place in right else f"<{tag}>{content}</{tag}>"

    header = "".join(cell("th", place, escape(name)) for place, name in enumerate(head))
    body = "".join(
        f"<tr{' class=bad' if bad else ''}>{''.join(cell('td', k, each) for k, each in enumerate(cells))}</tr>"
        for cells, bad in rows
    )
    return f'<div class="scroll"><table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>'


def figure(value: float | None, digits: int = 3) -> str:
    """A number for a person; a dash where there is none."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def short(value: float) -> str:
    """A number for an axis: 3 or 4 figures, thousands and millions as k and M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            scaled = value / ({"G": 1e9, "M": 1e6, "k": 1e3}[unit])
            return f"{scaled:.3g}{unit}" if abs(scaled) < 1e4 else f"{value:.1e}"
    return f"{value:.3g}"


def percent(share: float | None) -> str | None:
    if share is None:
        return None
    return "0 %" if not share else "under 0.1 %" if share < 0.001 else f"{share:.1%}".replace("%", " %")


def readable(description: str) -> str:
    """A description for tools, with the figures of its numbers that a person reads."""
    return LONG_NUMBER.sub(lambda found: f"{float(found[0]):.4g}", description)
