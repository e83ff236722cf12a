"""A shadow test: a challenger beside production, on copies of its requests, until its time is over. Pure.

`starting` (written before SageMaker is asked), `started` (asked), `running` (in service), `ending` (SageMaker is asked
for production alone again), `comparing` (it serves alone; the last captured requests are on their way), `ended`. The
shadow is removed before anything is decided, so that a rollout begins from production alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from perennial.config import ModelConfig
from perennial.deployment import (
    ACCEPTANCE,
    BROKEN,
    HANDLING,
    IN_PROGRESS,
    DeploymentPlan,
    EndpointState,
    PackageVersion,
)
from perennial.endpoint_config import config_request
from perennial.names import Names, digest

DOCUMENT = "shadow"
VARIANT = "Shadow"
Status = Literal["starting", "started", "running", "ending", "comparing", "ended"]
Outcome = Literal["", "passed", "failed", "unclear", "cancelled"]


@dataclass(frozen=True)
class ShadowTest:
    """The last shadow test of a model. `config_name` is the endpoint config with the shadow, `base` production's own,
    before and after; `since` is when its status began, `ran` when it came into service; `cause` why it ends early."""

    challenger: int
    config_name: str
    base: str
    status: Status
    began_at: datetime
    since: datetime
    ran_from: datetime | None = None
    ran_until: datetime | None = None
    cause: str = ""
    outcome: Outcome = ""

    @classmethod
    def read(cls, document: Mapping[str, Any] | None) -> Self | None:
        if document is None:
            return None
        times = {name: document[name] for name in ("began_at", "since", "ran_from", "ran_until")}
        read = {name: datetime.fromisoformat(text) if text else None for name, text in times.items()}
        return cls(**{**document, **read})

    def document(self) -> dict[str, Any]:
        """As JSON takes it."""
        times = ("began_at", "since", "ran_from", "ran_until")
        return {
            name: value.isoformat() if name in times and value else value
            for name, value in asdict(self).items()
        }

    def enter(self, status: Status, now: datetime, **changes: Any) -> Self:
        return replace(self, status=status, since=now, **changes)

    @property
    def active(self) -> bool:
        return self.status != "ended"


@dataclass(frozen=True)
class Step:
    """What is to be done about a shadow test now.

    `none`: nothing, the ordinary plan goes on; `hold` it for now; `begin` a test; `run`: it came into service; `end`:
    ask for production alone; `ended`: production serves alone; `compare`; `lost`: the shadow never came up; `cancel`.
    """

    action: Literal["none", "hold", "begin", "run", "end", "ended", "compare", "lost", "cancel"]
    reason: str = ""


def config_name(config: ModelConfig, serving: int, challenger: int, base: str, names: Names) -> str:
    """Production's version is in the name, as in every other: who reads it learns who answers."""
    shadow = config.endpoint.shadow
    what = {
        "shadow": challenger,
        "base": base,
        "settings": config.endpoint_hash,
        "percent": shadow and shadow.percent,
    }
    return names.endpoint_config(config.model, serving, digest(what))


def next_step(
    plan: DeploymentPlan,
    endpoint: EndpointState | None,
    test: ShadowTest | None,
    versions: Sequence[PackageVersion],
    config: ModelConfig,
    names: Names,
    now: datetime,
) -> Step:
    """`plan` is what would be done without shadow tests."""
    if test is None or not test.active:
        return _whether_to_begin(plan, endpoint, test, versions, config, names)
    if endpoint and endpoint.status in IN_PROGRESS:
        return Step(
            "hold", f"the endpoint is {endpoint.status}; version {test.challenger} is its shadow or was"
        )
    if endpoint is None or endpoint.status in BROKEN:
        return Step("cancel", "the endpoint is broken or gone")
    cause = test.cause or cancelled(plan, test, versions, config, names)
    if endpoint.config_name == test.config_name:
        return _beside(test, cause, config, now)
    if endpoint.config_name != test.base:
        return Step("cancel", f"the endpoint serves {endpoint.config_name}, which is not the test's")
    return _alone(endpoint, test, cause, config, now)


def _whether_to_begin(
    plan: DeploymentPlan,
    endpoint: EndpointState | None,
    test: ShadowTest | None,
    versions: Sequence[PackageVersion],
    config: ModelConfig,
    names: Names,
) -> Step:
    if config.endpoint.shadow is None or plan.action != "update" or endpoint is None or plan.version is None:
        return Step("none")
    current = names.parse_endpoint_config(endpoint.config_name)
    challenger = plan.version.version
    if current is None or challenger <= current.version or not _approved(current.version, versions):
        return Step("none", "there is no approved version in service to compare with")
    if test and test.challenger == challenger and test.outcome != "cancelled":
        return Step("none", f"version {challenger} was compared: {test.outcome}")
    return Step(
        "begin", f"version {challenger} is approved and runs as a shadow of version {current.version} first"
    )


