"""What is to hold, as ratios of one round's figures, or as figures: what was measured, and whether it holds."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass


class Figures(defaultdict[tuple[str, str], list[float]]):
    """By server and figure, one value a round."""


@dataclass(frozen=True)
class Target:
    """A figure of one server over that of another, or over another `figure` of it: at least, or at most if negative."""

    name: str
    over: str
    under: str
    wanted: float
    figure: str | None = None

    def line(self, figures: Figures) -> str:
        pairs = zip(figures[self.over, self.name], figures[self.under, self.figure or self.name], strict=True)
        found = [over / under for over, under in pairs]
        ratio = f"{self.over:>14} / {self.under:6}" if self.figure is None else f"/ {self.figure:>21}"
        return f"{self.name:34}{ratio:>23}{row(found, self.wanted)}"


@dataclass(frozen=True)
class Limit:
    """A figure of ours: at most."""

    name: str
    wanted: float

    def line(self, figures: Figures) -> str:
        return f"{self.name:57}{row(figures['ours', self.name], -self.wanted)}"


def row(found: list[float], wanted: float) -> str:
    middle = statistics.median(found)
    held = middle >= wanted if wanted > 0 else middle <= -wanted
    spread = f"{middle:8.2f} [{min(found):.2f}..{max(found):.2f}]"
    return f"{spread:>25} {'>=' if wanted > 0 else '<='} {abs(wanted):<6.3g} {'held' if held else 'MISSED'}"
