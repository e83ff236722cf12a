"""Scalable dimensions: what of a resource is scaled, how it is read and set, which metrics it is tracked by.

Another family of resources adds its own: `scaler.dimensions.add(...)` before the first request.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from twin.protocol import Call, validation

if TYPE_CHECKING:
    from twin.autoscaling.state import Record, Target

NAMESPACE = "sagemaker"


@dataclass(frozen=True)
class Predefined:
    """A predefined metric in CloudWatch's words; `period` is that of the alarm that scales out, in seconds."""

    metric: str
    statistic: str
    period: int = 60


class Dimension(Protocol):
    """One scalable dimension."""

    @property
    def name(self) -> str:
        """`sagemaker:variant:DesiredInstanceCount`, for instance."""

    @property
    def noun(self) -> str:
        """What activities call it: `desired instance count`."""

    @property
    def lowest(self) -> int:
        """The smallest MinCapacity."""

    @property
    def predefined(self) -> Mapping[str, Predefined]:
        """The metrics of target tracking, by PredefinedMetricType."""

    def names(self, resource_id: str) -> bool:
        """Whether a ResourceId has the form of this dimension's resources."""

    def check(self, resource_id: str, call: Call) -> None:
        """Raise ValidationException when such a resource cannot be registered."""

    def capacity(self, target: "Target") -> int:
        """What was last asked for."""

    def busy(self, target: "Target") -> bool:
        """Whether the resource takes no change now, or is gone."""

    def set(self, target: "Target", capacity: int) -> "asyncio.Task[None] | None":
        """Start the change; the task that ends with it. Raises AwsError."""

    def failure(self, target: "Target", capacity: int) -> str | None:
        """After the change: why the capacity was not reached, or None."""

    def metric_dimensions(self, target: "Target") -> Mapping[str, str]:
        """The CloudWatch dimensions of the predefined metrics."""


class Dimensions:
    """The dimensions that the twin knows, by name."""

    def __init__(self) -> None:
        self._known: dict[str, Dimension] = {}

    def add(self, dimension: Dimension) -> None:
        self._known[dimension.name] = dimension

    def of(self, request: "Record") -> Dimension:
        """The dimension a request names. Raises AWS's ValidationException for all else."""
        known = self._known.get(request["ScalableDimension"])
        if (
            request["ServiceNamespace"] != NAMESPACE
            or known is None
            or not known.names(request["ResourceId"])
        ):
            raise validation("Unsupported service namespace, resource type or scalable dimension")
        return known

    def __iter__(self) -> Iterator[Dimension]:
        return iter(self._known.values())
