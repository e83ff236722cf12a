"""The section of model.yaml that says how many instances serve, and when."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from perennial import cron
from perennial.sections import Name, Section
from perennial.sections_watching import Duration, time_zone

_STATISTIC = re.compile(r"Average|Sum|Minimum|Maximum|SampleCount|p\d{1,2}(\.\d{1,2})?")


def _checked_zone(name: str) -> str:
    time_zone(name)
    return name


def _checked_expression(text: str) -> str:
    cron.parse(text)
    return text


def _checked_statistic(text: str) -> str:
    if not _STATISTIC.fullmatch(text):
        raise ValueError(f"{text!r} is none of Average, Sum, Minimum, Maximum, SampleCount, or such as p99")
    return text


def _number_keys(value: object) -> object:
    """YAML keys may come as text."""
    return {float(key): change for key, change in value.items()} if isinstance(value, dict) else value


Steps = Annotated[dict[float, int], BeforeValidator(_number_keys)]


class ScheduledBounds(Section):
    """Other bounds from a time on, until another entry is due. A bound that is left out is as in `scaling`."""

    name: Name = Field(description="tells the entries apart")
    at: Annotated[str, AfterValidator(_checked_expression)] = Field(
        description="AWS's cron(...), rate(...) or at(...), such as cron(0 8 ? * MON-FRI *)"
    )
    time_zone: Annotated[str, AfterValidator(_checked_zone)] = Field(
        "UTC", description="IANA, such as Europe/Zurich: 8 o'clock there in summer and in winter"
    )
    min: int | None = Field(None, ge=0, description="from then on")
    max: int | None = Field(None, ge=1, description="from then on")
    start: datetime | None = Field(None, description="not before; for rate(...) its first time")
    end: datetime | None = Field(None, description="not after; what was set last stays in force")

    @model_validator(mode="after")
    def _times_agree(self) -> Self:
        if isinstance(self.expression, cron.Rate) and self.start is None:
            raise ValueError(f"{self.name}: rate(...) needs `start`, from which it counts")
        if self.begins and self.ends and self.begins >= self.ends:
            raise ValueError(f"{self.name}: start is not before end")
        return self

    @property
    def expression(self) -> cron.Expression:
        return cron.parse(self.at)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def begins(self) -> datetime | None:
        return self._aware(self.start)

    @property
    def ends(self) -> datetime | None:
        return self._aware(self.end)

    def _aware(self, moment: datetime | None) -> datetime | None:
        """Without an offset it is a time in `time_zone`."""
        return moment.replace(tzinfo=self.zone) if moment and moment.tzinfo is None else moment


class StepPolicy(Section):
    """A step scaling policy and its CloudWatch alarm."""

    name: Name = Field(description="tells the policies apart")
    metric: str = Field(min_length=1, description="of CloudWatch, such as CPUUtilization")
    namespace: str = Field("AWS/SageMaker", min_length=1, description="instances': /aws/sagemaker/Endpoints")
    dimensions: dict[str, str] | None = Field(
        None, description="by default those of the endpoint's variant: EndpointName and VariantName"
    )
    statistic: Annotated[str, AfterValidator(_checked_statistic)] = "Average"
    period_seconds: Literal[10, 30, 60, 120, 300] = Field(
        60, description="below 60 only for metrics of high resolution"
    )
    periods: int = Field(3, ge=1, le=60, description="that in a row must breach")
    above: Steps | None = Field(None, description="from this value on, so many: {70: 1, 90: 2}")
    below: Steps | None = Field(None, description="from this value down, so many: {10: -1}")
    change: Literal["instances", "percent", "exact"] = Field(
        "instances", description="what the numbers are: instances or percent more (less), or how many at all"
    )
    cooldown_seconds: int = Field(300, ge=0)

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"{self.name}: say either `above` or `below`")
        if not self.levels:
            raise ValueError(f"{self.name}: no step, such as above: {{70: 1}}")
        if self.change != "exact" and 0 in self.levels.values():
            raise ValueError(f"{self.name}: a step of 0 changes nothing")
        if self.change == "exact" and min(self.levels.values()) < 0:
            raise ValueError(f"{self.name}: there cannot be fewer than 0 instances")
        if self.period_seconds * self.periods > 86_400:
            raise ValueError(f"{self.name}: CloudWatch looks back a day at most")
        return self

    @property
    def levels(self) -> dict[float, int]:
        """The metric's value from which on (or down), and the change."""
        return self.above if self.above is not None else self.below or {}


class Adjust(Section):
    """What an alarm with `scale` in on_alarm, or an operator, may do for a while."""

    raises: Literal["floor", "ceiling"] = Field(
        "floor", description="what an alarm raises: the least number of instances, or the most"
    )
    percent: int = Field(50, ge=1, le=400, description="by how much, and by one instance at least")
    limit: int | None = Field(None, ge=1, description="never above, whoever asks; by default scaling.max")
    lasts: Duration = Field("2h", description="then the sweep takes it back")
    backlog: float | None = Field(
        None,
        gt=0,
        description="requests in flight on an instance, answered or waiting; the alarm on_alarm.backlog rings above it; null "
        "watches none",
    )
    rows_per_request: float | None = Field(
        2, gt=1, description="requests that grow by this factor raise it, too; null watches none"
    )


class Scaling(Section):
    """Application Auto Scaling: target tracking, schedules, steps, and adjustments that expire."""

    min: int = Field(
        1, ge=0, description="0 scales a real-time endpoint to zero, with what that costs and excludes"
    )
    max: int = Field(4, ge=1)
    metric: Literal["invocations", "concurrency"] = Field(
        "invocations",
        description="what is tracked: invocations per instance and minute, or concurrent requests per instance, measured "
        "every ten seconds (scales out sooner)",
    )
    invocations_per_instance: int = Field(1000, ge=1, description="target, invocations a minute")
    concurrent_requests: float = Field(
        5, gt=0, description="target for metric concurrency, requests in flight per instance"
    )
    scale_in: bool = Field(True, description="false only ever adds instances")
    scale_in_cooldown_seconds: int = Field(300, ge=0)
    scale_out_cooldown_seconds: int = Field(60, ge=0)
    schedule: tuple[ScheduledBounds, ...] = Field((), description="other bounds from a time on")
    steps: tuple[StepPolicy, ...] = Field((), description="step policies beside the target tracking")
    adjust: Adjust = Adjust()

    @property
    def target(self) -> float:
        """What the tracked metric is held at."""
        return self.invocations_per_instance if self.metric == "invocations" else self.concurrent_requests

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        if self.adjust.limit is not None and self.adjust.limit < self.max:
            raise ValueError(f"adjust.limit {self.adjust.limit} is below max {self.max}")
        for entry in self.schedule:
            least, most = self.bounds_of(entry)
            if least > most:
                raise ValueError(f"schedule {entry.name}: min {least} is above max {most}")
        _differ([entry.name for entry in self.schedule], "schedule", "name")
        _differ([f"{entry.at} {entry.time_zone}" for entry in self.schedule], "schedule", "time")
        _differ([policy.name for policy in self.steps], "steps", "name")
        return self

    def bounds_of(self, entry: ScheduledBounds) -> tuple[int, int]:
        """What an entry of the schedule sets; what it leaves out is as in `scaling`."""
        return (
            self.min if entry.min is None else entry.min,
            self.max if entry.max is None else entry.max,
        )

    @property
    def limit(self) -> int:
        """What no adjustment passes."""
        return self.max if self.adjust.limit is None else self.adjust.limit


def _differ(values: list[str], where: str, what: str) -> None:
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise ValueError(f"{where}: two entries have the {what} {twice!r}")
