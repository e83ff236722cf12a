"""The operator's orders on the command line."""

from __future__ import annotations

import argparse
import itertools
import shlex

import pytest

from perennial_cli.__main__ import parser
from perennial_cli.orders import follow, hours, problem
from perennial_cli.stack import Stack

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
        "scale m --floor 3 --for 90m --because x",
        "scale m --ceiling 8 --for 1d",
        "scale m --end",
        "fire-drill",
        "fire-drill --model m --timeout 3",
    ],
)
def test_every_order_is_known(line):
    """Orders and their options parse."""
    assert callable(parser().parse_args(line.split()).run)


@pytest.mark.parametrize(("text", "expected"), [("90m", 1.5), ("2h", 2.0), ("1d", 24.0)])
def test_how_long(text, expected):
    """Minutes, hours and days."""
    assert hours(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["2", "h", "-1h", "0h", "2 weeks"])
def test_no_length_of_time(text):
    """Anything else is told what it should be like."""
    with pytest.raises(argparse.ArgumentTypeError, match="90m, 2h or 1d"):
        hours(text)


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
            [drill("under_way", SLACK), drill("failed", {**SLACK, "at": "2026-11-23T12:00:03+00:00"}, LOST)],
            60,
            False,
            ["12:00:02 UTC  slack", "IT DID NOT ARRIVE:", "invalid_auth"],
            id="is read back again at another time",
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


@pytest.mark.parametrize(
    "line",
    [
        *("retrain {m}", "roll-back {m}", "mute {m}", "unmute {m}", "predict {m} /nosuch.csv"),
        *("scale {m} --floor 2", "scale {m} --end"),
    ],
)
@pytest.mark.parametrize("name", ["a/b", "../x", "Ünï", "Mortgage", "''", "m-"])
def test_a_name_that_no_model_can_have(line, name):
    """Refused before anything is asked, with what names are like."""
    asked = parser().parse_args(shlex.split(line.format(m=name)))
    with pytest.raises(SystemExit, match=r"is no model's name, .* see `perennial models`$"):
        asked.run(Stack("perennial", {}), asked)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"error": {"code": "no_such_model", "message": "no m"}}', "no m; see `perennial models`"),
        (b'{"error": {"code": "rollback_withheld", "message": "nothing before"}}', "nothing before"),
        (b'{"Message": "Forbidden"}', '{"Message": "Forbidden"}'),
        (b"<html>", "<html>"),
        (b"[]", "[]"),
    ],
)
def test_what_the_api_refuses_is_said_in_its_own_words(content, said):
    """With what to do, where a model is not there; what is no answer of the API as it came."""
    assert said == problem(content)
