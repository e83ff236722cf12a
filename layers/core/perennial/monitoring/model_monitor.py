"""The requests of SageMaker Model Monitor: job definitions and schedules on AWS's own images. Pure.

Job definitions cannot be changed: another content has another name, and the schedule moves on to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from perennial import layout
from perennial.config import ModelConfig
from perennial.monitoring.analysis import Request
from perennial.monitoring.engines import DAY, HOUR, cron
from perennial.monitoring.monitors import MonitorName, label_delay, monitors_of
from perennial.names import digest
from perennial.training import Platform

Kind = Literal["DataQuality", "ModelQuality", "ModelBias"]
KINDS: Mapping[MonitorName, Kind] = {
    "data_quality": "DataQuality",
    "model_quality": "ModelQuality",
    "bias": "ModelBias",
}
PROBLEMS = {
    "binary_classification": "BinaryClassification",
    "multiclass_classification": "MulticlassClassification",
    "regression": "Regression",
}
ROOT = "/opt/ml/processing"
INSTANCE, VOLUME_GB = "ml.m5.xlarge", 20
METHODS = {"auto": "Robust", "robust": "Robust", "simple": "Simple"}
THRESHOLD = 0.1  # Model Monitor's own


@dataclass(frozen=True)
class Definition:
    """A schedule and its job definition. `documents` are the files that it refers to, by key."""

    kind: Kind
    job: Mapping[str, Any]
    schedule: Mapping[str, Any]
    documents: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.schedule["MonitoringScheduleName"])


@dataclass(frozen=True)
class Execution:
    """One run of a schedule. `job` is its Processing job, None while there is none."""

    scheduled_at: datetime
    status: str
    job: str | None = None
    failure_reason: str = ""

    @property
    def ended(self) -> bool:
        return self.status in ("Completed", "CompletedWithViolations", "Failed", "Stopped")


def definition(
    config: ModelConfig,
    request: Request,
    files: Mapping[str, str],
    constraints: bytes | None,
    image: str,
    platform: Platform,
) -> Definition:
    """`request` names columns and schedule, `files` the baseline's S3 URIs; `constraints` is constraints.json."""
    kind, every = KINDS[request.monitor], monitors_of(config)[request.monitor].period
    folder = f"{layout.reports_prefix(config.model, request.monitor)}model-monitor/"
    documents: dict[str, bytes] = {}
    body = _job(config, request, kind, image, platform)
    if kind == "DataQuality" and constraints is not None:
        documents["constraints.json"] = portable(constraints, str(request.settings["drift"]))
    if kind == "ModelBias":
        documents["analysis_config.json"] = bias_config(config, request)
    written = {name: found.hex() for name, found in documents.items()}
    version = digest([body, written, dict(files), cron(every)])
    named = {f"{folder}{version}/{name}": found for name, found in documents.items()}
    uris = {key.rpartition("/")[2]: f"s3://{platform.bucket}/{key}" for key in named}
    _refer(body, kind, files, uris)
    name = f"{request.schedule}-{version}"
    schedule = {
        "MonitoringScheduleName": request.schedule,
        "MonitoringScheduleConfig": {
            "ScheduleConfig": {"ScheduleExpression": cron(every)},
            "MonitoringJobDefinitionName": name,
            "MonitoringType": kind,
        },
    }
    return Definition(kind, {"JobDefinitionName": name, **body}, schedule, named)


