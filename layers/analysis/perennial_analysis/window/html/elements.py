"""Small pieces of HTML; text is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

NONE = "\u2014"
KEY = '<p class="key"><span><i class="b"></i>baseline</span><span><i class="n"></i>this window</span></p>'


def numbers(pairs: Iterable[tuple[str, str | None]]) -> str:
    """A list of names and values; those without a value are left out."""
    told = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs if value is not None
    )
    return f'<dl class="numbers">{told}</dl>'


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
