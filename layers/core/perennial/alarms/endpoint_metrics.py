"""What alarms watch of an endpoint's own metrics, as parts of PutMetricAlarm requests. Pure."""

from __future__ import annotations

from typing import Any

from perennial.endpoint_config import VARIANT
from perennial.kinds import Route

NAMESPACE = "AWS/SageMaker"
PERIOD = 60  # seconds: SageMaker sends these metrics every minute


def dimensions(endpoint: str, config_name: str | None = None) -> list[dict[str, str]]:
    """Of the endpoint's variant; with a config's name, of what that config serves alone."""
    found = [
        {"Name": "EndpointName", "Value": endpoint},
        {"Name": "VariantName", "Value": VARIANT},
    ]
    return found + ([{"Name": "EndpointConfigName", "Value": config_name}] if config_name else [])


def of_component(name: str) -> list[dict[str, str]]:
    """Of all copies of an inference component."""
    return [{"Name": "InferenceComponentName", "Value": name}]


def of(serving: Route) -> list[dict[str, str]]:
    """Of what serves a model, wherever that is."""
    if serving.kind == "components":
        return of_component(serving.endpoint)
    return [
        {"Name": "EndpointName", "Value": serving.endpoint},
        {"Name": "VariantName", "Value": VARIANT},
    ]


def log_group(serving: Route) -> str:
    where = "InferenceComponents" if serving.kind == "components" else "Endpoints"
    return f"/aws/sagemaker/{where}/{serving.endpoint}"


def in_flight_metric(serving: Route) -> str:
    return "ConcurrentRequestsPerCopy" if serving.kind == "components" else "ConcurrentRequestsPerModel"


def slowest(of: list[dict[str, str]], limit_ms: float) -> dict[str, Any]:
    """The time that one request in a hundred exceeds in the model."""
    return {
        "Namespace": NAMESPACE,
        "MetricName": "ModelLatency",
        "Dimensions": of,
        "ExtendedStatistic": "p99",
        "Threshold": limit_ms * 1000.0,  # ModelLatency is in microseconds
        "Period": PERIOD,
    }


def in_flight(serving: Route, limit: float) -> dict[str, Any]:
    """How many requests an instance has at once, being answered or waiting. SageMaker sends it every ten seconds."""
    return {
        "Namespace": NAMESPACE,
        "MetricName": in_flight_metric(serving),
        "Dimensions": of(serving),
        "Statistic": "Average",
        "Threshold": float(limit),
        "Period": PERIOD,
    }


def error_share(of: list[dict[str, str]], limit_percent: float, least: int, otherwise: str) -> dict[str, Any]:
    """The share of requests that end in an error of the model, in minutes with at least so many requests.

    `otherwise` is what a minute with fewer counts as: `, 0` for a good one, nothing for one without data.
    """

    def total(identity: str, metric: str) -> dict[str, Any]:
        measured = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": of}
        stat = {"Metric": measured, "Period": PERIOD, "Stat": "Sum"}
        return {"Id": identity, "MetricStat": stat, "ReturnData": False}

    share = {
        "Id": "share",
        "Expression": f"IF(invocations >= {least}, 100 * errors / invocations{otherwise})",
        "Label": "errors in percent of invocations",
        "ReturnData": True,
    }
    return {
        "Metrics": [share, total("errors", "Invocation5XXErrors"), total("invocations", "Invocations")],
        "Threshold": float(limit_percent),
    }
