"""What a training costs: on-demand prices as data, with their date. Pure.

Spot trainings count at the on-demand price: a bound, never too low. An instance that is not listed counts as the
dearest one that is, and the reason says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Price:
    """USD an hour. `note` says where a guess came from; empty for a listed price."""

    hourly: float
    note: str = ""


@cache
def table() -> dict[str, Any]:
    """The file as it is: `as_of`, `region`, `unit`, `note`, `instances`."""
    found: dict[str, Any] = json.loads(resources.files(__package__).joinpath("prices.json").read_bytes())
    return found


def price(instance: str) -> Price:
    listed: dict[str, float] = table()["instances"]
    if instance in listed:
        return Price(listed[instance])
    dearest = max(listed, key=lambda name: listed[name])
    return Price(
        listed[dearest],
        f"the price of {instance} is not in the table of {table()['as_of']}, so it counts as {dearest}",
    )


def cost(instance: str, seconds: float) -> float:
    """USD for so long on one instance."""
    return price(instance).hourly * seconds / 3600


def planned_seconds(last_training_seconds: int | None, max_minutes: int) -> float:
    """How long the next training may take: as the last one did, else as long as it is allowed to."""
    most = max_minutes * 60.0
    return most if last_training_seconds is None else min(most, float(last_training_seconds))
