"""A small chart as SVG: bands over time that add up to a whole, lines, steps and marks. No fonts, no scripts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, LEFT, RIGHT = 860, 64, 16
INK, FAINT = "#1f2933", "#d5dbe1"
COLOURS = {"old": "#9fb3c8", "new": "#1f77b4", "bad": "#d64545", "line": "#e0871b", "quiet": "#7b8794"}


@dataclass(frozen=True)
class Line:
    """Points (x, y), joined; as steps when `steps`."""

    label: str
    colour: str
    points: Sequence[tuple[float, float]]
    steps: bool = False


@dataclass(frozen=True)
class Bands:
    """Shares of a whole that change at each x: `shares[i][j]` is that of label j from x[i] to x[i + 1]."""

    labels: Sequence[tuple[str, str]]
    x: Sequence[float]
    shares: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Panel:
    """One of the charts above each other; `top` is the greatest y."""

    title: str
    height: int
    top: float
    unit: str = ""
    lines: Sequence[Line] = ()
    bands: Bands | None = None


@dataclass(frozen=True)
class Mark:
    """Something that happened."""

    x: float
    text: str
    colour: str = INK


@dataclass
class Chart:
    """Panels that share the x axis, which ends at `end`."""

    title: str
    end: float
    x_unit: str
    panels: Sequence[Panel]
    marks: Sequence[Mark] = field(default_factory=list)

    def svg(self) -> str:
        rows = _rows(self.marks, self._x)
        top = 40 + 15 * (max(rows, default=-1) + 1)
        height = top + sum(panel.height + 38 for panel in self.panels) + 26
        drawn = [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
                f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">'
            ),
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            f'<text x="{LEFT}" y="22" font-size="15" font-weight="600">{escape(self.title)}</text>',
        ]
        bottom = height - 40
        for mark, row in zip(self.marks, rows, strict=True):
            x, y = self._x(mark.x), 46 + 15 * row
            anchor, shift = ("end", -4) if x > WIDTH * 0.6 else ("start", 4)
            drawn.append(
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y - 10}" y2="{bottom}" stroke="{mark.colour}" '
                f'stroke-dasharray="3 3"/><text x="{x + shift:.1f}" y="{y}" text-anchor="{anchor}" '
                f'fill="{mark.colour}">{escape(mark.text)}</text>'
            )
        for panel in self.panels:
            top += 24
            drawn += self._panel(panel, top)
            top += panel.height + 14
        for tick in _ticks(self.end):
            x = self._x(tick)
            drawn.append(f'<text x="{x:.1f}" y="{top + 8}" text-anchor="middle">{tick:g}</text>')
        drawn.append(
            f'<text x="{WIDTH - RIGHT}" y="{top + 24}" text-anchor="end">{escape(self.x_unit)}</text>'
        )
        return "\n".join([*drawn, "</svg>\n"])

    def _x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(value, 0), self.end) / self.end

    def _panel(self, panel: Panel, top: int) -> list[str]:
        def y(value: float) -> float:
            return top + panel.height * (1 - min(value, panel.top) / panel.top)

        legend = [(line.label, line.colour) for line in panel.lines]
        legend = [*(panel.bands.labels if panel.bands else ()), *legend]
        drawn = [f'<text x="{LEFT}" y="{top - 7}" font-weight="600">{escape(panel.title)}</text>']
        at = LEFT + 8 * len(panel.title) + 12
        for label, colour in legend:
            drawn.append(
                f'<rect x="{at}" y="{top - 16}" width="10" height="10" fill="{colour}"/>'
                f'<text x="{at + 14}" y="{top - 7}">{escape(label)}</text>'
            )
            at += 7 * len(label) + 34
        right = WIDTH - RIGHT
        drawn += [
            f'<path d="M{LEFT} {y(tick):.1f}H{right}" stroke="{FAINT}"/><text x="{LEFT - 6}" '
            f'y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}{escape(panel.unit)}</text>'
            for tick in _ticks(panel.top, 3)
        ]
        if panel.bands:
            drawn += self._bands(panel.bands, y)
        for line in panel.lines:
            points = [(self._x(x), y(value)) for x, value in line.points]
            path = " L".join(f"{x:.1f} {at:.1f}" for x, at in (_stepped(points) if line.steps else points))
            if path:
                drawn.append(f'<path d="M{path}" fill="none" stroke="{line.colour}" stroke-width="1.8"/>')
        return drawn

    def _bands(self, bands: Bands, y: Callable[[float], float]) -> list[str]:
        drawn = []
        for index, shares in enumerate(bands.shares):
            left, right = self._x(bands.x[index]), self._x(bands.x[index + 1])
            below = 0.0
            for (_, colour), share in zip(bands.labels, shares, strict=True):
                if share:
                    high, low = y(below + share), y(below)
                    drawn.append(
                        f'<rect x="{left:.1f}" y="{high:.1f}" width="{right - left + 0.3:.1f}" '
                        f'height="{low - high:.1f}" fill="{colour}"/>'
                    )
                below += share
        return drawn


def _stepped(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    stepped = list(points[:1])
    for x, y in points[1:]:
        stepped += [(x, stepped[-1][1]), (x, y)]
    return stepped


def _rows(marks: Sequence[Mark], x: Callable[[float], float]) -> list[int]:
    """A row for each mark's text, so that none lies over another."""
    taken: list[list[tuple[float, float]]] = []
    rows = []
    for mark in marks:
        at, width = x(mark.x), 6.6 * len(mark.text) + 8
        span = (at - width, at) if at > WIDTH * 0.6 else (at, at + width)
        row = next(
            (n for n, row in enumerate(taken) if all(span[1] < a or span[0] > b for a, b in row)), len(taken)
        )
        if row == len(taken):
            taken.append([])
        taken[row].append(span)
        rows.append(row)
    return rows


def _ticks(end: float, about: int = 6) -> list[float]:
    steps = [base * 10**power for power in range(-3, 6) for base in (1, 2, 5)]
    step = next(each for each in steps if end / each <= about)
    return [round(index * step, 6) for index in range(int(end / step + 1e-9) + 1)]
