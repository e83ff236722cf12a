"""The reports that an answer reads, and where they lie. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import takewhile

from perennial.monitoring.summary import Summary

A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True)
class Report:
    """A window's summary and the folder that it lies in."""

    folder: str
    summary: Summary

    @property
    def summary_key(self) -> str:
        return self.folder + "summary.json"

    @property
    def page_key(self) -> str:
        return self.folder + "report.html"

    def overlaps(self, other: Report) -> bool:
        """Whether both saw some of the same traffic."""
        mine, others = self.summary.window, other.summary.window
        return mine.start < others.end and others.start < mine.end


@dataclass(frozen=True)
class Reports:
    """The newest reports of each monitor, the newest first.

    `earlier` has the records of the windows a day and a week before those that are silent, by start, where there is a
    report of them.
    """

    data_quality: Sequence[Report] = field(default_factory=tuple)
    model_quality: Sequence[Report] = field(default_factory=tuple)
    bias: Sequence[Report] = field(default_factory=tuple)
    earlier: Mapping[datetime, int] = field(default_factory=dict)

    def newest(self) -> Report | None:
        """The newest of any monitor."""
        first = [found[0] for found in (self.data_quality, self.model_quality, self.bias) if found]
        return max(first, key=lambda report: report.summary.window.end, default=None)


def telling(reports: Sequence[Report]) -> Report | None:
    """The newest report with violations; a window without any may have come since the alarm's."""
    return next((report for report in reports if report.summary.status == "violations"), None)


def silent(reports: Sequence[Report]) -> list[Report]:
    """The newest windows, newest first, until one with traffic."""
    return list(takewhile(lambda report: not report.summary.records, reports))


def usually_silent(report: Report, stretch: Sequence[Report], earlier: Mapping[datetime, int]) -> bool:
    """Whether a silent window's hour was silent before: a week ago, or while there is no report of then, a day ago,
    with traffic since. The same silence is no witness for itself."""
    start = report.summary.window.start
    if (records := earlier.get(start - A_WEEK)) is not None:
        return not records
    same = stretch[-1].summary.window.start <= start - A_DAY
    return earlier.get(start - A_DAY) == 0 and not same


def changed_since(reports: Iterable[Report]) -> datetime | None:
    """When the traffic became what it is now: the start of the present run of windows with violations.

    `reports` come newest first. Windows that were not judged tell nothing; None when the newest judged one is quiet.
    """
    since = None
    for report in reports:
        if report.summary.status == "violations":
            since = report.summary.window.start
        elif report.summary.status == "ok":
            break
    return since
