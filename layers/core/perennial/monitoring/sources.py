"""The folders that a window reads: captured traffic by the hour of invocation, labels by the hour of collection."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from perennial import layout
from perennial.endpoint_config import VARIANT
from perennial.intake.completeness import Listed
from perennial.monitoring.windows import Window, floor

HOUR = timedelta(hours=1)
LATEST_LABELS = timedelta(days=90)  # after a window's end


def capture_prefixes(model: str, endpoint: str, window: Window) -> list[str]:
    """The window's hours and one on each side: a file may hold records of the hour next to its own."""
    root = f"{layout.capture_prefix(model)}/{endpoint}/{VARIANT}/"
    return [root + part for part in hour_prefixes(window.start - HOUR, window.end + HOUR)]


def label_prefixes(model: str, window: Window, now: datetime) -> list[str]:
    """From the window's start until now: labels come later than what they judge."""
    until = min(now, window.end + LATEST_LABELS)
    return [
        layout.ground_truth_prefix(model) + part
        for part in hour_prefixes(window.start, max(until, window.end))
    ]


def hour_prefixes(start: datetime, end: datetime) -> list[str]:
    """`yyyy/mm/dd/hh/` of every hour that [start, end) touches, in order; `yyyy/mm/dd/` for a whole day."""
    found: list[str] = []
    hour = floor(start, HOUR)
    while hour < end:
        if hour.hour == 0 and hour + 24 * HOUR <= end:
            found.append(f"{hour:%Y/%m/%d}/")
            hour += 24 * HOUR
        else:
            found.append(f"{hour:%Y/%m/%d/%H}/")
            hour += HOUR
    return found


def fresh(objects: Iterable[Listed], window: Window) -> list[Listed]:
    """Those that may hold something of the window: nothing of it was written before it began."""
    return [found for found in objects if found.size and found.last_modified >= window.start]
