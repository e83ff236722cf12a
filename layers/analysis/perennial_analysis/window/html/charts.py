"""Charts as inline SVG, in a fixed coordinate system that scales with the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from perennial_analysis.sketch import Sketch
from perennial_analysis.statistics import Numbers
from perennial_analysis.window.html.elements import short
from perennial_analysis.words import counted

WIDTH, HEIGHT, AXIS = 320, 118, 16
BINS = 32
FEW_VALUES = 16
MOST_BARS = 7
LONGEST = 22
OUTER = 0.005


def numeric(before: Numbers | None, after: Numbers | None) -> str:
    """Two distributions over each other, as shares on a common grid; both may be missing."""
    sides = [each.sketch if each else None for each in (before, after)]
    drawn = [each for each in sides if each is not None and each.total]
    if not drawn:
        return ""
    values = np.unique(np.concatenate([each.values for each in drawn]))
    if len(values) <= FEW_VALUES:
        return bars([(short(v), _share_of(sides[0], v), _share_of(sides[1], v)) for v in values.tolist()])
    edges, outside = _grid(drawn)
    shares = [None if each is None or not each.total else _histogram(each, edges) for each in sides]
    top = max(float(each.max()) for each in shares if each is not None) or 1.0
    plot = HEIGHT - AXIS
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="distribution">']
    for each, fill, line in zip(shares, ("fb", "fn"), ("sb", "sn"), strict=True):
        if each is not None:
            path = _steps(each / top, plot)
            parts.append(f'<path class="{fill}" d="{path}V{plot}H0Z"/><path class="{line}" d="{path}"/>')
    parts.append(f'<path class="ax" d="M0 {plot}H{WIDTH}"/>')
    low, middle, high = float(edges[0]), float((edges[0] + edges[-1]) / 2), float(edges[-1])
    marks = (
        ("start", 0, f"{'≤ ' if outside[0] else ''}{short(low)}"),
        ("middle", WIDTH // 2, short(middle)),
        ("end", WIDTH, f"{'≥ ' if outside[1] else ''}{short(high)}"),
    )
    parts += [
        f'<text x="{x}" y="{HEIGHT - 3}" text-anchor="{anchor}">{escape(text)}</text>'
        for anchor, x, text in marks
    ]
    return "".join([*parts, "</svg>"])


def categories(before: Mapping[str, int] | None, after: Mapping[str, int] | None) -> str:
    """Paired bars of the most frequent values of either side, the rest together."""
    sides = [dict(each or {}) for each in (before, after)]
    totals = [sum(each.values()) for each in sides]
    if not any(totals):
        return ""
    shares = [
        {word: count / total for word, count in each.items()} if total else None
        for each, total in zip(sides, totals, strict=True)
    ]
    known = [each for each in shares if each is not None]
    words = sorted(
        {word for each in known for word in each}, key=lambda w: (-max(e.get(w, 0.0) for e in known), w)
    )
    shown = words if len(words) <= MOST_BARS else words[: MOST_BARS - 1]
    was, now = shares
    rows = [
        (word, None if was is None else was.get(word, 0.0), None if now is None else now.get(word, 0.0))
        for word in shown
    ]
    if len(words) > len(shown):
        rows.append((counted(len(words) - len(shown), "other"), _rest(was, shown), _rest(now, shown)))
    return bars(rows)


def bars(rows: Sequence[tuple[str, float | None, float | None]]) -> str:
    """A pair of horizontal bars a row, labelled; shares of rows, None where a side has no data."""
    pitch, label, room = 26, 108, 150
    top = max((share for _, *pair in rows for share in pair if share is not None), default=1.0) or 1.0
    height = pitch * len(rows)
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="shares of values">']
    for place, (word, *pair) in enumerate(rows):
        y = place * pitch
        told = word if len(word) <= LONGEST else f"{word[: LONGEST - 1]}…"
        parts.append(
            f'<text class="ink" x="{label - 8}" y="{y + 16}" text-anchor="end">{escape(told)}</text>'
        )
        for share, shape, offset in zip(pair, ("db", "dn"), (3, 13), strict=True):
            if share is not None:
                width = max(share / top * room, 1.0 if share else 0.0)
                parts.append(
                    f'<rect class="{shape}" x="{label}" y="{y + offset}" width="{width:.1f}" height="8" rx="1.5"/>'
                )
                parts.append(
                    f'<text class="sv" x="{label + width + 5:.1f}" y="{y + offset + 8}">{_percent(share)}</text>'
                )
    return "".join([*parts, "</svg>"])


def interval(
    low: float,
    value: float,
    high: float,
    *,
    marks: Sequence[tuple[float, str]],
    span: tuple[float, float],
    bad: bool,
) -> str:
    """A value with its interval on a line from span[0] to span[1]; `marks` are (place, class) of upright strokes."""
    width, middle = 220, 11
    reach = (span[1] - span[0]) or 1.0

    def x(at: float) -> float:
        return min(max((at - span[0]) / reach, 0.0), 1.0) * (width - 12) + 6

    tone = "dx" if bad else "dn"
    parts = [
        f'<svg viewBox="0 0 {width} 22" role="img" aria-label="interval"><path class="ax" d="M6 {middle}H{width - 6}"/>'
    ]
    parts += [f'<path class="{shape}" d="M{x(at):.1f} 3V19"/>' for at, shape in marks if math.isfinite(at)]
    if math.isfinite(low) and math.isfinite(high):
        parts.append(f'<path class="{"sx" if bad else "sn"}" d="M{x(low):.1f} {middle}H{x(high):.1f}"/>')
    parts.append(f'<circle class="{tone}" cx="{x(value):.1f}" cy="{middle}" r="4"/></svg>')
    return "".join(parts)


def gauge(ratio: float) -> str:
    """A small bar: how much of what is allowed was used; the stroke at its end is the bound."""
    width = 66 * min(max(ratio, 0.0), 1.0)
    return (
        '<svg viewBox="0 0 72 10" aria-hidden="true"><path class="ax" d="M0 5H66M66 0V10"/>'
        f'<rect class="{"dn" if ratio <= 1 else "dx"}" y="3" width="{width:.1f}" height="4" rx="2"/></svg>'
    )


def roc(
    current: tuple[Sequence[float], Sequence[float]] | None,
    before: tuple[Sequence[float], Sequence[float]] | None,
) -> str:
    """ROC curves, (false positive rates, true positive rates) each."""
    side, margin = 220, 26
    parts = [f'<svg viewBox="0 0 {side + margin + 8} {side + margin + 4}" role="img" aria-label="ROC curve">']
    parts.append(f'<path class="ax" d="M{margin} 4V{side + 4}H{side + margin}"/>')
    parts.append(f'<path class="ax dash" d="M{margin} {side + 4}L{side + margin} 4"/>')
    for curve, line in ((before, "sb"), (current, "sn")):
        if curve is not None and len(curve[0]) > 1:
            points = " ".join(
                f"{margin + fpr * side:.1f},{4 + (1 - tpr) * side:.1f}"
                for fpr, tpr in zip(*curve, strict=False)
            )
            parts.append(f'<polyline class="{line}" points="{points}"/>')
    parts.append(
        f'<text x="{margin + side / 2}" y="{side + 22}" text-anchor="middle">false positive rate</text>'
    )
    parts.append(
        f'<text x="14" y="{side / 2 + 4}" text-anchor="middle" transform="rotate(-90 14 {side / 2 + 4})">true positive rate</text>'
    )
    return "".join([*parts, "</svg>"])


def _grid(drawn: Sequence[Sketch]) -> tuple[NDArray[np.float64], tuple[bool, bool]]:
    """Edges that hold nearly all of both; what lies beyond joins the outer bins."""
    lows, highs, ends = [], [], []
    for each in drawn:
        ranks = np.array([int(OUTER * (each.total - 1)), int((1 - OUTER) * (each.total - 1))], dtype=np.int64)
        low, high = each.at_ranks(ranks).tolist()
        lows.append(low)
        highs.append(high)
        ends.append((float(each.values[0]), float(each.values[-1])))
    low, high = min(lows), max(highs)
    if not math.isfinite(high - low) or high <= low:
        low, high = min(end[0] for end in ends) / 2, max(end[1] for end in ends) / 2
    edges = np.linspace(low, high, BINS + 1)
    return edges, (min(end[0] for end in ends) < low, max(end[1] for end in ends) > high)


def _histogram(sketch: Sketch, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.clip(np.searchsorted(edges, sketch.values, side="right") - 1, 0, len(edges) - 2)
    counts = np.bincount(places, weights=sketch.weights.astype(np.float64), minlength=len(edges) - 1)
    return counts / max(1, sketch.total)


def _steps(shares: NDArray[np.float64], plot: int) -> str:
    step = WIDTH / len(shares)
    heights = [plot - float(share) * (plot - 6) for share in shares]
    moves = "".join(f"V{height:.1f}H{(place + 1) * step:.0f}" for place, height in enumerate(heights))
    return f"M0 {plot}{moves}"


def _rest(shares: Mapping[str, float] | None, shown: Sequence[str]) -> float | None:
    return None if shares is None else max(0.0, 1.0 - sum(shares.get(word, 0.0) for word in shown))


def _share_of(sketch: Sketch | None, value: float) -> float | None:
    if sketch is None or not sketch.total:
        return None
    return float(sketch.weights[sketch.values == value].sum()) / sketch.total


def _percent(share: float) -> str:
    return "0" if not share else "<0.1 %" if share < 0.001 else f"{share * 100:.1f} %"
