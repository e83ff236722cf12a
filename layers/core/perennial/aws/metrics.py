"""CloudWatch metrics: our own are put, anybody's are read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from perennial.aws.clients import client
from perennial.monitoring.analysis import Datapoint

MINUTE = 60  # seconds
LONGEST_PERIOD = 86_400
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

    def read(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        statistics: Sequence[str],
        start: datetime,
        end: datetime,
    ) -> Sequence[Mapping[str, float]]:
        """The statistics of a metric from start to end, one mapping a period; periods are as long as can be."""
        metric = {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in sorted(dimensions.items())],
        }
        period = min(LONGEST_PERIOD, MINUTE * math.ceil((end - start).total_seconds() / MINUTE))
        queries = [
            {"Id": f"s{place}", "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}}
            for place, statistic in enumerate(statistics)
        ]
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
        )
        rows: dict[datetime, dict[str, float]] = {}
        for result in (result for page in pages for result in page["MetricDataResults"]):
            statistic = statistics[int(result["Id"][1:])]
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                rows.setdefault(at, {})[statistic] = float(value)
        return [row for _, row in sorted(rows.items())]


def _datum(point: Datapoint) -> dict[str, Any]:
    datum: dict[str, Any] = {
        "MetricName": point.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in sorted(point.dimensions.items())],
        "Timestamp": point.timestamp,
        "Value": point.value,
    }
    return datum | ({"Unit": point.unit} if point.unit else {})
