"""What a variant's requests cost and how they ended, counted between two publications."""

import math
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
