"""The sections of model.yaml about a model in service: what is watched, what follows, and who hears of it."""

from __future__ import annotations

import difflib
import math
import re
from datetime import time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from perennial.sections import BiasMetric, Section, Text, written

DAY = timedelta(days=1)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_QUIET_HOURS = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d) (\S+)")


def duration(text: str) -> timedelta:
    """`15m`, `1h` or `1d` as a timedelta."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _cadence(text: str) -> str:
    """Windows tile the days in UTC, so that every hour of every day is in exactly one of them."""
    span = duration(text)
    if not timedelta(minutes=5) <= span <= 7 * DAY:
        raise ValueError(f"{text} is not between 5m and 7d")
    if (DAY % span if span < DAY else span % DAY) != timedelta(0):
        raise ValueError(f"{text} neither divides a day nor is whole days")
    return text


SPAN = "minutes, hours or days, such as 15m, 12h or 1d"
Duration = Annotated[
    str,
    written(r"[1-9][0-9]{0,3}[mhd]", SPAN),
    Field(description=SPAN),
]
Cadence = Annotated[Duration, AfterValidator(_cadence)]


class Monitor(Section):
    """What all monitors have."""

    every: Cadence = "1d"
    min_records: int = Field(100, ge=1, description="a window with fewer is not judged, and says so")

    @property
    def period(self) -> timedelta:
        """How long a window is."""
        return duration(self.every)


class DataQualityMonitor(Monitor):
    """The captured traffic beside what the model was trained on."""

    every: Cadence = Field("1h", description="a window is this long: 5m to 7d, dividing a day or whole days")
    drift: Literal["auto", "robust", "simple"] | Annotated[float, Field(gt=0, lt=1)] = Field(
        "auto",
        description="auto: calibrated, does not page for chance; robust, simple: Model Monitor's distances "
        "with its threshold 0.1; a number: Model Monitor's robust distance with this threshold",
    )
    max_missing: float = Field(0.1, ge=0, le=1, description="share of missing cells allowed in a column")
    exclude: tuple[str, ...] = Field((), description="columns that are not watched, such as timestamps")
    per_feature_metrics: bool = Field(
        False, description="a CloudWatch metric for each column, too; CloudWatch bills each"
    )
    processing_above_mb: int = Field(
        512, ge=0, description="captured traffic above this is analysed by a SageMaker Processing job"
    )


class ModelQualityMonitor(Monitor):
    """Predictions beside the labels that came later."""

    metric: str | None = Field(None, description="held to `minimum` or `maximum`; default: the gate's")
    minimum: float | None = None
    maximum: float | None = Field(None, description="for errors, such as rmse")
    label_delay: Duration = Field("1d", description="how long labels may take; a window is judged after it")
    min_coverage: float = Field(0.5, ge=0, le=1, description="share of predictions that should get a label")


def _ascending(thresholds: tuple[float, ...]) -> tuple[float, ...]:
    if sorted({*thresholds}) != list(thresholds):
        raise ValueError(f"{', '.join(f'{each:g}' for each in thresholds)} do not ascend")
    return thresholds


Thresholds = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...],
    BeforeValidator(lambda value: value if isinstance(value, list | tuple) else [value]),
    AfterValidator(_ascending),
    Field(max_length=20),
]


class BiasMonitor(Monitor):
    """How differently groups are treated."""

    facet: str = Field(description="the column that tells the groups apart")
    facet_threshold: Thresholds = Field(
        (),
        description="a number, or several in ascending order, that part a facet of numbers into groups: 40 into "
        "`(-inf, 40]` and `(40, inf]`, as Clarify names them",
    )
    privileged: Text = Field(
        description="the value of the group that others are compared with; with `facet_threshold` any number "
        "of that group"
    )
    metrics: tuple[BiasMetric, ...] = ("DPPL", "DI", "AD")
    tolerance: float = Field(0.1, ge=0, description="how much farther from unbiased than at training")

    @model_validator(mode="after")
    def _privileged_is_in_a_group(self) -> Self:
        if self.facet_threshold:
            try:
                known = math.isfinite(float(self.privileged))
            except ValueError:
                known = False
            if not known:
                raise ValueError(
                    f"privileged: with facet_threshold it is any number of the privileged group, "
                    f"not {self.privileged!r}"
                )
        return self


class Monitors(Section):
    """What is watched once the model serves (`bias` also feeds the gate)."""

    data_quality: DataQualityMonitor | None = DataQualityMonitor()
    model_quality: ModelQualityMonitor | None = None
    bias: BiasMonitor | None = None


Reaction = Literal["notify", "retrain", "rollback", "scale"]


class OnAlarm(Section):
    """What follows an alarm. A broken schema is always told and never trained on."""

    data_quality: tuple[Reaction, ...] = ("notify", "retrain")
    model_quality: tuple[Reaction, ...] = ("notify", "retrain", "rollback")
    bias: tuple[Reaction, ...] = ("notify",)
    latency: tuple[Reaction, ...] = ("notify", "scale")
    errors: tuple[Reaction, ...] = ("notify",)
    backlog: tuple[Reaction, ...] = ("notify", "scale")
    no_data: tuple[Reaction, ...] = ("notify",)
    label_coverage: tuple[Reaction, ...] = ("notify",)


class Retraining(Section):
    """Limits of trainings that no person asked for, and what they learn from."""

    cooldown_hours: float = Field(24, ge=0, description="least time between two of them")
    max_per_week: int = Field(3, ge=0)
    max_monthly_usd: float = Field(100, ge=0, description="training cost of a calendar month, on demand")
    data: Literal["dataset", "traffic"] = Field(
        "dataset", description="the newest dataset, or recent captured traffic with its labels"
    )
    traffic_days: int = Field(7, ge=1, le=90, description="how far back `traffic` goes")


def time_zone(name: str) -> ZoneInfo:
    """Raises ValueError with a near miss."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = difflib.get_close_matches(name, sorted(available_timezones()), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "such as UTC or Europe/Zurich"
        raise ValueError(f"{name!r} is no time zone of the IANA database; {hint}") from error


