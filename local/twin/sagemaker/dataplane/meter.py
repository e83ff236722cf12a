"""What a variant's requests cost and how they ended, counted between two publications."""

import math
import time
from collections import Counter
from dataclasses import dataclass, field


def rounded(value: float) -> float:
    """Two significant digits: CloudWatch's own percentiles are coarser, and equal values share a place."""
    if value <= 0:
        return 0.0
    scale = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(round(value / scale) * scale)


@dataclass
class Meter:
    """One variant's traffic; latencies in microseconds, each with how often it was seen."""

    invocations: int = 0
    client_errors: int = 0
    server_errors: int = 0
    model_errors: int = 0
    busy: float = 0.0  # seconds that requests spent in the model, all together
    model_latency: Counter[float] = field(default_factory=Counter)
    overhead_latency: Counter[float] = field(default_factory=Counter)
    # What serverless variants count beside: each value with how often it was seen.
    setup_time: Counter[float] = field(default_factory=Counter)  # microseconds of cold starts
    executions: Counter[float] = field(
        default_factory=Counter
    )  # requests under way when one came, itself included
    provisioned: int = 0  # requests that provisioned concurrency took
    spillover: int = 0  # requests that it had no room for

    def admit(self, concurrent: int, *, provisioned: bool) -> None:
        """A serverless variant has taken a request."""
        self.executions[float(concurrent)] += 1
        self.provisioned += provisioned
        self.spillover += not provisioned

    def cold_start(self, seconds: float) -> None:
        """An environment was started for a request."""
        self.setup_time[rounded(seconds * 1e6)] += 1

    def record(self, status: int, *, model: float, overhead: float, from_model: bool) -> None:
        """One request: the status SageMaker saw, seconds in the model and around it."""
        self.invocations += 1
        self.client_errors += 400 <= status < 500
        self.server_errors += status >= 500
        self.model_errors += not 200 <= status < 300
        self.overhead_latency[rounded(overhead * 1e6)] += 1
        if from_model:
            self.busy += model
            self.model_latency[rounded(model * 1e6)] += 1

    def take(self) -> "Meter":
        """What was counted since the last call; counting starts over."""
        taken = Meter(**vars(self))
        self.__init__()  # type: ignore[misc]
        return taken


@dataclass
class Gauge:
    """How many requests a variant answers at a time, averaged over time."""

    now: int = 0
    _area: float = 0.0  # requests x seconds since the last look
    _since: float = field(default_factory=time.monotonic)
    _changed: float = field(default_factory=time.monotonic)

    def move(self, by: int) -> None:
        """A request has come (1) or gone (-1)."""
        at = time.monotonic()
        self._area += self.now * (at - self._changed)
        self.now, self._changed = self.now + by, at

    def take(self) -> float:
        """The mean since the last call."""
        self.move(0)
        area, span = self._area, self._changed - self._since
        self._area, self._since = 0.0, self._changed
        return area / span if span > 0 else float(self.now)
