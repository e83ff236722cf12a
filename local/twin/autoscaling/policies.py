"""Scaling policies. A target tracking policy makes its own two alarms, as AWS does."""

from collections.abc import Iterable
from uuid import uuid4

from twin import seams_cloudwatch as cloudwatch
from twin.autoscaling.decide import refusal
from twin.autoscaling.scaler import Scaler
from twin.autoscaling.state import Policy, Record, Target, not_found, selected
from twin.pages import paginate
from twin.protocol import Call, Service, validation

CONFIGURATIONS = {
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
}
_OF_ONE_METRIC = {"MetricName", "Namespace", "Statistic"}
# AWS scales out after three periods above the target, in after fifteen below nine tenths of it.
HIGH_PERIODS, LOW_PERIODS, LOW_SHARE = 3, 15, 0.9


def register(service: Service, scaler: Scaler) -> None:
    """Add the policy operations."""
    targets = scaler.targets

    def arns(request: Record, call: Call) -> Iterable[str]:
        target = targets.find(request, call)
        yield target.arn if target else call.arn("scalable-target/new", "application-autoscaling")

    @service.operation("PutScalingPolicy", arns)
    def put(request: Record, call: Call) -> Record:
        target = targets.get(request, call, "registered")
        policy = target.policies.get(request["PolicyName"])
        kind = request.get("PolicyType", policy.type if policy else "StepScaling")
        if kind not in CONFIGURATIONS:
            raise validation(f"Policy type {kind} is not supported for sagemaker")
        config = request.get(CONFIGURATIONS[kind])
        if config is None:
            raise validation(f"{CONFIGURATIONS[kind]} must be specified for policy type {kind}")
        if policy is not None and policy.type != kind:
            raise validation("The policy type of an existing scaling policy cannot be changed")
        if kind == "TargetTrackingScaling":
            _check_tracking(config, target)
        elif told := refusal(config):
            raise validation(told)
        if policy is None:
            name = request["PolicyName"]
            arn = call.arn(
                f"scalingPolicy:{uuid4()}:resource/sagemaker/{target.resource_id}:policyName/{name}",
                "autoscaling",
            )
            policy = Policy(name, arn, kind, config, call.now)
        if kind == "TargetTrackingScaling":
            policy.alarms = _put_alarms(target, policy, config)
        policy.config = config
        target.policies[policy.name] = policy
        return {"PolicyARN": policy.arn, "Alarms": policy.alarms}

    @service.operation("DescribeScalingPolicies")
    def describe(request: Record, call: Call) -> Record:
        names = request.get("PolicyNames")
        found = [
            _shown(target, policy)
            for target in selected(targets.of(call), request)
            for policy in target.policies.values()
            if names is None or policy.name in names or policy.arn in names
        ]
        return paginate(found, request, "ScalingPolicies", default=10, maximum=10)

    @service.operation("DeleteScalingPolicy", arns)
    def delete(request: Record, call: Call) -> None:
        target = targets.find(request, call)
        policy = target.policies.pop(request["PolicyName"], None) if target else None
        if policy is None:
            raise not_found("No scaling policy found for", request, f", policy name: {request['PolicyName']}")
        for alarm in policy.alarms:
            cloudwatch.delete_alarm(alarm["AlarmName"])


def _shown(target: Target, policy: Policy) -> Record:
    watching = [
        {"AlarmName": alarm["AlarmName"], "AlarmARN": alarm["AlarmArn"]}
        for alarm in cloudwatch.alarms()
        if policy.arn in alarm["AlarmActions"]
    ]
    return {
        **target.key,
        "PolicyARN": policy.arn,
        "PolicyName": policy.name,
        "PolicyType": policy.type,
        CONFIGURATIONS[policy.type]: policy.config,
        "Alarms": policy.alarms or watching,
        "CreationTime": policy.created,
    }


def _check_tracking(config: Record, target: Target) -> None:
    predefined, custom = (
        config.get("PredefinedMetricSpecification"),
        config.get("CustomizedMetricSpecification"),
    )
    if (predefined is None) == (custom is None):
        raise validation(
            "Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be specified"
        )
    if predefined is not None and predefined["PredefinedMetricType"] not in target.dimension.predefined:
        raise validation(
            f"Predefined metric type {predefined['PredefinedMetricType']} is not supported for the scalable dimension "
            f"{target.dimension.name}"
        )
    if custom is not None and "Metrics" not in custom and not _OF_ONE_METRIC <= custom.keys():
        raise validation(
            "Metrics, or MetricName, Namespace and Statistic, must be specified for a customized metric"
        )
    if config["TargetValue"] <= 0:
        raise validation("TargetValue must be greater than 0")


def _metric(target: Target, config: Record) -> tuple[Record, int]:
    """The alarm members that name the metric, and the High alarm's period."""
    custom = config.get("CustomizedMetricSpecification")
    if custom is not None and "Metrics" in custom:
        return {"Metrics": [_query(one) for one in custom["Metrics"]]}, 60
    if custom is not None:
        return {
            "Namespace": custom["Namespace"],
            "MetricName": custom["MetricName"],
            "Dimensions": custom.get("Dimensions", []),
            "Statistic": custom["Statistic"],
            **({"Unit": custom["Unit"]} if "Unit" in custom else {}),
        }, 60
    known = target.dimension.predefined[config["PredefinedMetricSpecification"]["PredefinedMetricType"]]
    named = target.dimension.metric_dimensions(target).items()
    metric = {
        "Namespace": "AWS/SageMaker",
        "MetricName": known.metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in named],
        "Statistic": known.statistic,
    }
    return metric, known.period


def _query(given: Record) -> Record:
    """A TargetTrackingMetricDataQuery as alarms have it: those have periods."""
    query = {"ReturnData": True, **given}
    if "MetricStat" in given:
        query["MetricStat"] = {**given["MetricStat"], "Period": 60}
    return query


def _put_alarms(target: Target, policy: Policy, config: Record) -> list[Record]:
    metric, period = _metric(target, config)
    goal = config["TargetValue"]
    sides = {"High": ("GreaterThanThreshold", goal, period, HIGH_PERIODS)}
    if not config.get("DisableScaleIn"):
        sides["Low"] = ("LessThanThreshold", goal * LOW_SHARE, 60, LOW_PERIODS)
    elif unused := policy.alarm("Low"):
        cloudwatch.delete_alarm(unused)
    put = []
    for side, (operator, threshold, seconds, periods) in sides.items():
        name = policy.alarm(side) or f"TargetTracking-{target.resource_id}-Alarm{side}-{uuid4()}"
        alarm = cloudwatch.put_alarm(
            {
                **metric,
                "AlarmName": name,
                "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {policy.arn}.",
                "AlarmActions": [policy.arn],
                "ComparisonOperator": operator,
                "Threshold": threshold,
                "EvaluationPeriods": periods,
                **({} if "Metrics" in metric else {"Period": seconds}),
            }
        )
        put.append({"AlarmName": name, "AlarmARN": alarm["AlarmArn"]})
    return put
