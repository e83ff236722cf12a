"""What the API answers, as OpenAPI describes it. Times are UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from perennial.decision import Decision, Severity
from perennial.deployment import PackageVersion, Rollout
from perennial.ports import LedgerEntry


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Problem(Answer):
    """`code` is for programs, `message` for people. A request for predictions is told `row` (from 1), `column` and what
    was `expected` there, where that is known."""

    code: str
    message: str
    row: int | None = None
    column: str | None = None
    expected: str | None = None


class Failure(Answer):
    """The body of every answer that is not 2xx."""

    error: Problem


class Health(Answer):
    status: Literal["ok"] = "ok"
    stack: str
    code_version: str


class RolloutAnswer(Answer):
    """The last rollout of a model's endpoint; `succeeded` means that this version serves."""

    version: int
    status: Literal["starting", "started", "succeeded", "failed", "rolled_back", "abandoned"]
    started_at: datetime
    reason: str

    @classmethod
    def of(cls, rollout: Rollout) -> RolloutAnswer:
        return cls(
            version=rollout.version,
            status=rollout.status,
            started_at=rollout.started_at,
            reason=rollout.reason,
        )


class ModelSummary(Answer):
    model: str
    rollout: RolloutAnswer | None


class Models(Answer):
    models: list[ModelSummary]


class Mute(Answer):
    """`what` is `all` or an alarm's intent, such as `data-quality`."""

    until: datetime
    by: str
    what: str


class Window(Answer):
    """An analysed stretch of traffic. `status` is where its analysis stands."""

    monitor: str
    start: datetime
    status: str


class RaisedAnswer(Answer):
    """A bound that is raised for a while."""

    bound: str
    instances: int
    until: datetime
    by: str


class ScalingAnswer(Answer):
    """Between how many instances it scales now: by its schedule's entry, if one was due, and what is raised."""

    least: int
    most: int
    schedule: str | None
    raised: list[RaisedAnswer]


class ModelDetails(Answer):
    """A model in force: its configuration, what serves and how many, the newest windows, the mute if there is one."""

    model: str
    config: dict[str, Any]
    endpoint_status: str | None
    serving: int | None
    rollout: RolloutAnswer | None
    scaling: ScalingAnswer | None
    windows: list[Window]
    mute: Mute | None


class DecisionAnswer(Answer):
    """What was met, what was done about it, and why."""

    at: datetime | None = None
    model: str
    fact: str
    outcome: str
    reason: str
    news: Severity | None
    details: dict[str, str]

    @classmethod
    def of(cls, decision: Decision, at: datetime | None = None) -> DecisionAnswer:
        return cls.model_validate({**decision.as_dict(), "at": at})

    @classmethod
    def entry(cls, entry: LedgerEntry) -> DecisionAnswer:
        return cls.of(entry.decision, entry.at)


class Decisions(Answer):
    """Newest first."""

    decisions: list[DecisionAnswer]


class Version(Answer):
    version: int
    approval: str
    created_at: datetime
    arn: str

    @classmethod
    def of(cls, version: PackageVersion) -> Version:
        return cls(
            version=version.version,
            approval=version.approval,
            created_at=version.created_at,
            arn=version.arn,
        )


class Versions(Answer):
    """Newest first."""

    versions: list[Version]


class Accepted(Answer):
    """Asked for; what comes of it is in the decisions."""

    asked: str


class Report(Answer):
    """The results of one window; `html` is the path of its page under this API."""

    monitor: str
    window: str
    html: str


class Reports(Answer):
    """Newest first."""

    reports: list[Report]


class Hop(Answer):
    """A station of a drill's way. `at` is null while it did not get there; `detail` says what is known."""

    name: str
    at: datetime | None
    detail: str


class DrillAnswer(Answer):
    """`arrived` once every configured channel has its message; `failed` when one surely will not."""

    id: str
    model: str
    status: Literal["under_way", "arrived", "failed"]
    hops: list[Hop]
