"""What is to be analysed: a window of one model's captured traffic, and the files that hold it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Literal

import msgspec

from perennial_analysis.bias.thresholds import group_of

MonitorName = Literal["data_quality", "model_quality", "bias"]
Problem = Literal["binary_classification", "multiclass_classification", "regression"]
OUTPUT = "endpointOutput_"
LABEL, SCORE = f"{OUTPUT}predicted_label", f"{OUTPUT}score"
"""How a baseline and a window name what the model answered."""


UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class UnreadableRequest(Exception):
    """The message says what is wrong with the document."""


@dataclass(frozen=True)
class Request:
    """One window [start, end) of one monitor; `settings` is the monitor's section of model.yaml as plain JSON.

    `features` are the input columns in the order in which rows without names carry them. Of a binary problem's
    `classes` the last is the positive one; `settings["positive"]` may name another for bias.
    """

    model: str
    monitor: MonitorName
    endpoint: str
    schedule: str
    start: datetime
    end: datetime
    problem: Problem
    features: tuple[str, ...]
    model_version: int | None = None
    dataset_version: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window's start and end have a time zone")
        if self.start >= self.end:
            raise ValueError("a window ends after its start")

    @classmethod
    def from_json(cls, data: bytes) -> Request:
        """Raises UnreadableRequest."""
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise UnreadableRequest(f"not the request of an analysis: {error}") from error

    def to_json(self) -> bytes:
        """The same request gives the same bytes."""
        return msgspec.json.encode(self, order="sorted")

    @property
    def min_records(self) -> int:
        """A window with fewer rows is not judged."""
        return int(self.settings.get("min_records", 100))

    @property
    def label_delay(self) -> timedelta | None:
        """How long labels may take after the window's end, such as `36h`; None where nobody said."""
        told = str(self.settings.get("label_delay", ""))
        number, unit = told[:-1], told[-1:]
        return timedelta(**{UNITS[unit]: int(number)}) if unit in UNITS and number.isdigit() else None

    @property
    def facet(self) -> str:
        """The column that tells the groups apart; empty where nobody said."""
        return str(self.settings.get("facet", ""))

    @property
    def facet_threshold(self) -> tuple[float, ...]:
        """What parts a facet of numbers into groups, ascending; empty where each value is one."""
        return tuple(map(float, self.settings.get("facet_threshold") or ()))

    @property
    def privileged(self) -> str | None:
        """The group that others are compared with; None: each is compared with all others. With thresholds it is
        told by any of its numbers; raises ValueError for what is none."""
        told = self.settings.get("privileged")
        if told is None:
            return None
        return group_of(told, self.facet_threshold) if self.facet_threshold else str(told)

    @property
    def positive(self) -> str | None:
        """The class whose share bias metrics compare, and whose probability a binary score is."""
        named = self.settings.get("positive")
        return str(named) if named is not None else (self.classes[-1] if self.classes else None)


@dataclass(frozen=True)
class Source:
    """A capture or label file, opened when its turn comes and closed after it. `name` is its key."""

    name: str
    open: Callable[[], BinaryIO]
