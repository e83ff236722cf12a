"""`perennial analyze`: what it asks for, and what it refuses before it asks."""

import pytest

from perennial_cli.__main__ import parser
from perennial_cli.analysis import wanted


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("analyze m", "now"),
        ("analyze m --monitor bias --last", "last"),
        (
            "analyze m --start 2026-11-23T04:00 --end 2026-11-23T06:00+01:00",
            "2026-11-23T04:00:00Z/2026-11-23T05:00:00Z",
        ),
    ],
)
def test_what_it_asks_for(line, expected):
    """Until now, the last complete window, or the times given, in UTC."""
    assert expected == wanted(parser().parse_args(line.split()))


@pytest.mark.parametrize(
    "line",
    [
        "analyze m --start 2026-11-23T04:00",
        "analyze m --last --start 2026-11-23T04:00 --end 2026-11-23T05:00",
        "analyze m --start 2026-11-23T05:00 --end 2026-11-23T05:00",
        "analyze m --start soon --end later",
    ],
)
def test_what_it_refuses(line):
    """Half a window, two at once, none at all: a sentence, and nothing is asked for."""
    with pytest.raises(SystemExit, match="perennial: "):
        wanted(parser().parse_args(line.split()))
