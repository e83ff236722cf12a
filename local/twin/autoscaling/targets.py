"""RegisterScalableTarget, DeregisterScalableTarget, and what describes targets and their activities."""

from collections.abc import Iterable
from uuid import uuid4

from twin.autoscaling.scaler import Scaler
from twin.autoscaling.state import Activity, Record, Target, selected
from twin.pages import paginate
from twin.protocol import Call, Service, validation

LINKED_ROLE = "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
SERVICE = "sagemaker.application-autoscaling.amazonaws.com"
NOTHING_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def register(service: Service, scaler: Scaler) -> None:
    """Add the target operations."""
    targets, tags = scaler.targets, scaler.world.tags
    linked: set[str] = set()  # accounts that have the service-linked role

    def arns(request: Record, call: Call) -> Iterable[str]:
        target = targets.find(request, call)
        yield target.arn if target else call.arn("scalable-target/new", "application-autoscaling")

    @service.operation("RegisterScalableTarget", arns, roles=("RoleARN",))
    async def register_target(request: Record, call: Call) -> Record:
        target = targets.find(request, call)
        dimension = targets.dimensions.of(request)
        minimum, maximum = request.get("MinCapacity"), request.get("MaxCapacity")
        if target is None:
            if minimum is None or maximum is None:
                raise validation(
                    "MinCapacity and MaxCapacity must be specified when registering a new scalable target"
                )
            dimension.check(request["ResourceId"], call)
            _link(call, linked, service)
            arn = call.arn(f"scalable-target/{uuid4().hex[:30]}", "application-autoscaling")
            suspended = dict(NOTHING_SUSPENDED)
            resource = request["ResourceId"]
            target = Target(resource, dimension, arn, call, minimum, maximum, call.now, suspended)
        low = target.minimum if minimum is None else minimum
        high = target.maximum if maximum is None else maximum
        if low > high:
            raise validation("Maximum capacity cannot be less than minimum capacity")
        if low < dimension.lowest:
            raise validation(
                f"Minimum capacity must be at least {dimension.lowest} for the scalable dimension {dimension.name}"
            )
        targets.put(target)
        tag_list = [{"Key": key, "Value": value} for key, value in request.get("Tags", {}).items()]
        tags.add(target.arn, tag_list)
        target.suspended |= request.get("SuspendedState", {})
        scaler.set_bounds(target, minimum, maximum)
        return {"ScalableTargetARN": target.arn}

    @service.operation("DeregisterScalableTarget", arns)
    def deregister(request: Record, call: Call) -> None:
        scaler.deregister(targets.get(request, call))

    @service.operation("DescribeScalableTargets")
    def describe(request: Record, call: Call) -> Record:
        found = [_shown(target) for target in selected(targets.of(call), request)]
        return paginate(found, request, "ScalableTargets", default=50, maximum=50)

    @service.operation("DescribeScalingActivities")
    def activities(request: Record, call: Call) -> Record:
        mine = [one for one in targets.past if one.call.account == call.account]
        with_all = request.get("IncludeNotScaledActivities", False)
        found = [
            {**target.key, **_activity(one)}
            for target in selected([*targets.of(call), *mine], request)
            for one in target.activities
            if with_all or one.not_scaled is None
        ]
        found.sort(key=lambda item: item["StartTime"], reverse=True)
        return paginate(found, request, "ScalingActivities", default=50, maximum=50)


def _shown(target: Target) -> Record:
    return {
        **target.key,
        "MinCapacity": target.minimum,
        "MaxCapacity": target.maximum,
        "RoleARN": f"arn:aws:iam::{target.call.account}:role/aws-service-role/{SERVICE}/{LINKED_ROLE}",
        "CreationTime": target.created,
        "SuspendedState": target.suspended,
        "ScalableTargetARN": target.arn,
    }


def _activity(activity: Activity) -> Record:
    return {
        "ActivityId": activity.id,
        "Description": activity.description,
        "Cause": activity.cause,
        "StartTime": activity.started,
        "EndTime": activity.ended,
        "StatusCode": activity.status,
        "StatusMessage": activity.message,
        "NotScaledReasons": [activity.not_scaled] if activity.not_scaled else None,
    }


def _link(call: Call, linked: set[str], service: Service) -> None:
    """The first target of an account creates the service-linked role, with the caller's rights."""
    if call.account in linked:
        return
    role = f"arn:aws:iam::{call.account}:role/aws-service-role/{SERVICE}/{LINKED_ROLE}"
    service.gate.check(call, "iam:CreateServiceLinkedRole", role, {"iam:AWSServiceName": SERVICE})
    linked.add(call.account)
