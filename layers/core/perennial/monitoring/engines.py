"""Who analyses: our library, or SageMaker Model Monitor where the account still has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from perennial.config import ModelConfig

Engine = Literal["built-in", "model-monitor"]
REMEMBERED = timedelta(days=30)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Choice:
    """Which engine watches, and why."""

    engine: Engine
    reason: str


def cron(every: timedelta) -> str | None:
    """Model Monitor's schedule for a period: every hour, every N hours of a day, or every day; None for others."""
    if every == HOUR:
        return "cron(0 * ? * * *)"
    if every == DAY:
        return "cron(0 0 ? * * *)"
    if HOUR < every < DAY and every % HOUR == timedelta(0) and DAY % every == timedelta(0):
        return f"cron(0 0/{every // HOUR} ? * * *)"
    return None


def choose(
    config: ModelConfig, every: timedelta, image: str | None, account: Mapping[str, Any] | None, now: datetime
) -> Choice | None:
    """None when the account must be asked. `account` is its last answer: {"refused": reason or "", "at": ISO}."""
    if config.engine == "built-in":
        return Choice("built-in", "model.yaml says so")
    if config.endpoint.serverless:
        return Choice("built-in", "Model Monitor does not watch serverless endpoints")
    if cron(every) is None:
        return Choice("built-in", f"Model Monitor has no schedule for a period of {every}: 1h to 12h, or 1d")
    if image is None:
        return Choice("built-in", "AWS has no image of Model Monitor in this region")
    if account is None or now - datetime.fromisoformat(account["at"]) > REMEMBERED:
        return None
    return answered(config, account["refused"])


def answered(config: ModelConfig, refused: str) -> Choice:
    """The choice after the account's answer; `refused` is empty when it has Model Monitor."""
    if refused:
        return Choice("built-in", f"this account has no Model Monitor: {refused}")
    asked = "model.yaml says so" if config.engine == "model-monitor" else "this account has it"
    return Choice("model-monitor", asked)
