"""Which version should serve, and what that takes: desired state against actual state. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from perennial.config import ModelConfig
from perennial.losses import Loss, barring
from perennial.names import Names

IN_PROGRESS = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
BROKEN = frozenset({"Failed", "OutOfService", "UpdateRollbackFailed"})
# Describe may still show the old config for a moment after UpdateEndpoint was accepted.
ACCEPTANCE = timedelta(minutes=2)
# Between writing a rollout down and SageMaker's answer lie seconds: so long another handler leaves it alone.
HANDLING = timedelta(minutes=1)


@dataclass(frozen=True)
class PackageVersion:
    """A version in the registry. `artefact` and `decided` (who decided, and why) come with one version only."""

    version: int
    arn: str
    approval: str
    created_at: datetime
    artefact: str | None = None
    decided: str = ""


@dataclass(frozen=True)
class EndpointState:
    """An endpoint as DescribeEndpoint tells it. `instances` is how many it should have by now; serverless: 0.

    `variants` are the names of what serves; none is told while it is created. Where it hosts an inference component,
    `config_name` is the model that runs, `host_config` the config of the endpoint itself, `host_instance` the instance
    type in that ("" where nobody looked), `instances` the copies, and `awaits` what has to be asked for next (see
    components.py).
    """

    name: str
    status: str
    config_name: str
    failure_reason: str = ""
    modified_at: datetime | None = None
    instances: int = 0
    variants: tuple[str, ...] = ()
    host_config: str = ""
    host_instance: str = ""
    awaits: Literal["", "component"] = ""

    def runs(self, config_name: str, instance: str) -> bool:
        """Whether it has this config, and hosts its component, if any, on this instance type."""
        return self.config_name == config_name and self.host_instance in ("", instance)


@dataclass(frozen=True)
class Rollout:
    """Our last attempt at this endpoint, as we remember it.

    `starting` is written before SageMaker is asked and `started` once it has accepted, so a handler killed
    in between is simply done again. `told` follows once a person can know how it ended. `lost` are all rollouts, this
    one or earlier, that ended badly and were not approved anew. `endpoint` is where it takes place. `abandoned`: it
    built an endpoint of a kind that is not asked for any more. `instance` is the type that a component is to run on,
    which its model's name does not tell; "" where there is none.
    """

    config_name: str
    version: int
    started_at: datetime
    status: Literal["starting", "started", "succeeded", "failed", "rolled_back", "abandoned"]
    reason: str = ""
    told: bool = False
    lost: tuple[Loss, ...] = ()
    endpoint: str = ""
    instance: str = ""

    @property
    def untold(self) -> bool:
        """Whether it ended and its handler died before anybody heard of it."""
        return self.status in ("succeeded", "failed", "rolled_back") and not self.told

    @property
    def settings_only(self) -> bool:
        """Whether it lost and its version goes on serving with the settings before."""
        return any(loss.settings_only for loss in self.lost if loss.config_name == self.config_name)


Action = Literal["nothing", "wait", "create", "update", "delete", "adopt"]


@dataclass(frozen=True)
class DeploymentPlan:
    """`action`: nothing, wait (something is under way), create, update, delete (of a broken endpoint), or adopt: the
    endpoint is there as it should be, and only has to prove itself before it gets the route."""

    action: Action
    reason: str
    version: PackageVersion | None = None
    config_name: str | None = None
    needs_person: bool = False


@dataclass(frozen=True)
class Elsewhere:
    """A rollout is of another endpoint than the one that is planned for; None: of one that does not exist."""

    endpoint: EndpointState | None


def reconcile(
    versions: Sequence[PackageVersion],
    endpoint: EndpointState | None,
    rollout: Rollout | None,
    config: ModelConfig,
    names: Names,
    now: datetime,
    *,
    leaves: EndpointState | None = None,
    elsewhere: Elsewhere | None = None,
) -> DeploymentPlan:
    """Compare the newest approved version that is not barred by a loss, and its config, with what the endpoint has.

    `leaves`: the endpoint that serves until `endpoint`, of another kind, can take over. `elsewhere`: where the
    rollout takes place, if not on `endpoint`.
    """
    approved = [version for version in versions if version.approval == "Approved"]
    if not approved:
        return _without_approved(leaves or endpoint, names)
    target = _target(approved, leaves or endpoint, rollout, config, names)
    stands = endpoint is not None and endpoint.runs(target.config_name, config.endpoint.instance)

    def answer(action: Action, reason: str, needs_person: bool = False) -> DeploymentPlan:
        told = f"{reason}; {target.passed_over}" if target.passed_over else reason
        return DeploymentPlan(action, told, target.version, target.config_name, needs_person)

    busy = endpoint is not None and endpoint.status in IN_PROGRESS
    if endpoint and busy and stands and rollout and rollout.status == "succeeded" and leaves is None:
        by_nobody = f"the endpoint is {endpoint.status} by no rollout of ours"
        return answer("nothing", f"version {target.number} is in service; {by_nobody}")
    if why := _why_wait(target, endpoint, rollout, elsewhere, now):
        return answer("wait", why)
    if target.barred:
        serving = target.serving
        left = f"the endpoint keeps serving version {serving}" if serving else "no version is left to serve"
        # The loss itself was told when it happened.
        unapproved = serving is not None and all(version.version != serving for version in approved)
        return answer("nothing", left + (", which is not approved" if unapproved else ""), unapproved)
    if endpoint is None and leaves:
        return answer(
            "create", f"another kind of endpoint is asked for: it is built beside {leaves.name}, which serves"
        )
    if endpoint is None:
        return answer("create", f"version {target.number} is approved and there is no endpoint yet")
    if endpoint.status in BROKEN:
        return answer(
            "delete",
            f"the endpoint is {endpoint.status}, which only a new one mends: {endpoint.failure_reason}",
        )
    if leaves and stands:
        return answer("adopt", f"{endpoint.name} is there already, of the kind asked for")
    if leaves:
        return answer("delete", f"{endpoint.name} is left from another change of kind, with other settings")
    if stands:
        return answer("nothing", f"version {target.number} is in service")
    if rollout and rollout.status == "starting" and now - rollout.started_at < HANDLING and not elsewhere:
        return answer("wait", f"the rollout of version {rollout.version} is being asked for")
    serves = _what_serves(endpoint, target, names)
    return answer("update", f"version {target.number} is the newest approved; the endpoint serves {serves}")


@dataclass(frozen=True)
class _Target:
    """The version that should serve, and the endpoint config that is its. `serving` is the version that does now.

    `barred`: it was lost, as all that is approved, so it is not tried. `passed_over`: why the newest approved is not meant.
    """

    version: PackageVersion
    config_name: str
    serving: int | None
    barred: bool
    passed_over: Loss | None

    @property
    def number(self) -> int:
        return self.version.version


def _target(
    approved: Sequence[PackageVersion],
    in_service: EndpointState | None,
    rollout: Rollout | None,
    config: ModelConfig,
    names: Names,
) -> _Target:
    """The newest approved version that is not barred by a loss; where all are, the newest all the same."""
    losses = rollout.lost if rollout else ()
    bars: dict[int, Loss] = {}
    for version in approved:
        config_name = names.endpoint_config(config.model, version.version, config.endpoint_hash)
        if loss := barring(losses, version.version, config_name):
            bars[version.version] = loss
    parsed = names.parse_endpoint_config(in_service.config_name) if in_service else None
    serving = parsed.version if parsed else None
    # New settings that failed bar no version that serves well with its old ones.
    kept = {number for number, loss in bars.items() if loss.settings_only and number == serving}
    eligible = [version for version in approved if version.version not in bars or version.version in kept]
    target = max(eligible or approved, key=lambda version: version.version)
    return _Target(
        target,
        names.endpoint_config(config.model, target.version, config.endpoint_hash),
        serving,
        barred=target.version in bars,
        passed_over=bars.get(max(version.version for version in approved)),
    )


def _why_wait(
    target: _Target,
    endpoint: EndpointState | None,
    rollout: Rollout | None,
    elsewhere: Elsewhere | None,
    now: datetime,
) -> str | None:
    """What has to end, or to be told, before anything is changed."""
    if elsewhere and rollout and _holds(elsewhere.endpoint, rollout):
        return f"the rollout of version {rollout.version} on {rollout.endpoint} is not over"
    if endpoint and endpoint.status in IN_PROGRESS:
        return f"the endpoint is {endpoint.status}; version {target.number} waits, the newest approved wins"
    if rollout is None:
        return None
    if not elsewhere and (rollout.status == "started" or _was_asked(endpoint, rollout)):
        return f"the rollout of version {rollout.version} is being settled"
    if rollout.untold:
        return f"it is being told how the rollout of version {rollout.version} ended"
    another = rollout.status == "starting" and rollout.config_name != target.config_name
    if another and now - rollout.started_at < ACCEPTANCE:
        return f"the rollout of version {rollout.version} began a moment ago"
    return None


def _what_serves(endpoint: EndpointState, target: _Target, names: Names) -> str:
    """In place of the target, in words."""
    current = names.parse_endpoint_config(endpoint.config_name)
    if current is None:
        return f"config {endpoint.config_name}, which is not ours"
    if endpoint.config_name == target.config_name:
        return f"it on {endpoint.host_instance}, which is left from a rollout that was lost"
    if current.version == target.number:
        return "the same version with other settings"
    if current.version > target.number:
        return f"version {current.version}, which is no longer approved"
    return f"version {current.version}"


def _holds(endpoint: EndpointState | None, rollout: Rollout) -> bool:
    """Whether a rollout of another endpoint has to end, and to be told, before this one is changed."""
    if rollout.status not in ("starting", "started"):
        return False
    busy = endpoint is not None and endpoint.status in IN_PROGRESS
    return busy or rollout.status == "started" or _was_asked(endpoint, rollout)


def _without_approved(endpoint: EndpointState | None, names: Names) -> DeploymentPlan:
    if endpoint is None:
        return DeploymentPlan("nothing", "no version is approved")
    current = names.parse_endpoint_config(endpoint.config_name)
    serving = f"version {current.version}" if current else endpoint.config_name
    return DeploymentPlan(
        "nothing",
        f"no approved version remains, so the endpoint keeps serving {serving}: approve a version, or delete the endpoint",
        needs_person=True,
    )


@dataclass(frozen=True)
class Settlement:
    """How a rollout ended: `outcome` is None while it goes on, or when there is none to settle."""

    outcome: Literal["succeeded", "failed", "rolled_back"] | None
    reason: str


def settle(endpoint: EndpointState | None, rollout: Rollout | None, now: datetime) -> Settlement:
    """A rollout succeeded only when the endpoint is InService with *our* config: SageMaker rolls back silently."""
    if rollout is None or rollout.status not in ("starting", "started"):
        return Settlement(None, "no rollout of ours is under way")
    if endpoint and endpoint.status in IN_PROGRESS:
        return Settlement(None, f"the endpoint is {endpoint.status}")
    ours = endpoint is not None and endpoint.runs(rollout.config_name, rollout.instance)
    if endpoint and ours and endpoint.status not in BROKEN:
        return Settlement("succeeded", f"InService with {rollout.config_name}")
    untouched = endpoint is None or endpoint.modified_at is None or endpoint.modified_at <= rollout.started_at
    if endpoint and ours and rollout.status == "starting" and untouched:
        return Settlement(None, "the broken endpoint makes way first")
    if endpoint and ours:
        return Settlement("failed", endpoint.failure_reason or f"the endpoint is {endpoint.status}")
    if rollout.status == "starting" and not _was_asked(endpoint, rollout):
        return Settlement(None, "SageMaker was not asked yet")
    if untouched and now - rollout.started_at < ACCEPTANCE:
        return Settlement(None, "SageMaker was asked a moment ago")
    if endpoint is None:
        return Settlement("failed", "the endpoint is gone")
    if endpoint.status in BROKEN:
        return Settlement("failed", endpoint.failure_reason or f"the endpoint is {endpoint.status}")
    why = (
        endpoint.failure_reason
        or "SageMaker gave no reason: an alarm of the rollout fired, or the new fleet was unhealthy"
    )
    has = f"with {endpoint.config_name}"
    if endpoint.config_name == rollout.config_name:
        has = f"on {endpoint.host_instance}"
    return Settlement("rolled_back", f"the endpoint is InService {has}, not ours: {why}")


def _was_asked(endpoint: EndpointState | None, rollout: Rollout) -> bool:
    """Whether a rollout that its handler died over has begun and ended all the same: the endpoint changed since, and
    scaling, which changes it, too, is held still."""
    if rollout.status != "starting" or endpoint is None or endpoint.status in IN_PROGRESS:
        return False
    return endpoint.modified_at is not None and endpoint.modified_at > rollout.started_at
