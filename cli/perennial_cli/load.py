"""An open-loop load: requests begin on a timetable, whether or not the ones before were answered.

A closed loop (send, wait, send) stops asking while the server is slow and so leaves out just the requests that would
have been slow: coordinated omission. Here a request's latency counts from when it was due, not from when a connection
was free for it, so a queue in front of the server is in the figures.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

Send = Callable[[], bool]  # one request; whether it was answered with success


@dataclass(frozen=True)
class Step:
    """What came of a rate, in requests a second. Latencies in ms from when each was due, in ascending order.

    `oversleep_ms` is the 99th percentile of how much later than asked for this machine woke an idle connection: what the
    machine that measures adds by itself.
    """

    rate: float
    seconds: float
    latencies: tuple[float, ...]
    errors: int
    oversleep_ms: float

    @property
    def achieved(self) -> float:
        """Successful answers a second, over the time until the last of them."""
        return (len(self.latencies) - self.errors) / self.seconds

    @property
    def error_percent(self) -> float:
        return 100 * self.errors / len(self.latencies) if self.latencies else 100.0

    def percentile(self, percent: float) -> float:
        return percentile(self.latencies, percent)


def percentile(ascending: tuple[float, ...], percent: float) -> float:
    """The value that `percent` of them do not exceed (nearest rank)."""
    if not ascending:
        return float("inf")
    return ascending[max(0, math.ceil(len(ascending) * percent / 100) - 1)]


def run(rate: float, seconds: float, connections: int, send: Send) -> Step:
    """Offer `rate` requests a second for so long over so many connections, each a thread."""
    total = math.ceil(rate * seconds)
    numbers, lock = itertools.count(), threading.Lock()
    latencies: list[float] = []
    overslept: list[float] = []
    failed: list[bool] = []
    begin = time.monotonic() + 0.1

    def work() -> None:
        while (number := next(numbers)) < total:
            due = begin + number / rate
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
                late = (time.monotonic() - due) * 1000
            ok = send()
            took = (time.monotonic() - due) * 1000
            with lock:
                latencies.append(took)
                failed.append(not ok)
                if wait > 0:
                    overslept.append(late)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(connections, total))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    span = max(seconds, time.monotonic() - begin)
    late = percentile(tuple(sorted(overslept)), 99) if overslept else 0.0
    return Step(rate, span, tuple(sorted(latencies)), sum(failed), late)
