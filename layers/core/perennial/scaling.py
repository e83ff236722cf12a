"""What Application Auto Scaling is told about an endpoint. Pure.

Policies and scheduled actions carry no tags, so their names say whose they are: `<endpoint>-<what>`. Everything else on
the same target is somebody's own and is left alone, as are the alarms that target tracking makes for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from perennial import cron
from perennial.config import ModelConfig
from perennial.endpoint_config import VARIANT
from perennial.scaling_bounds import Bounds, Raise, Raised, bounds, raised_over
from perennial.sections_scaling import Scaling, ScheduledBounds, StepPolicy

NAMESPACE = "sagemaker"
DIMENSION = "sagemaker:variant:DesiredInstanceCount"
RUNS_WITHIN = timedelta(
    minutes=2
)  # of its time, AWS runs a scheduled action: changed earlier, it would run as changed
ALARM_SUFFIX = "-scaling"  # of a step policy's alarm: no name of an alarm that is answered ends like that
TRACKED = {
    "invocations": ("invocations-per-instance", "SageMakerVariantInvocationsPerInstance"),
    "concurrency": ("concurrent-requests", "SageMakerVariantConcurrentRequestsPerModelHighResolution"),
}
CHANGES = {
    "instances": "ChangeInCapacity",
    "percent": "PercentChangeInCapacity",
    "exact": "ExactCapacity",
}

Request = Mapping[str, Any]


@dataclass(frozen=True)
class Resource:
    """What is scaled: AWS's ResourceId and ScalableDimension."""

    id: str
    dimension: str = DIMENSION

    @property
    def owner(self) -> str:
        """The endpoint, or the inference component, that is scaled; the names of all that is ours on it begin so."""
        return self.id.split("/")[1]

    @property
    def key(self) -> dict[str, str]:
        """The three members that name it in every request."""
        return {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": self.id,
            "ScalableDimension": self.dimension,
        }


@dataclass(frozen=True)
class Wanted:
    """All that Application Auto Scaling should have of a resource.

    `policies` and `actions` are bodies of PutScalingPolicy and PutScheduledAction by name, `alarms` PutMetricAlarm
    requests without their action by the policy that they trigger. A policy or an action whose name begins with one of
    `families` is ours.
    """

    resource: Resource
    bounds: Bounds
    policies: Mapping[str, Request]
    families: tuple[str, ...]
    actions: Mapping[str, Request] = field(default_factory=dict)
    alarms: Mapping[str, Request] = field(default_factory=dict)

    def is_ours(self, name: str) -> bool:
        return name.startswith(self.families)

    def is_triggered(self, action: str) -> bool:
        """Whether an alarm's action is a policy of ours; its ARN names the resource and the policy."""
        _, ours, name = action.partition(f":resource/{NAMESPACE}/{self.resource.id}:policyName/")
        return bool(ours) and self.is_ours(name)


@dataclass(frozen=True)
class Standing:
    """What is there: the bounds (None: not registered), and the descriptions of policies and actions by name."""

    bounds: Bounds | None
    policies: Mapping[str, Request] = field(default_factory=dict)
    actions: Mapping[str, Request] = field(default_factory=dict)


@dataclass(frozen=True)
class Changes:
    """What has to be done so that what is there is what is wanted; the names of what is ours and has to go."""

    register: Bounds | None
    policies: Mapping[str, Request]
    actions: Mapping[str, Request]
    no_policies: tuple[str, ...]
    no_actions: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.register or self.policies or self.actions or self.no_policies or self.no_actions)

    def words(self) -> str:
        """For the ledger."""
        parts = [
            str(self.register) if self.register else "",
            f"policies put: {', '.join(self.policies)}" if self.policies else "",
            f"policies removed: {', '.join(self.no_policies)}" if self.no_policies else "",
            f"schedule put: {', '.join(self.actions)}" if self.actions else "",
            f"schedule removed: {', '.join(self.no_actions)}" if self.no_actions else "",
        ]
        return "; ".join(part for part in parts if part)