def quiet_hours(text: str) -> tuple[time, time, ZoneInfo]:
    """`22:00-07:00 Europe/Zurich` as start, end and time zone. Raises ValueError."""
    match = _QUIET_HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is not like "22:00-07:00 Europe/Zurich"')
    try:
        start, end = time.fromisoformat(match[1]), time.fromisoformat(match[2])
    except ValueError as error:
        raise ValueError(f"{match[1]}-{match[2]}: hours are 00:00 to 23:59") from error
    if start == end:
        raise ValueError(f"{match[1]}-{match[2]} is no time at all")
    return start, end, time_zone(match[3])


def _checked_quiet_hours(text: str) -> str:
    quiet_hours(text)
    return text


ChannelName = Annotated[
    str,
    written(
        r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?",
        "at most 64 letters, digits, dots, hyphens and underscores, such as risk-team",
    ),
]
Address = Annotated[str, written(r"[^@\s]+@[^@\s]+", "an address, such as team@example.com")]


class Notify(Section):
    """Who hears of it."""

    slack: ChannelName | None = Field(
        "default", description="the secret <stack>/slack/<name> says which workspace and channel"
    )
    email: tuple[Address, ...] = Field((), description="each address confirms a mail from AWS once")
    webhooks: tuple[ChannelName, ...] = Field(
        (), description="the secret <stack>/webhooks/<name> says where: Teams, PagerDuty or any other"
    )
    quiet_hours: Annotated[str, AfterValidator(_checked_quiet_hours)] | None = Field(
        None, description='only errors are told then, the rest afterwards: "22:00-07:00 Europe/Zurich"'
    )
    digest_minutes: int = Field(
        15, ge=0, le=1440, description="a flood of messages within this time becomes one; 0: never"
    )
