"""`perennial analyze`: what it asks for, and what it refuses before it asks."""

from datetime import UTC, datetime, timedelta

import pytest

from perennial_cli.__main__ import parser
from perennial_cli.analysis import wanted

NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


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
    assert expected == wanted(parser().parse_args(line.split()), NOW)


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
        wanted(parser().parse_args(line.split()), NOW)


def test_a_window_that_has_not_ended_is_refused():
    """It would be called empty, and its report would stand where that of the whole window belongs."""
    asked = parser().parse_args(["analyze", "m", "--start", "2026-11-23T12:00", "--end", "2026-11-23T13:00"])
    told = (
        r"^perennial: the window ends at 2026-11-23T13:00:00Z, which is to come: it is 2026-11-23T12:30:00Z$"
    )
    with pytest.raises(SystemExit, match=told):
        wanted(asked, NOW)
    assert "2026-11-23T12:00:00Z/2026-11-23T13:00:00Z" == wanted(
        asked, NOW + timedelta(minutes=29, seconds=30)
    )