def changes(wanted: Wanted, standing: Standing) -> Changes:
    """What differs. What is as it should be is left alone, and so is what is not ours."""
    return Changes(
        None if standing.bounds == wanted.bounds else wanted.bounds,
        {
            name: body
            for name, body in wanted.policies.items()
            if not _includes(standing.policies.get(name, {}), body)
        },
        {
            name: body
            for name, body in wanted.actions.items()
            if not _same_action(standing.actions.get(name), body)
        },
        tuple(name for name in standing.policies if wanted.is_ours(name) and name not in wanted.policies),
        tuple(name for name in standing.actions if wanted.is_ours(name) and name not in wanted.actions),
    )


def variant(endpoint: str) -> Resource:
    """The instances of an endpoint's variant."""
    return Resource(f"endpoint/{endpoint}/variant/{VARIANT}")


def families(endpoint: str) -> tuple[str, ...]:
    """How the names of what is ours begin."""
    tracked = (f"{endpoint}-{what}" for what, _ in TRACKED.values())
    return (*tracked, f"{endpoint}-step-", f"{endpoint}-schedule-")


def wanted(config: ModelConfig, endpoint: str, raised: Raised, now: datetime) -> Wanted:
    """What a real-time endpoint of this configuration scales by, now."""
    scaling = config.scaling
    actions = {
        f"{endpoint}-schedule-{entry.name}": action(config, entry, raised, now)
        for entry in scaling.schedule
        if not cron.is_over(entry.expression, now, entry.zone, entry.ends)
    }
    steps = {f"{endpoint}-step-{policy.name}": policy for policy in scaling.steps}
    what, _ = TRACKED[scaling.metric]
    return Wanted(
        variant(endpoint),
        bounds(scaling, raised, now),
        {f"{endpoint}-{what}": tracking(config)} | {name: stepping(policy) for name, policy in steps.items()},
        families(endpoint),
        actions,
        {name: step_alarm(config.model, endpoint, name, policy) for name, policy in steps.items()},
    )


def tracking(config: ModelConfig) -> Request:
    """Target tracking: on invocations per instance and minute, or on concurrent requests per instance."""
    scaling = config.scaling
    return target_tracking(scaling, TRACKED[scaling.metric][1], scaling.target, scale_in=scaling.scale_in)


def target_tracking(scaling: Scaling, metric: str, target: float, *, scale_in: bool) -> Request:
    """The policy that holds one of AWS's predefined metrics at a target."""
    return {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": float(target),
            "PredefinedMetricSpecification": {"PredefinedMetricType": metric},
            "ScaleInCooldown": scaling.scale_in_cooldown_seconds,
            "ScaleOutCooldown": scaling.scale_out_cooldown_seconds,
            "DisableScaleIn": not scale_in,
        },
    }


def action(config: ModelConfig, entry: ScheduledBounds, raised: Raised, now: datetime) -> Request:
    """A scheduled action. What is raised beyond the time at which it runs next is in its bounds, so that it survives that.

    A start in the past is left out, for AWS may refuse it; rate(...) counts from its next time.
    """
    base = Bounds(*config.scaling.bounds_of(entry))
    then = raised_over(base, _still_raised(entry, raised, now), config.scaling.limit)
    body: dict[str, Any] = {
        "Schedule": entry.at,
        "Timezone": entry.time_zone,
        "ScalableTargetAction": {"MinCapacity": then.least, "MaxCapacity": then.most},
    }
    starts = _next_start(entry, now)
    if starts:
        body["StartTime"] = starts
    if entry.ends:
        body["EndTime"] = entry.ends.astimezone(UTC)
    return body


def _still_raised(entry: ScheduledBounds, raised: Raised, now: datetime) -> list[Raise]:
    """What stands raised when an entry is due next. What ends before that is not in it: the sweep, which takes it back,
    may come after the entry."""
    found = []
    for each in raised.standing(now).raises:
        end = each.until - timedelta.resolution
        last = cron.last_time(entry.expression, end, entry.zone, entry.begins, entry.ends)
        if last and last > now - RUNS_WITHIN:
            found.append(each)
    return found


