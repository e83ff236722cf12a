"""From a load run to a target, a number of instances and a monthly bill. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from perennial_cli.load import Step

HOURS_A_MONTH = 730.0
DAYS_A_MONTH = HOURS_A_MONTH / 24
REFINEMENTS = 3  # looks between the last rate that held and the first that did not
KEPT_UP = 0.95  # of the rate asked for
OWN_SHARE = (
    0.2  # of the latency bound: when the measuring machine adds more by itself, the figures are its own
)
WIDTH = 40  # characters of a bar
SERVERLESS_MOST = 200  # concurrent requests of one serverless endpoint


@dataclass(frozen=True)
class Bound:
    """What a rate must hold: latency (ms, at a percentile), and a share of errors."""

    latency_ms: float
    percent: float = 99
    error_percent: float = 1.0

    def broken(self, step: Step) -> str | None:
        """Why a rate is too much; None when it holds."""
        if step.error_percent > self.error_percent:
            return f"{step.error_percent:.1f} % errors"
        if step.percentile(self.percent) > self.latency_ms:
            return f"p{self.percent:g} {step.percentile(self.percent):.0f} ms"
        if step.achieved < KEPT_UP * step.rate:
            return f"only {step.achieved:.0f} a second answered"
        return None


def search(
    first: float, most: float, bound: Bound, measure: Callable[[float], Step]
) -> Iterator[tuple[Step, str | None]]:
    """Double the rate until it breaks the bound (or `most` is reached), then look a few times in between."""
    good, bad, rate = 0.0, 0.0, first
    while not bad and rate <= most:
        step = measure(rate)
        why = bound.broken(step)
        yield step, why
        if why:
            bad = rate
        else:
            good, rate = rate, (min(rate * 2, most) if rate < most else most + 1)
    for _ in range(REFINEMENTS if good and bad else 0):
        rate = (good + bad) / 2
        step = measure(rate)
        why = bound.broken(step)
        yield step, why
        good, bad = (good, rate) if why else (rate, bad)


def highest(steps: Sequence[tuple[Step, str | None]]) -> Step | None:
    """The highest rate that held."""
    return max((step for step, why in steps if why is None), key=lambda step: step.rate, default=None)


def doubt(steps: Sequence[tuple[Step, str | None]], bound: Bound) -> str | None:
    """Why the figures may be those of the machine that measured; None when they are not."""
    own = max((step.oversleep_ms for step, _ in steps), default=0.0)
    if own > OWN_SHARE * bound.latency_ms:
        return (
            f"this machine woke its own connections up to {own:.0f} ms late: it was too busy to measure {bound.latency_ms:g} ms. "
            "Measure from another one"
        )
    if not any(why for _, why in steps):
        return "the highest rate tried still held: the endpoint can do more (--most)"
    return None


def target(rps: float, safety: float) -> int:
    """AWS's formula for InvocationsPerInstance: MAX_RPS * SAFETY_FACTOR * 60."""
    return math.floor(rps * safety * 60)


def instances(traffic: float, rps: float, safety: float) -> int:
    """How many instances keep a traffic of so many requests a second at the target."""
    return max(1, math.ceil(traffic / (rps * safety)))


@dataclass(frozen=True)
class Cost:
    """A way to serve, USD a month, and what to know about it."""

    kind: str
    monthly: float | None
    note: str


@cache
def prices() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath("hosting_prices.json").read_bytes()
    )
    return found


def costs(
    instance: str, count: int, traffic: float, hours: float, service_ms: float, memory_mb: int
) -> list[Cost]:
    """Of `traffic` requests a second during `hours` of each day and none in the rest."""
    hourly = prices()["instances"].get(instance)
    busy, quiet = hours * DAYS_A_MONTH, (24 - hours) * DAYS_A_MONTH
    requests = traffic * busy * 3600
    at_once = math.ceil(traffic * service_ms / 1000)
    served = requests * service_ms / 1000 * prices()["serverless_per_second"][str(memory_mb)]
    unpriced = f"no price of {instance} in the table"

    def of(instance_hours: float) -> float | None:
        return None if hourly is None else hourly * instance_hours

    over = (
        f"; {at_once} at once are more than the {SERVERLESS_MOST} that it may have"
        if at_once > SERVERLESS_MOST
        else ""
    )
    return [
        Cost(
            "real-time, fixed",
            of(count * HOURS_A_MONTH),
            unpriced if hourly is None else f"{count} x {instance}",
        ),
        Cost(
            "real-time, scaled",
            of(count * busy + quiet),
            f"{count} while there is traffic, 1 while there is none",
        ),
        Cost(
            "scaled to zero",
            of(count * busy),
            "none while there is none; the first requests after that fail for minutes",
        ),
        Cost(
            f"serverless {memory_mb} MB",
            served,
            f"{requests:,.0f} requests of {service_ms:.0f} ms as measured here; cold starts; data at "
            f"{prices()['serverless_per_gb']} USD/GB not counted{over}",
        ),
    ]


def chart(steps: Sequence[tuple[Step, str | None]], bound: Bound) -> Iterator[str]:
    """A line for each rate: its tail latency as a bar up to the bound, and what broke."""
    yield f"{'requests/s':>10} {'answered':>9} {'p50 ms':>8} {f'p{bound.percent:g} ms':>8}  0 {'ms'.center(WIDTH - 8, '.')} {bound.latency_ms:g}"
    for step, why in sorted(steps, key=lambda item: item[0].rate):
        tail = step.percentile(bound.percent)
        full = min(WIDTH, math.ceil(WIDTH * tail / bound.latency_ms)) if math.isfinite(tail) else WIDTH
        bar = "#" * full if tail <= bound.latency_ms else "#" * (WIDTH - 1) + ">"
        mark = f"  {why}" if why else ""
        figures = f"{step.rate:>10.1f} {step.achieved:>9.1f} {step.percentile(50):>8.1f} {tail:>8.1f}"
        yield f"{figures}  {bar:<{WIDTH}}{mark}".rstrip()
