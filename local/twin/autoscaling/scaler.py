"""What changes capacities: alarms of policies, clamping to bounds, scheduled actions.

All of it ends in the same code as the API's own operations, so instances really come and go.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from twin import alarms, seams
from twin import seams_cloudwatch as cloudwatch
from twin.autoscaling.decide import Bounds, aggregated, not_scaled, step, track
from twin.autoscaling.dimensions import Dimensions
from twin.autoscaling.state import Activity, Policy, Record, Target, Targets
from twin.autoscaling.variants import InstanceCount, ProvisionedConcurrency, of_endpoint
from twin.protocol import AwsError, Call, Gate
from twin.sagemaker import hosting_state
from twin.sagemaker.component_scaling import CopyCount
from twin.sagemaker.hosting_state import Endpoint
from twin.world import World

DEFAULT_COOLDOWN = 300
UNSCALABLE = {"Code": "TargetServicePutResourceAsUnscalable"}


class Scaler:
    """Scalable targets, and the hand that scales them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hosting = hosting_state.of(world)
        self.dimensions = Dimensions()
        self.dimensions.add(InstanceCount(self.hosting))
        self.dimensions.add(ProvisionedConcurrency(self.hosting))
        self.dimensions.add(CopyCount(self.hosting))
        self.targets = Targets(self.dimensions)
        self.changed = asyncio.Event()  # a schedule was put or deleted, or the clock was moved
        self.clock_offset = timedelta()  # of scheduled actions' clock
        self._work: set[asyncio.Task[None]] = set()

    def now(self) -> datetime:
        """The wall clock of scheduled actions."""
        return datetime.now(UTC) + self.clock_offset

    def start(self) -> None:
        """React to endpoints' minutes and to alarms."""
        self.hosting.on_minute.append(self.react)
        self.hosting.on_delete.append(self.forget)
        self.hosting.is_scalable = self.is_scalable
        alarms.of(self.world).on_alarm.append(self.fired)

    # --- hosting asks ---

    def is_scalable(self, endpoint: Endpoint, variant: str) -> bool:
        resource = of_endpoint(endpoint.name) + variant
        found = self.targets.beginning(endpoint.call.account, endpoint.call.region, resource)
        return any(target.resource_id == resource for target in found)

    def forget(self, endpoint: Endpoint, gate: Gate, call: Call) -> None:
        """Deleting an endpoint deregisters its variants, if the caller may do that."""
        found = self.targets.beginning(call.account, call.region, of_endpoint(endpoint.name))
        for target in found:
            try:
                gate.check(call, "application-autoscaling:DeregisterScalableTarget", target.arn, {})
                if target.policies:
                    gate.check(call, "application-autoscaling:DeleteScalingPolicy", target.arn, {})
            except AwsError as error:
                raise AwsError(
                    "ValidationException",
                    "An Application AutoScaling scalable target exists for a variant being deleted, and the IAM "
                    "identity used to invoke DeleteEndpoint does not have "
                    "application-autoscaling:DeregisterScalableTarget permission to deregister the scalable target.",
                ) from error
        for target in found:
            self.deregister(target)

    def deregister(self, target: Target) -> None:
        """The target goes, and its policies with their alarms, and its scheduled actions."""
        with seams.scope(target.call.account, target.call.region):
            for policy in target.policies.values():
                for alarm in policy.alarms:
                    cloudwatch.delete_alarm(alarm["AlarmName"])
        self.targets.remove(target)
        self.world.tags.forget(target.arn)
        self.changed.set()

    # --- what makes it act ---

    def react(self) -> None:
        """Once a (scaled) minute: clamp what is due, then let the alarms in ALARM act again."""
        for target in self.targets:
            with seams.scope(target.call.account, target.call.region):
                self._clamp(target)
                for policy in list(target.policies.values()):
                    self._run(target, policy)

    def fired(self, alarm: Record) -> None:
        """An alarm has just gone to ALARM: run the policies it names."""
        for target in self.targets:
            for policy in list(target.policies.values()):
                if policy.arn in alarm.get("AlarmActions", []):
                    with seams.scope(target.call.account, target.call.region):
                        self._run(target, policy, alarm)

    def set_bounds(self, target: Target, minimum: int | None, maximum: int | None) -> None:
        """New limits; the present capacity is brought within them as soon as the resource allows."""
        target.minimum = target.minimum if minimum is None else minimum
        target.maximum = target.maximum if maximum is None else maximum
        current = self.capacity(target)
        if current < target.minimum:
            target.clamp = f"minimum capacity was set to {target.minimum}"
        elif current > target.maximum:
            target.clamp = f"maximum capacity was set to {target.maximum}"
        else:
            target.clamp = None
        self._clamp(target)

    def capacity(self, target: Target) -> int:
        """What was last asked for."""
        return target.dimension.capacity(target)

    # --- acting ---

    def _clamp(self, target: Target) -> None:
        if target.clamp is None or target.dimension.busy(target):
            return
        current = self.capacity(target)
        wanted = _bounds(target).clamp(current)
        cause, target.clamp = target.clamp, None
        if wanted != current:
            self._scale(target, wanted, cause, None)

    def _run(self, target: Target, policy: Policy, alarm: Record | None = None) -> None:
        if policy.type == "TargetTrackingScaling":
            self._track(target, policy)
            return
        own = [alarm] if alarm else [one for one in cloudwatch.alarms() if policy.arn in one["AlarmActions"]]
        for one in own:
            if one["StateValue"] == "ALARM":
                self._step(target, policy, one)

    def _track(self, target: Target, policy: Policy) -> None:
        bounds, current = _bounds(target), self.capacity(target)
        goal = policy.config["TargetValue"]
        if (name := policy.alarm("High")) and alarms.firing([name]):
            wanted = track(self._base(target), self._values(name), goal, bounds, out=True)
            self._act(target, max(current, wanted), name, policy, out=True)
        elif (name := policy.alarm("Low")) and alarms.firing([name]):
            wanted = track(current, self._values(name), goal, bounds, out=False)
            others = [one for one in target.policies.values() if one is not policy]
            if all(self._allows(one, current, bounds) <= wanted for one in others):
                self._act(target, wanted, name, policy, out=False)

    def _allows(self, policy: Policy, current: int, bounds: Bounds) -> int:
        """Down to what capacity another policy lets the target shrink."""
        name = policy.alarm("Low")
        if policy.type != "TargetTrackingScaling" or (name is None and policy.config.get("DisableScaleIn")):
            return 0
        if name is None or not alarms.firing([name]):
            return current
        return track(current, self._values(name), policy.config["TargetValue"], bounds, out=False)

    def _step(self, target: Target, policy: Policy, alarm: Record) -> None:
        values = self._values(alarm["AlarmName"])
        value = aggregated(values, policy.config.get("MetricAggregationType", "Average"))
        breach = 0.0 if value is None else value - alarm["Threshold"]
        bounds, current = _bounds(target), self.capacity(target)
        wanted = step(current, breach, policy.config, bounds)
        if wanted is None:
            return
        if wanted > current:
            again = step(self._base(target), breach, policy.config, bounds)
            wanted = max(current, current if again is None else again)
        # At a bound, the breach alone says which way the policy wanted to go.
        unbounded = step(current, breach, policy.config, Bounds(0, 10**9))
        self._act(target, wanted, alarm["AlarmName"], policy, out=(unbounded or 0) >= current)

    def _base(self, target: Target) -> int:
        """While a scale-out cools down, what it added counts as part of the next one's."""
        return target.out_base if time.monotonic() < target.out_until else self.capacity(target)

    def _values(self, alarm_name: str) -> tuple[float | None, ...]:
        alarm = cloudwatch.find_alarm(alarm_name)
        judged = alarms.of(self.world).latest.get(alarm["AlarmArn"]) if alarm else None
        return judged.datapoints if judged else ()

    def _act(self, target: Target, wanted: int, alarm: str, policy: Policy, *, out: bool) -> None:
        """What a policy wants: do it, or note why not."""
        if target.suspended.get(f"DynamicScaling{'Out' if out else 'In'}Suspended", False):
            return
        current, cause = self.capacity(target), _cause(alarm, policy)
        if target.dimension.busy(target):
            _note(target, cause, UNSCALABLE)
        elif wanted != current:
            if out or time.monotonic() >= target.in_until:
                self._scale(target, wanted, cause, policy)
        elif time.monotonic() >= (target.out_until if out else target.in_until):
            _note(target, cause, not_scaled(current, _bounds(target), out=out))

    def _scale(self, target: Target, wanted: int, cause: str, policy: Policy | None) -> None:
        noun, before = target.dimension.noun, self.capacity(target)
        activity = Activity(f"Setting {noun} to {wanted}.", cause, datetime.now(UTC))
        target.activities.insert(0, activity)
        try:
            work = target.dimension.set(target, wanted)
        except AwsError as error:
            _end(activity, "Failed", f"Failed to set {noun} to {wanted}. Reason: {error.message}")
            return
        activity.message = (
            f"Successfully set {noun} to {wanted}. Waiting for change to be fulfilled by sagemaker."
        )
        task = asyncio.create_task(self._follow(target, work, before, wanted, activity, policy))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _follow(
        self,
        target: Target,
        work: "asyncio.Task[None] | None",
        before: int,
        wanted: int,
        activity: Activity,
        policy: Policy | None,
    ) -> None:
        if work is not None:
            await asyncio.wait({work})
        noun, reason = target.dimension.noun, target.dimension.failure(target, wanted)
        if reason is None:
            told = f"Successfully set {noun} to {wanted}. Change successfully fulfilled by sagemaker."
            _end(activity, "Successful", told)
        else:
            _end(activity, "Failed", f"Failed to set {noun} to {wanted}. Reason: {reason}")
        if policy is not None:
            self._cool_down(target, policy, before, out=wanted > before)

    def _cool_down(self, target: Target, policy: Policy, before: int, *, out: bool) -> None:
        now = time.monotonic()
        until = now + self.world.scaled(_cooldown(policy, "Out" if out else "In"))
        target.in_until = until  # what was just added is not taken at once, and its own cooldown counts now
        if out:
            if now >= target.out_until:
                target.out_base = before
            target.out_until = until


def _bounds(target: Target) -> Bounds:
    return Bounds(target.minimum, target.maximum)


def _cooldown(policy: Policy, side: str) -> float:
    name = f"Scale{side}Cooldown" if policy.type == "TargetTrackingScaling" else "Cooldown"
    return float(policy.config.get(name, DEFAULT_COOLDOWN))


def _cause(alarm: str, policy: Policy) -> str:
    return f"monitor alarm {alarm} in state ALARM triggered policy {policy.name}"


def _note(target: Target, cause: str, reason: Record) -> None:
    """A not scaled activity; the same reason is not told twice in a row."""
    latest = target.activities[0] if target.activities else None
    if latest and latest.not_scaled and latest.not_scaled["Code"] == reason["Code"]:
        return
    told = "Attempting to scale due to alarm triggered"
    target.activities.insert(0, Activity(told, cause, datetime.now(UTC), status="Failed", not_scaled=reason))


def _end(activity: Activity, status: str, message: str) -> None:
    activity.status, activity.message, activity.ended = status, message, datetime.now(UTC)


def of(world: World) -> Scaler:
    """The world's scaler; the same one for every service."""
    scaler: Scaler = vars(world).setdefault("scaler", Scaler(world))
    return scaler