def cancelled(
    plan: DeploymentPlan,
    test: ShadowTest,
    versions: Sequence[PackageVersion],
    config: ModelConfig,
    names: Names,
) -> str:
    """Why a test under way is of no use any more; empty while it is."""
    serving = names.parse_endpoint_config(test.base)
    if config.endpoint.shadow is None:
        return "endpoint.shadow was taken out of model.yaml"
    if not _approved(test.challenger, versions):
        return f"version {test.challenger} is not approved any more"
    if plan.version is None or serving is None or not _approved(serving.version, versions):
        return "the version in service is not approved any more, so there is nothing to compare with"
    if plan.version.version != test.challenger:
        return f"version {plan.version.version} is approved, and the newest wins"
    if config_name(config, serving.version, test.challenger, test.base, names) != test.config_name:
        return "the endpoint's settings changed"
    return ""


def _beside(test: ShadowTest, cause: str, config: ModelConfig, now: datetime) -> Step:
    """The endpoint is in service with the shadow."""
    if test.status in ("starting", "started"):
        return Step("run", f"version {test.challenger} is in service as a shadow")
    if test.status == "ending" and now - test.since < HANDLING:
        return Step("hold", "SageMaker is being asked for production alone")
    if test.status in ("ending", "comparing"):
        return Step("end", cause or "its time is over")
    if cause:
        return Step("end", cause)
    over = test.since + duration(config)
    if now < over:
        return Step("hold", f"version {test.challenger} runs as a shadow until {over:%Y-%m-%d %H:%M} UTC")
    return Step("end", "")


def _alone(endpoint: EndpointState, test: ShadowTest, cause: str, config: ModelConfig, now: datetime) -> Step:
    """The endpoint is in service with production alone."""
    if test.outcome:  # its handler died over telling it
        return Step("compare" if test.ran_from else "lost", "it was compared, and nobody heard of it yet")
    if test.status in ("starting", "started"):
        untouched = endpoint.modified_at is None or endpoint.modified_at <= test.began_at
        if test.status == "starting" and untouched and now - test.began_at < HANDLING:
            return Step("hold", "SageMaker is being asked for the shadow")
        if test.status == "starting" and untouched:
            return (
                Step("cancel", cause)
                if cause
                else Step("begin", "SageMaker was not asked for the shadow yet")
            )
        if untouched and now - test.began_at < ACCEPTANCE:
            return Step("hold", "SageMaker was asked for the shadow a moment ago")
        if cause:
            return Step("cancel", cause)
        why = endpoint.failure_reason or "SageMaker gave no reason"
        return Step("lost", f"as a shadow it never came into service: {why}")
    if test.status == "running":
        return Step("cancel", "the shadow was removed by somebody else")
    if cause:
        return Step("cancel", cause)
    if test.status == "ending":
        return Step("ended", "production serves alone again")
    due = test.since + timedelta(minutes=config.capture.delay_minutes)
    if now < due:
        return Step("hold", f"the last captured requests are waited for until {due:%H:%M} UTC")
    return Step("compare", "everything that was captured is there")


def duration(config: ModelConfig) -> timedelta:
    return timedelta(minutes=config.endpoint.shadow.minutes if config.endpoint.shadow else 0)


def considered(plan: DeploymentPlan, step: Step) -> DeploymentPlan:
    """The plan as the sweep and others should see it: a test under way holds it, and its steps are for DeployModel."""
    if step.action == "none":
        return plan
    if step.action == "hold":
        return replace(plan, action="wait", reason=step.reason)
    return replace(plan, action="update", reason=step.reason or "a shadow test is to go on")


def request(
    name: str,
    base: Mapping[str, Any],
    instances: int,
    config: ModelConfig,
    bucket: str,
) -> dict[str, Any]:
    """The CreateEndpointConfig request: production as it is described in `base`, and the challenger, whose model has the
    config's name, beside it with as many instances as its share of the requests needs."""
    [production] = base["ProductionVariants"]
    percent = config.endpoint.shadow.percent if config.endpoint.shadow else 0
    weight = production.get("InitialVariantWeight", 1.0) or 1.0
    shadow = {
        "VariantName": VARIANT,
        "ModelName": name,
        "InstanceType": config.endpoint.instance,
        "InitialInstanceCount": max(1, -(-instances * percent // 100)),
        "InitialVariantWeight": weight * percent / 100,
    }
    return config_request(name, production["ModelName"], config, bucket) | {
        "ProductionVariants": [
            {**production, "InitialInstanceCount": max(1, instances), "InitialVariantWeight": weight}
        ],
        "ShadowProductionVariants": [shadow],
    }


def _approved(version: int, versions: Sequence[PackageVersion]) -> bool:
    return any(found.version == version and found.approval == "Approved" for found in versions)
