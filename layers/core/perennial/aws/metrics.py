"""CloudWatch metrics of our own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from perennial.aws.clients import client
from perennial.monitoring.analysis import Datapoint

BATCH = 500  # CloudWatch takes 1000 metrics and 1 MB in one request


class CloudWatch:
    def __init__(self, cloudwatch: Any = None) -> None:
        self._cloudwatch = cloudwatch or client("cloudwatch")

    def put(self, datapoints: Sequence[Datapoint]) -> None:
        """All datapoints, in as few requests as CloudWatch allows."""
        ordered = sorted(datapoints, key=lambda point: point.namespace)
        for namespace, group in groupby(ordered, key=lambda point: point.namespace):
            data = [_datum(point) for point in group]
            for start in range(0, len(data), BATCH):
                self._cloudwatch.put_metric_data(Namespace=namespace, MetricData=data[start : start + BATCH])


def _datum(point: Datapoint) -> dict[str, Any]:
    datum: dict[str, Any] = {
        "MetricName": point.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(point.dimensions.items())],
        "Timestamp": point.timestamp,
        "Value": point.value,
    }
    return datum | ({"Unit": point.unit} if point.unit else {})
