"""Whether a window can be judged at all: the same words for every monitor."""

from __future__ import annotations

from perennial_analysis.window.part import Part
from perennial_analysis.window.request import Request
from perennial_analysis.window.summary import Status
from perennial_analysis.words import counted


def unjudged(request: Request, whole: Part, rows: int, what: str = "row") -> tuple[Status, str] | None:
    """Why a window with `rows` usable rows is not judged; None if it is."""
    if not whole.requests and not whole.broken.count:
        return "empty", f"No request to {request.endpoint} was captured in this window."
    if not rows:
        why = f", the first because {whole.broken.told()[0]}" if whole.broken.examples else ""
        return (
            "too_few",
            f"{counted(whole.requests, 'request')} in this window, none of which could be read{why}.",
        )
    if rows < request.min_records:
        return (
            "too_few",
            f"{counted(rows, what)} in this window; at least {request.min_records:,} are needed to judge it.",
        )
    return None
