"""Log lines that carry metrics: what the embedded metric format says, and what does not follow it."""

import json
from typing import Any

import pytest

from twin.emf import Datum, data

AT = 1_760_000_000_000


def line(metrics: list[dict[str, str]], dimensions: list[list[str]], **members: Any) -> str:
    directive = {"Namespace": "N", "Dimensions": dimensions, "Metrics": metrics}
    return json.dumps({"_aws": {"Timestamp": AT, "CloudWatchMetrics": [directive]}, **members})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            line([{"Name": "m", "Unit": "Count"}], [["d"]], d="x", m=2),
            [Datum("N", "m", (("d", "x"),), "Count", (2.0,), AT / 1000)],
            id="one value",
        ),
        pytest.param(
            line([{"Name": "m"}], [["d"], ["d", "e"]], d="x", e="y", m=[1, 2.5]),
            [
                Datum("N", "m", (("d", "x"),), "None", (1.0, 2.5), AT / 1000),
                Datum("N", "m", (("d", "x"), ("e", "y")), "None", (1.0, 2.5), AT / 1000),
            ],
            id="values, for each dimension set",
        ),
        pytest.param(
            line([{"Name": "m"}, {"Name": "absent"}], [[]], m=1),
            [Datum("N", "m", (), "None", (1.0,), AT / 1000)],
            id="a metric that the line lacks",
        ),
        pytest.param(line([{"Name": "m"}], [["d"]], m=1), [], id="without its dimension"),
        pytest.param(line([{"Name": "m"}], [[]], m="1"), [], id="no number"),
        pytest.param(line([{"Name": "m"}], [[]], m=list(range(101))), [], id="too many values"),
        pytest.param('{"_aws": {}}', [], id="no directive"),
        pytest.param('GET "_aws" 200', [], id="no JSON"),
        pytest.param('{"level": "info"}', [], id="another JSON line"),
    ],
)
def test_metrics_are_read_from_a_line(text: str, expected: list[Datum]) -> None:
    """Every metric of every dimension set is a datum; a line against the specification has none."""
    assert data(text) == expected