def stepping(policy: StepPolicy) -> Request:
    """A step policy; its steps are told as distances from the alarm's threshold, as AWS wants them."""
    threshold, levels = _threshold(policy), sorted(policy.levels)
    rising = policy.above is not None
    adjustments = []
    for index, level in enumerate(levels):
        step: dict[str, Any] = {"ScalingAdjustment": policy.levels[level]}
        if rising:
            step["MetricIntervalLowerBound"] = level - threshold
            if index + 1 < len(levels):
                step["MetricIntervalUpperBound"] = levels[index + 1] - threshold
        else:
            step["MetricIntervalUpperBound"] = level - threshold
            if index:
                step["MetricIntervalLowerBound"] = levels[index - 1] - threshold
        adjustments.append(step)
    return {
        "PolicyType": "StepScaling",
        "StepScalingPolicyConfiguration": {
            "AdjustmentType": CHANGES[policy.change],
            "StepAdjustments": adjustments,
            "Cooldown": policy.cooldown_seconds,
            "MetricAggregationType": _aggregation(policy.statistic),
        },
    }


def alarm_name(policy_name: str) -> str:
    return f"{policy_name}{ALARM_SUFFIX}"


def step_alarm(model: str, endpoint: str, name: str, policy: StepPolicy) -> Request:
    """The alarm that triggers a step policy; its action is the policy's ARN, which is known once it is put."""
    rising = policy.above is not None
    statistic = "Statistic" if policy.statistic[0].isupper() else "ExtendedStatistic"
    own = {"EndpointName": endpoint, "VariantName": VARIANT}
    named = own if policy.dimensions is None else policy.dimensions
    return {
        "AlarmName": alarm_name(name),
        "AlarmDescription": f"{model}: changes the number of instances by the step policy {policy.name} of model.yaml.",
        "Namespace": policy.namespace,
        "MetricName": policy.metric,
        "Dimensions": [{"Name": key, "Value": value} for key, value in named.items()],
        statistic: policy.statistic,
        "Period": policy.period_seconds,
        "EvaluationPeriods": policy.periods,
        "Threshold": _threshold(policy),
        "ComparisonOperator": "GreaterThanOrEqualToThreshold" if rising else "LessThanOrEqualToThreshold",
        "TreatMissingData": "missing",
        "Tags": [
            {"Key": "perennial:model", "Value": model},
            {"Key": "perennial:step-policy", "Value": policy.name},
        ],
    }


def _threshold(policy: StepPolicy) -> float:
    return min(policy.levels) if policy.above is not None else max(policy.levels)


def _aggregation(statistic: str) -> str:
    return statistic if statistic in ("Minimum", "Maximum") else "Average"


def _next_start(entry: ScheduledBounds, now: datetime) -> datetime | None:
    begins, expression = entry.begins, entry.expression
    if begins is None:
        return None
    if begins > now:
        return begins.astimezone(UTC)
    if not isinstance(expression, cron.Rate):
        return None
    last = begins + (now - begins) // expression.every * expression.every
    return (last + expression.every).astimezone(UTC)


def _same_action(found: Request | None, body: Request) -> bool:
    """A start that has passed since it was put is none; of rate(...) only the beat counts."""
    if found is None:
        return False
    plain = {key: value for key, value in body.items() if key != "StartTime"}
    if not _includes(found, plain) or (found.get("EndTime") and "EndTime" not in body):
        return False
    wanted_start, found_start = body.get("StartTime"), found.get("StartTime")
    expression = cron.parse(body["Schedule"])
    if isinstance(expression, cron.Rate) and wanted_start and found_start:
        apart: timedelta = wanted_start - found_start
        return apart % expression.every == timedelta(0)
    if wanted_start is None:
        return found_start is None or not isinstance(expression, cron.Rate)
    return bool(wanted_start == found_start)


def _includes(found: Any, wish: Any) -> bool:
    """Whether all that is wished for is so; what AWS adds of its own does not matter."""
    if isinstance(wish, Mapping):
        return isinstance(found, Mapping) and all(
            _includes(found.get(key), value) for key, value in wish.items()
        )
    if isinstance(wish, list | tuple):
        return (
            isinstance(found, list | tuple) and len(found) == len(wish) and all(map(_includes, found, wish))
        )
    return bool(found == wish)
