"""summary.json: what came of a window, for whoever acts on it or tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from perennial.monitoring.monitors import MonitorName

Status = Literal["ok", "violations", "empty", "too_few", "no_baseline"]
Kind = Literal["schema", "drift", "missing", "domain", "quality", "bias"]


def _words(value: object) -> object:
    return "" if value is None else value


Words = Annotated[str, BeforeValidator(_words)]  # null where there is no such side


class _Part(BaseModel):
    """Unknown keys are left aside: a newer analysis may say more."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class WindowTimes(_Part):
    start: datetime
    end: datetime


class Broken(_Part):
    """Records that could not be read."""

    count: int = 0
    examples: tuple[str, ...] = ()


class Violation(_Part):
    """`feature` is a column, a quality metric or a facet."""

    feature: str
    check: str
    kind: Kind
    description: str


class Missing(_Part):
    """Shares of missing cells, 0 to 1."""

    baseline: float | None = None
    current: float | None = None


class Feature(_Part):
    """A column beside its baseline, in words; `effect` is how far it moved."""

    name: str
    type: str
    effect: float | None = None
    threshold: float | None = None
    tripped: bool = False
    baseline: Words = ""
    current: Words = ""
    missing: Missing | None = None


class Labels(_Part):
    joined: int = 0
    missing: int = 0
    unmatched: int = 0
    late: int = 0


class Quality(_Part):
    """A quality metric of the window."""

    value: float | None = None
    standard_deviation: float | None = None
    baseline: float | None = None
    threshold: float | None = None
    operator: str | None = None
    tripped: bool = False


class Estimate(_Part):
    """A quality metric as expected from the scores alone, without labels."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None


class BiasFigure(_Part):
    facet: str
    group: str
    metric: str
    value: float | None = None
    baseline: float | None = None
    low: float | None = None
    high: float | None = None
    tripped: bool = False


class Summary(_Part):
    """Absent parts are None: no labels, no estimate, no facet."""

    version: Literal[1] = 1
    model: str
    monitor: MonitorName
    endpoint: str
    schedule: str
    window: WindowTimes
    model_version: int | None = None
    dataset_version: str | None = None
    status: Status
    reason: str
    records: int = 0
    requests: int = 0
    broken: Broken = Broken()
    violations: tuple[Violation, ...] = ()
    features: tuple[Feature, ...] | None = None
    drifted_features: int | None = None
    label_coverage: float | None = None
    labels: Labels | None = None
    quality: dict[str, Quality] | None = None
    estimate: dict[str, Estimate] | None = None
    bias: tuple[BiasFigure, ...] | None = None
    files: tuple[str, ...] = ()
