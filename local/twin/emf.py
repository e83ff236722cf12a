"""CloudWatch's embedded metric format: log lines that are metrics, too. Pure.

As CloudWatch Logs does it: a line that does not follow the specification stays a line, and nothing else.
"""

import json
from dataclasses import dataclass
from typing import Any

MOST_DIMENSIONS = 30
MOST_VALUES = 100


@dataclass(frozen=True)
class Datum:
    """One metric of one dimension set; `at` in epoch seconds."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    values: tuple[float, ...]
    at: float


def data(line: str) -> list[Datum]:
    """The data points that a log line carries; none for any other line."""
    if '"_aws"' not in line:
        return []
    try:
        root = json.loads(line)
        described = root["_aws"]
        at = described["Timestamp"] / 1000
        return [
            one for directive in described["CloudWatchMetrics"] for one in _directive(root, directive, at)
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def _directive(root: dict[str, Any], directive: dict[str, Any], at: float) -> list[Datum]:
    namespace = str(directive["Namespace"])
    sets = [
        tuple(sorted((name, _text(root[name])) for name in names))
        for names in directive.get("Dimensions", [[]])
    ]
    found: list[Datum] = []
    for metric in directive["Metrics"]:
        name = metric["Name"]
        if name not in root:
            continue  # a metric may be missing from a line
        value = root[name]
        values = tuple(map(_number, value if isinstance(value, list) else [value]))
        if not 0 < len(values) <= MOST_VALUES:
            continue
        unit = metric.get("Unit", "None")
        found += [
            Datum(namespace, name, one, unit, values, at) for one in sets if len(one) <= MOST_DIMENSIONS
        ]
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("the value of a dimension is a string")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("the value of a metric is a number")
    return float(value)
