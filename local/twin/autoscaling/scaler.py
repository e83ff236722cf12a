"""What changes instance counts: alarms of policies, clamping to bounds, scheduled actions.

All of it ends in UpdateEndpointWeightsAndCapacities' own code, so instances really come and go.
"""

import asyncio
import time
from datetime import UTC, datetime

from twin import alarms, seams
from twin import seams_cloudwatch as cloudwatch
from twin.autoscaling.decide import Bounds, step, track
from twin.autoscaling.state import Activity, Policy, Record, Target, Targets
from twin.protocol import AwsError, Call, Gate
from twin.sagemaker import hosting_state
from twin.sagemaker.hosting_endpoints import set_capacities
from twin.sagemaker.hosting_state import IN_PROGRESS, Endpoint
from twin.world import World

DEFAULT_COOLDOWN = 300


class Scaler:
    """Scalable targets, and the hand that scales them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hosting = hosting_state.of(world)
        self.targets = Targets()
        self.changed = asyncio.Event()  # a schedule was put or deleted
        self._work: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """React to endpoints' minutes and to alarms."""
        self.hosting.on_minute.append(self.react)
        self.hosting.on_delete.append(self.forget)
        self.hosting.is_scalable = self.is_scalable
        alarms.of(self.world).on_alarm.append(self.fired)

    # --- hosting asks ---

    def is_scalable(self, endpoint: Endpoint, variant: str) -> bool:
        found = self.targets.of_endpoint(endpoint.call.account, endpoint.call.region, endpoint.name)
        return any(target.variant == variant for target in found)

    def forget(self, endpoint: Endpoint, gate: Gate, call: Call) -> None:
        """Deleting an endpoint deregisters its variants, if the caller may do that."""
        for target in self.targets.of_endpoint(call.account, call.region, endpoint.name):
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
        for target in self.targets.of_endpoint(call.account, call.region, endpoint.name):
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
        """New limits; the present count is brought within them as soon as the endpoint allows."""
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
        """Instances asked for now."""
        endpoint = self.hosting.endpoints.get(target.call, target.endpoint)
        return endpoint.desired[target.variant].count if target.variant in endpoint.desired else 0

    # --- acting ---

    def _clamp(self, target: Target) -> None:
        if target.clamp is None or self._busy(target):
            return
        current = self.capacity(target)
        wanted = Bounds(target.minimum, target.maximum).clamp(current)
        cause, target.clamp = target.clamp, None
        if wanted != current:
            self._scale(target, wanted, cause, None)

    def _run(self, target: Target, policy: Policy, alarm: Record | None = None) -> None:
        if self._busy(target):
            return
        if policy.type == "TargetTrackingScaling":
            self._track(target, policy)
            return
        own = [alarm] if alarm else [one for one in cloudwatch.alarms() if policy.arn in one["AlarmActions"]]
        for one in own:
            if one["StateValue"] == "ALARM":
                self._step(target, policy, one)

    def _track(self, target: Target, policy: Policy) -> None:
        bounds, current = Bounds(target.minimum, target.maximum), self.capacity(target)
        goal = policy.config["TargetValue"]
        if (name := policy.alarm("High")) and alarms.firing([name]):
            wanted = track(current, self._values(name), goal, bounds, out=True)
            if wanted > current:
                self._scale(target, wanted, _cause(name, policy), policy)
        elif (name := policy.alarm("Low")) and alarms.firing([name]):
            wanted = track(current, self._values(name), goal, bounds, out=False)
            others = [one for one in target.policies.values() if one is not policy]
            if wanted < current and all(self._allows(one, current, bounds) <= wanted for one in others):
                self._scale(target, wanted, _cause(name, policy), policy)

    def _allows(self, policy: Policy, current: int, bounds: Bounds) -> int:
        """Down to how many instances another policy lets the target shrink."""
        name = policy.alarm("Low")
        if policy.type != "TargetTrackingScaling" or (name is None and policy.config.get("DisableScaleIn")):
            return 0
        if name is None or not alarms.firing([name]):
            return current
        return track(current, self._values(name), policy.config["TargetValue"], bounds, out=False)

    def _step(self, target: Target, policy: Policy, alarm: Record) -> None:
        judged = alarms.of(self.world).latest.get(alarm["AlarmArn"])
        value = judged.latest if judged and judged.latest is not None else alarm["Threshold"]
        current = self.capacity(target)
        wanted = step(
            current, value - alarm["Threshold"], policy.config, Bounds(target.minimum, target.maximum)
        )
        if wanted != current:
            self._scale(target, wanted, _cause(alarm["AlarmName"], policy), policy)

    def _values(self, alarm_name: str) -> tuple[float | None, ...]:
        alarm = cloudwatch.find_alarm(alarm_name)
        judged = alarms.of(self.world).latest.get(alarm["AlarmArn"]) if alarm else None
        return judged.datapoints if judged else ()

    def _busy(self, target: Target) -> bool:
        endpoint = self.hosting.endpoints.find(target.call, target.endpoint)
        return endpoint is None or endpoint.status in IN_PROGRESS or endpoint.status == "Failed"

    def _scale(self, target: Target, wanted: int, cause: str, policy: Policy | None) -> None:
        out = wanted > self.capacity(target)
        if policy is not None:
            suspended = target.suspended.get(f"DynamicScaling{'Out' if out else 'In'}Suspended", False)
            if suspended or time.monotonic() < (target.out_until if out else target.in_until):
                return
        activity = Activity(f"Setting desired instance count to {wanted}.", cause, datetime.now(UTC))
        target.activities.insert(0, activity)
        change = {"VariantName": target.variant, "DesiredInstanceCount": wanted}
        try:
            endpoint = set_capacities(self.hosting, target.endpoint, [change], target.call)
        except AwsError as error:
            _end(
                activity,
                "Failed",
                f"Failed to set desired instance count to {wanted}. Reason: {error.message}",
            )
            return
        task = asyncio.create_task(self._follow(target, endpoint, wanted, activity, policy, out))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    async def _follow(
        self,
        target: Target,
        endpoint: Endpoint,
        wanted: int,
        activity: Activity,
        policy: Policy | None,
        out: bool,
    ) -> None:
        if endpoint.work is not None:
            await asyncio.wait({endpoint.work})
        if endpoint.desired[target.variant].count == wanted:
            told = f"Successfully set desired instance count to {wanted}. Change successfully fulfilled by sagemaker."
            _end(activity, "Successful", told)
        else:
            reason = endpoint.failure or "the new instances did not become healthy"
            _end(activity, "Failed", f"Failed to set desired instance count to {wanted}. Reason: {reason}")
        if policy is not None:
            until = time.monotonic() + self.world.scaled(_cooldown(policy, "Out" if out else "In"))
            # Need grows at once: scaling in never holds up scaling out.
            target.in_until = until
            target.out_until = until if out else target.out_until


def _cooldown(policy: Policy, side: str) -> float:
    name = f"Scale{side}Cooldown" if policy.type == "TargetTrackingScaling" else "Cooldown"
    return float(policy.config.get(name, DEFAULT_COOLDOWN))


def _cause(alarm: str, policy: Policy) -> str:
    return f"monitor alarm {alarm} in state ALARM triggered policy {policy.name}"


def _end(activity: Activity, status: str, message: str) -> None:
    activity.status, activity.message, activity.ended = status, message, datetime.now(UTC)
