"""How many rows a request carries, window by window, and whether that has grown. Pure.

Target tracking counts requests. Callers who begin to send twice the rows with each load an instance twice as much, and no
target tracking on invocations sees it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from datetime import datetime
from typing import Any

DOCUMENT = "rows_per_request"
KEPT = 24  # windows
FEWEST = 3  # earlier windows that make a comparison

Known = Mapping[str, Any]


def learned(document: Known | None, window: datetime, records: int, requests: int) -> dict[str, Any]:
    """The document with this window's figure; a window that was analysed twice counts once."""
    windows = dict((document or {}).get("windows", {}))
    if requests:
        windows[window.isoformat()] = records / requests
    newest = sorted(windows, key=datetime.fromisoformat)[-KEPT:]
    return {"windows": {start: windows[start] for start in newest}}


def growth(document: Known, window: datetime) -> tuple[float, float] | None:
    """Rows per request of the newest window, and in the median of those before it; None while they are too few."""
    figures = {datetime.fromisoformat(start): value for start, value in document["windows"].items()}
    before = [value for start, value in figures.items() if start < window]
    if window not in figures or window < max(figures) or len(before) < FEWEST:
        return None
    return figures[window], statistics.median(before)
