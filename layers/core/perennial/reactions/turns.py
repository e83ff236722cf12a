"""One window at work: which document tells how it stands, and where its results go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from perennial import layout
from perennial.decision import Decision
from perennial.monitoring import claims, windows
from perennial.monitoring.analysis import SUMMARY
from perennial.monitoring.claims import Document
from perennial.monitoring.summary import Summary
from perennial.monitoring.windows import Asked, Window
from perennial.ports import World
from perennial.reactions.traffic import Watch


@dataclass(frozen=True)
class Turn:
    """One window at work: `name` is its state document, `folder` where its results go."""

    watch: Watch
    window: Window
    name: str
    folder: str
    request: str | None = None
    attempts: int = claims.ATTEMPTS

    @property
    def fact(self) -> str:
        return f"window {self.window} of {self.watch.monitor}"

    def decision(self, outcome: str, reason: str, **details: str) -> Decision:
        own = {
            "monitor": self.watch.monitor,
            "start": windows.iso(self.window.start),
            "end": windows.iso(self.window.end),
        }
        asked = {"request": self.request} if self.request else {}
        return Decision(self.watch.model, self.fact, outcome, reason, None, own | asked | details)


def due_turn(watch: Watch, window: Window) -> Turn:
    folder = layout.report_prefix(watch.model, watch.monitor, window.start)
    return Turn(watch, window, claims.key(watch.monitor, window, asked=False), folder)


def asked_turn(watch: Watch, asked: Asked, at: datetime, request: str, world: World) -> Turn:
    if isinstance(asked.what, Window):
        window = asked.what
    elif asked.what == "last":
        window = windows.last_complete(watch.every, watch.delay, at)
    else:
        window = windows.until_now(watch.every, at)
    folder = layout.report_prefix(watch.model, watch.monitor, window.start)
    if asked.what == "now" or _is_of_another(folder, window, world):
        folder = layout.report_prefix(watch.model, watch.monitor, window.start, window.end)
    name = claims.key(watch.monitor, window, asked=True)
    return Turn(watch, window, name, folder, request, claims.ATTEMPTS_ASKED)


def turn_of(watch: Watch, name: str, known: Document) -> Turn:
    """The turn whose job is running."""
    window = Window(datetime.fromisoformat(known["start"]), datetime.fromisoformat(known["end"]))
    attempts = claims.ATTEMPTS_ASKED if known["request"] else claims.ATTEMPTS
    return Turn(watch, window, name, known["folder"], known["request"], attempts)


def _is_of_another(folder: str, window: Window, world: World) -> bool:
    """Whether the report in a folder is of another window of the same start."""
    body = world.bucket.read(folder + SUMMARY)
    return body is not None and Summary.model_validate_json(body).window.end != window.end
