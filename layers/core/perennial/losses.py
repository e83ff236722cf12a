"""Rollouts that ended badly, remembered: none is tried again before somebody approves its version anew. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

_WORDS = {
    "failed": "failed",
    "dropped": "was dropped after its shadow test",
    "asked": "waits for a person after its shadow test",
}
REMEMBERED = 20  # losses of a model; older versions were replaced long ago


@dataclass(frozen=True)
class Loss:
    """A rollout that failed or was rolled back.

    `began_at` is ISO: an approval before it is the one that led to the loss. `settings_only`: the version itself served
    at that time, so it is this endpoint config that is barred and not the version.
    """

    version: int
    config_name: str
    outcome: str
    reason: str
    began_at: str
    settings_only: bool = False

    def __str__(self) -> str:
        words = _WORDS.get(self.outcome, "was rolled back")
        what = f"version {self.version}" + (" with its new settings" if self.settings_only else "")
        return f"{what} {words} ({self.reason}); it is tried again after a new approval"


def remembered(losses: Iterable[Loss], new: Loss) -> tuple[Loss, ...]:
    """With a new one, which replaces what is known of the same config."""
    others = [loss for loss in losses if loss.config_name != new.config_name]
    return (*others, new)[-REMEMBERED:]


def forgiven(losses: Iterable[Loss], version: int, approved_at: datetime | None) -> tuple[Loss, ...]:
    """Without those of a version that was approved after they began. An approval without a time is one of now."""
    return tuple(
        loss
        for loss in losses
        if loss.version != version
        or (approved_at is not None and approved_at <= datetime.fromisoformat(loss.began_at))
    )


def barring(losses: Iterable[Loss], version: int, config_name: str) -> Loss | None:
    """The loss that keeps this version, or this config of it, from being tried."""
    return next(
        (
            loss
            for loss in losses
            if loss.version == version and (loss.config_name == config_name or not loss.settings_only)
        ),
        None,
    )