def _job(
    config: ModelConfig,
    request: Request,
    kind: Kind,
    image: str,
    platform: Platform,
) -> dict[str, Any]:
    every = monitors_of(config)[request.monitor].period
    late = label_delay(config, request.monitor)
    endpoint: dict[str, Any] = {
        "EndpointName": request.endpoint,
        "LocalPath": f"{ROOT}/input/endpoint",
        "S3InputMode": "File",
        "S3DataDistributionType": "FullyReplicated",
    }
    given: dict[str, Any] = {"EndpointInput": endpoint}
    application: dict[str, Any] = {"ImageUri": image}
    if kind != "ModelBias":
        application["Environment"] = {"publish_cloudwatch_metrics": "Enabled"}
    if kind != "DataQuality":
        # The container answers CSV as `predicted_label,score`, regression as `score`.
        endpoint["InferenceAttribute"] = "0"
        if request.problem == "binary_classification" and kind == "ModelQuality":
            endpoint["ProbabilityAttribute"] = "1"
        endpoint["StartTimeOffset"] = f"-{_iso_duration(every + late)}"
        endpoint["EndTimeOffset"] = f"-{_iso_duration(late)}" if late else "-PT0H"
        truth = f"s3://{platform.bucket}/{layout.ground_truth_prefix(config.model).rstrip('/')}"
        given["GroundTruthS3Input"] = {"S3Uri": truth}
    if kind == "ModelQuality":
        application["ProblemType"] = PROBLEMS[request.problem]
    # Model quality and bias share an hour with the job that merges the labels.
    limit = 1800 if every == HOUR and kind != "DataQuality" else 3600
    output = {
        "S3Uri": f"s3://{platform.bucket}/{layout.reports_prefix(config.model, request.monitor)}model-monitor",
        "LocalPath": f"{ROOT}/output",
        "S3UploadMode": "EndOfJob",
    }
    return {
        f"{kind}AppSpecification": application,
        f"{kind}JobInput": given,
        f"{kind}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
        "JobResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": INSTANCE, "VolumeSizeInGB": VOLUME_GB}
        },
        "RoleArn": platform.processing_role,
        "StoppingCondition": {"MaxRuntimeInSeconds": limit},
        "Tags": [{"Key": "perennial:model", "Value": config.model}],
    }


def _refer(body: dict[str, Any], kind: Kind, files: Mapping[str, str], uris: Mapping[str, str]) -> None:
    """Name the baseline's files, and those that we wrote for AWS's images."""
    if kind == "ModelBias":
        body["ModelBiasAppSpecification"]["ConfigUri"] = uris["analysis_config.json"]
    sources = {
        "DataQuality": {
            "ConstraintsResource": uris.get("constraints.json"),
            "StatisticsResource": files.get("statistics.json"),
        },
        "ModelQuality": {"ConstraintsResource": files.get("model_quality_constraints.json")},
        "ModelBias": {"ConstraintsResource": files.get("bias_analysis.json")},
    }[kind]
    baseline = {name: {"S3Uri": uri} for name, uri in sources.items() if uri}
    if baseline:
        body[f"{kind}BaselineConfig"] = baseline


def portable(constraints: bytes, drift: str) -> bytes:
    """constraints.json with a drift method that AWS's image knows in place of our calibrated one.

    `drift` is auto, robust, simple, or the threshold of the robust distance.
    """
    document = json.loads(constraints)
    monitoring = document.setdefault("monitoring_config", {})
    monitoring["emit_metrics"] = "Enabled"
    monitoring["distribution_constraints"] = {
        "perform_comparison": "Enabled",
        "comparison_threshold": THRESHOLD if drift in METHODS else float(drift),
        "comparison_method": METHODS.get(drift, "Robust"),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def bias_config(config: ModelConfig, request: Request) -> bytes:
    """analysis_config.json of Clarify."""
    bias = config.monitors.bias
    facet: dict[str, Any] = {"name_or_index": bias.facet} if bias else {}
    if bias and bias.facet_threshold:
        facet["value_or_threshold"] = list(bias.facet_threshold)
    document = {
        "version": "1.0",
        "dataset_type": "text/csv",
        "headers": [*request.features, config.target],
        "label": config.target,
        "label_values_or_threshold": [request.classes[-1]] if request.classes else [],
        "facet": [facet] if bias else [],
        "methods": {"post_training_bias": {"methods": list(bias.metrics) if bias else "all"}},
    }
    return json.dumps(document, sort_keys=True).encode()


def _iso_duration(span: timedelta) -> str:
    days, rest = divmod(span, DAY)
    hours = -(-rest // HOUR)
    return "P" + (f"{days}D" if days else "") + (f"T{hours}H" if hours else "")
