"""How a challenger compares with production on the same requests, and what follows. Pure.

A figure beyond its limit counts as worse only when chance does not explain it (95 % intervals); until then a person is
asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from perennial.sections_serving import Shadow
from perennial.shadow_answers import Prediction
from perennial.words import counted

CERTAIN = 1.96  # standard errors
MOST_POINTS = 400  # kept for the plot
Consequence = Literal["promote", "ask", "drop"]


@dataclass(frozen=True)
class Interval:
    """A figure, and what chance leaves open."""

    value: float
    low: float
    high: float


@dataclass
class Answers:
    """What two variants answered to the same requests, summed up as it is read."""

    requests: int = 0
    rows: int = 0
    labelled: int = 0
    disagreements: int = 0
    scored: int = 0
    sums: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("x", "y", "xx", "yy", "xy", "d", "dd"), 0.0)
    )
    points: list[tuple[float, float]] = field(default_factory=list)

    def add(self, production: Sequence[Prediction], shadow: Sequence[Prediction]) -> None:
        self.requests += 1
        for ours, theirs in zip(production, shadow, strict=True):
            self.rows += 1
            if ours.label is not None and theirs.label is not None:
                self.labelled += 1
                self.disagreements += ours.label != theirs.label
            if ours.score is not None and theirs.score is not None:
                self._score(ours.score, theirs.score)

    def _score(self, x: float, y: float) -> None:
        self.scored += 1
        difference = abs(x - y)
        found = (x, y, x * x, y * y, x * y, difference, difference * difference)
        for name, value in zip(self.sums, found, strict=True):
            self.sums[name] += value
        if len(self.points) < MOST_POINTS:
            self.points.append((x, y))

    @classmethod
    def of(cls, pairs: Iterable[tuple[Sequence[Prediction], Sequence[Prediction]]]) -> Answers:
        found = cls()
        for production, shadow in pairs:
            found.add(production, shadow)
        return found

    @property
    def disagreement(self) -> Interval | None:
        """The share of rows with another class."""
        return wilson(self.disagreements, self.labelled) if self.labelled else None

    @property
    def difference(self) -> Interval | None:
        """The mean absolute difference of the numbers."""
        if not self.scored:
            return None
        mean = self.sums["d"] / self.scored
        error = math.sqrt(max(0.0, self.sums["dd"] / self.scored - mean * mean) / self.scored)
        return Interval(mean, max(0.0, mean - CERTAIN * error), mean + CERTAIN * error)

    @property
    def spread(self) -> float | None:
        """The standard deviation of production's numbers."""
        return self._deviation("x") if self.scored else None

    @property
    def correlation(self) -> float | None:
        """Of the numbers; None where either does not vary."""
        if not self.scored:
            return None
        n, sums = self.scored, self.sums
        spread = self._deviation("x") * self._deviation("y")
        return None if spread == 0 else (sums["xy"] / n - sums["x"] / n * sums["y"] / n) / spread

    def mean(self, of: Literal["x", "y"]) -> float | None:
        return self.sums[of] / self.scored if self.scored else None

    def _deviation(self, of: str) -> float:
        mean = self.sums[of] / self.scored
        return math.sqrt(max(0.0, self.sums[of * 2] / self.scored - mean * mean))


@dataclass(frozen=True)
class Traffic:
    """What CloudWatch measured of a variant: requests, those that ended in 5xx, and the median model latency in
    milliseconds with its 95 % interval, and the 99th percentile; None where nothing was measured."""

    invocations: int
    errors: int
    median_ms: Interval | None
    p99_ms: float | None


@dataclass(frozen=True)
class Verdict:
    """`outcome` of the comparison; `reasons` are clauses for a person."""

    outcome: Literal["passed", "failed", "unclear"]
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return "; ".join(self.reasons)


def _answered(answers: Answers) -> str:
    return f"{counted(answers.requests, 'request was', 'requests were')} answered by both"


