"""The guard on what a new version predicts: its mean prediction against the old version's. Pure.

A container prints sums of its predictions once a minute as CloudWatch's embedded metric format, when CreateModel's
environment names its endpoint config. Sums add up over instances; means would not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perennial.config import ModelConfig

NAMESPACE = "Perennial/Serving"
CONFIG_VARIABLE = "PERENNIAL_ENDPOINT_CONFIG"
COUNT, TOTAL, SQUARES = "PredictionCount", "PredictionSum", "PredictionSquareSum"
PERIOD = 60  # seconds
FEW_PREDICTIONS = 30  # a minute with fewer says nothing about the mean


@dataclass(frozen=True)
class Before:
    """What the version in service predicted lately, under its endpoint config: sums over so many predictions."""

    config_name: str
    count: float = 0
    total: float = 0
    squares: float = 0

    @classmethod
    def of(cls, config_name: str, rows: Mapping[str, Sequence[Mapping[str, float]]]) -> Before:
        """From what CloudWatch tells of each metric, by period."""
        sums = {
            name: sum(row.get("Sum", 0) for row in rows.get(name, ())) for name in (COUNT, TOTAL, SQUARES)
        }
        return cls(config_name, sums[COUNT], sums[TOTAL], sums[SQUARES])


def environment(config: ModelConfig, config_name: str) -> dict[str, str]:
    """Of CreateModel: what the config says, and the guard's where it is asked for."""
    asked = config.endpoint.rollback_on.prediction_shift is not None
    return config.endpoint.environment | ({CONFIG_VARIABLE: config_name} if asked else {})


def shift(config_name: str, before: Before, limit: float) -> dict[str, Any]:
    """Of PutMetricAlarm: how far the new mean lies from the old one, in the old standard deviations.

    Both are of the same minute, so a change of what is asked moves both. Where the old version gets no requests in that
    minute any more, its sums of the time before take their place. A minute with few predictions is no data.
    """

    def total(identity: str, metric: str, of: str) -> dict[str, Any]:
        measured = {
            "Namespace": NAMESPACE,
            "MetricName": metric,
            "Dimensions": [{"Name": "EndpointConfig", "Value": of}],
        }
        return {
            "Id": identity,
            "MetricStat": {"Metric": measured, "Period": PERIOD, "Stat": "Sum"},
            "ReturnData": False,
        }

    def old(identity: str, sums: float) -> str:
        return f"FILL({identity}, {_plain(sums)})" if before.count >= FEW_PREDICTIONS else identity

    count, mean = old("oc", before.count), f"({old('os', before.total)} / {old('oc', before.count)})"
    deviation = f"ABS({old('oq', before.squares)} / {count} - {mean} ^ 2) ^ 0.5"
    expression = (
        f"IF(nc >= {FEW_PREDICTIONS} AND {count} >= {FEW_PREDICTIONS}, ABS(ns / nc - {mean}) / ({deviation}))"
    )
    effect = {
        "Id": "shift",
        "Expression": expression,
        "Label": "shift of the mean prediction in standard deviations",
        "ReturnData": True,
    }
    return {
        "Metrics": [
            effect,
            total("nc", COUNT, config_name),
            total("ns", TOTAL, config_name),
            total("oc", COUNT, before.config_name),
            total("os", TOTAL, before.config_name),
            total("oq", SQUARES, before.config_name),
        ],
        "Threshold": float(limit),
    }


def _plain(number: float) -> str:
    """Without an exponent, which metric math is not documented to read."""
    text = f"{number:.12f}".rstrip("0")
    return f"{text}0" if text.endswith(".") else text
