"""The operator's orders on the command line."""

from __future__ import annotations

import itertools

import pytest

from perennial_cli.__main__ import parser
from perennial_cli.orders import follow

ALARM = {"name": "alarm", "at": "2026-03-01T12:00:00Z", "detail": "rung"}
SLACK = {"name": "slack", "at": "2026-03-01T12:00:02.5Z", "detail": "took it"}
LOST = {"name": "slack", "at": None, "detail": "invalid_auth"}


@pytest.mark.parametrize(
    "line",
    [
        "retrain m --because x",
        "roll-back m --version 2",
        "mute m --hours 4 --what bias",
        "unmute m",
        "fire-drill",
        "fire-drill --model m --timeout 3",
    ],
)
def test_every_order_is_known(line):
    """Orders and their options parse."""
    assert callable(parser().parse_args(line.split()).run)


def drill(status, *hops):
    return {"id": "m.1", "model": "m", "status": status, "hops": hops}


@pytest.mark.parametrize(
    ("looks", "seconds", "arrived", "said"),
    [
        pytest.param(
            [drill("under_way", ALARM), drill("arrived", ALARM, SLACK)],
            60,
            True,
            ["12:00:00 UTC  alarm", "12:00:02 UTC  slack", "it arrived"],
            id="arrives",
        ),
        pytest.param(
            [drill("failed", ALARM, LOST)],
            60,
            False,
            ["12:00:00 UTC  alarm", "IT DID NOT ARRIVE:", "invalid_auth"],
            id="fails for good",
        ),
        pytest.param(
            [drill("under_way", ALARM, LOST)],
            0,
            False,
            ["12:00:00 UTC  alarm", "IT DID NOT ARRIVE within 0 s:", "invalid_auth"],
            id="is late",
        ),
    ],
)
def test_a_drill_is_followed_to_its_end(looks, seconds, arrived, said):
    """Each hop is said once, and what is missing last."""
    lines = []
    turns = itertools.chain(looks, itertools.repeat(looks[-1]))
    assert follow(lambda: next(turns), seconds, lines.append) is arrived
    assert len(lines) == len(said)
    for line, words in zip(lines, said, strict=True):
        assert words in line