def judge(answers: Answers, production: Traffic, shadow: Traffic, limits: Shadow, classes: bool) -> Verdict:
    """Worse for certain in anything: failed. Too little seen, or perhaps worse: unclear. Else passed."""
    if answers.requests < limits.requests:
        few = f"only {_answered(answers)}, fewer than the {limits.requests:,} it takes"
        worse = [text for text, certain in _beyond(answers, production, shadow, limits, classes) if certain]
        return Verdict("unclear", (few, *worse))
    beyond = _beyond(answers, production, shadow, limits, classes)
    certain = tuple(text for text, sure in beyond if sure)
    if certain:
        return Verdict("failed", certain)
    missing = _unmeasured(answers, production, shadow, classes)
    doubts = (*missing, *(f"{text}, which may be chance" for text, _ in beyond))
    if doubts:
        return Verdict("unclear", doubts)
    return Verdict("passed", (f"{_answered(answers)}, and nothing is beyond its limit",))


def consequence(verdict: Verdict, then: Consequence) -> Consequence:
    """What follows from a verdict, as configured."""
    if then != "promote":
        return then
    found: Mapping[str, Consequence] = {"passed": "promote", "failed": "drop", "unclear": "ask"}
    return found[verdict.outcome]


def _beyond(
    answers: Answers, production: Traffic, shadow: Traffic, limits: Shadow, classes: bool
) -> list[tuple[str, bool]]:
    """What is beyond its limit, and whether for certain."""
    found: list[tuple[str, bool]] = []

    def look(figure: Interval | None, limit: float, text: str) -> None:
        if figure and figure.value > limit:
            found.append((text, figure.low > limit))

    if classes and (share := answers.disagreement):
        text = f"{share.value:.1%} of {answers.labelled} predictions are of another class (limit {limits.disagreement_percent:g} %)"
        look(share, limits.disagreement_percent / 100, text)
    if not classes and (difference := relative_difference(answers)):
        text = (
            f"predictions differ by {difference.value:.2f} standard deviations (limit {limits.difference:g})"
        )
        look(difference, limits.difference, text)
    if ratio := latency_ratio(production, shadow):
        text = f"its median latency is {ratio.value:.2f} times production's (limit {limits.latency_ratio:g})"
        look(ratio, limits.latency_ratio, text)
    if more := error_difference(production, shadow):
        text = f"{more.value:.1%} more of its requests end in 5xx than production's (limit {limits.error_percent:g} %)"
        look(more, limits.error_percent / 100, text)
    return found


def _unmeasured(answers: Answers, production: Traffic, shadow: Traffic, classes: bool) -> tuple[str, ...]:
    found = []
    if (answers.disagreement if classes else relative_difference(answers)) is None:
        found.append("no predictions could be compared")
    if latency_ratio(production, shadow) is None:
        found.append("no latency was measured")
    if error_difference(production, shadow) is None:
        found.append("no errors were measured")
    return tuple(found)


def relative_difference(answers: Answers) -> Interval | None:
    """The mean absolute difference in standard deviations of production's numbers; None where those do not vary and the
    challenger's are others."""
    difference, spread = answers.difference, answers.spread
    if difference is None or spread is None:
        return None
    if spread == 0:
        return Interval(0, 0, 0) if difference.value == 0 else None
    return Interval(difference.value / spread, difference.low / spread, difference.high / spread)


def latency_ratio(production: Traffic, shadow: Traffic) -> Interval | None:
    """Of the medians; its interval holds whatever both intervals allow."""
    ours, theirs = production.median_ms, shadow.median_ms
    if ours is None or theirs is None or ours.low <= 0:
        return None
    return Interval(theirs.value / ours.value, theirs.low / ours.high, theirs.high / ours.low)


def error_difference(production: Traffic, shadow: Traffic) -> Interval | None:
    """How much larger the shadow's share of errors is, with Newcombe's interval."""
    if not production.invocations or not shadow.invocations:
        return None
    ours, theirs = (
        wilson(production.errors, production.invocations),
        wilson(shadow.errors, shadow.invocations),
    )
    value = theirs.value - ours.value
    below = math.hypot(theirs.value - theirs.low, ours.high - ours.value)
    above = math.hypot(theirs.high - theirs.value, ours.value - ours.low)
    return Interval(value, value - below, value + above)


def wilson(hits: int, of: int) -> Interval:
    """A share with Wilson's interval."""
    share, z = hits / of, CERTAIN
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    reach = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return Interval(share, max(0.0, middle - reach), min(1.0, middle + reach))


def median_percentiles(count: int) -> tuple[float, float]:
    """The percentiles between which the true median lies, from so many measurements (order statistics)."""
    reach = 100 * CERTAIN * 0.5 / math.sqrt(max(1, count))
    return max(0.01, 50 - reach), min(99.99, 50 + reach)
