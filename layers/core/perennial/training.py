"""When a pinned dataset is trained on, what the job looks like, and when a failed one is tried again. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from perennial import layout
from perennial.config import ModelConfig
from perennial.metrics import METRICS
from perennial.names import Names

IN_FLIGHT = frozenset({"InProgress", "Stopping"})
# SageMaker's RetryStrategy covers its own internal errors only: lack of capacity and lost spot instances are ours.
RETRYABLE = (
    "CapacityError",
    "InternalServerError",
    "Interrupted",
    "MaxWaitTimeExceeded",
    "ResourceLimitExceeded",
)


@dataclass(frozen=True)
class Dataset:
    """A pinned dataset version, as far as training needs to know it.

    `dropped_at` is when the drop's last object came, in S3's whole seconds: drops are read side by side, so
    the one pinned last need not be the newest.
    """

    version: str
    drop: str
    format: str
    dropped_at: datetime
    pinned_at: datetime


@dataclass(frozen=True)
class TrainingJob:
    """A training job of ours. `artefact` is the model's S3 URI once there is one."""

    name: str
    arn: str
    status: str
    created_at: datetime
    secondary_status: str = ""
    failure_reason: str = ""
    artefact: str | None = None
    image: str = ""
    hyperparameters: Mapping[str, str] | None = None
    tags: Mapping[str, str] | None = None
    billable_seconds: int | None = None
    training_seconds: int | None = None


@dataclass(frozen=True)
class Champion:
    """The version in service, whose artefact a candidate is compared with."""

    version: int
    artefact: str


@dataclass(frozen=True)
class TrainingPlan:
    """`start` names the job to create; None leaves everything as it is. `settled`: nothing to do now or later."""

    start: str | None
    dataset: Dataset | None
    reason: str
    settled: bool = False


def plan(
    datasets: Sequence[Dataset],
    jobs: Sequence[TrainingJob],
    config: ModelConfig,
    names: Names,
    now: datetime,
) -> TrainingPlan:
    """Decide whether the newest dataset is to be trained on now. One training per model at a time; the newest wins."""
    if not datasets:
        return TrainingPlan(
            None,
            None,
            "no dataset is pinned by the present rules yet: drop data, also the same again",
            settled=True,
        )
    newest = max(datasets, key=lambda dataset: (dataset.dropped_at, dataset.pinned_at))
    base = names.training_job(config.model, newest.version, config.training_hash)
    own = [job for job in jobs if _same_training(job.name, base)]
    if own:
        last = max(own, key=lambda job: _attempt(job.name))
        return TrainingPlan(
            None,
            newest,
            f"dataset {newest.version} was trained on already: job {last.name} is {last.status}",
            settled=True,
        )
    busy = next((job for job in jobs if job.status in IN_FLIGHT), None)
    if busy:
        return TrainingPlan(
            None, newest, f"training job {busy.name} is in flight; dataset {newest.version} is next"
        )
    started = [job.created_at for job in jobs]
    ready = max(started) + timedelta(minutes=config.training.cooldown_minutes) if started else now
    if ready > now:
        return TrainingPlan(None, newest, f"the cooldown ends at {ready:%Y-%m-%d %H:%M} UTC")
    return TrainingPlan(base, newest, f"dataset {newest.version} is new")


def _same_training(name: str, base: str) -> bool:
    return name == base or name.startswith(base + "-r")


def _attempt(name: str) -> int:
    _, found, attempt = name.rpartition("-r")
    return int(attempt) if found and attempt.isdigit() else 0


@dataclass(frozen=True)
class RetryDecision:
    """`attempt` is the next one to start; None gives up."""

    attempt: int | None
    reason: str


def after_failure(job: TrainingJob, attempt: int, max_retries: int) -> RetryDecision:
    """A failure that lies with AWS's capacity is tried again; one that lies with data or code is not."""
    told = f"{job.failure_reason} {job.secondary_status}"
    cause = next((kind for kind in RETRYABLE if kind.lower() in told.lower().replace(" ", "")), None)
    if cause is None:
        return RetryDecision(
            None, "the failure lies with the data or the code, so another attempt would not help"
        )
    if attempt >= max_retries:
        return RetryDecision(None, f"{cause}; the retries are used up ({attempt} of {max_retries})")
    return RetryDecision(attempt + 1, f"{cause}: retry {attempt + 1} of {max_retries}")


@dataclass(frozen=True)
class Platform:
    """What every job of this stack shares."""

    bucket: str
    image: str
    role_arn: str
    code_version: str
    processing_role: str = ""


def job_request(
    name: str,
    dataset: Dataset,
    config: ModelConfig,
    champion: Champion | None,
    platform: Platform,
    names: Names,
) -> dict[str, Any]:
    """The CreateTrainingJob request. Everything that the run depends on is pinned in it."""
    training = config.training
    root = f"s3://{platform.bucket}/"
    prefix = root + layout.dataset_prefix(config.model, dataset.version)
    data_type = "text/csv" if dataset.format == "csv" else "application/x-parquet"
    channels = [
        _channel("training", "ManifestFile", prefix + "manifest.json", data_type),
        _channel("schema", "S3Prefix", prefix + "schema.json", "application/json"),
        _channel("dataset", "S3Prefix", prefix + "dataset.json", "application/json"),
    ]
    if champion:
        channels.append(_channel("champion", "S3Prefix", champion.artefact, "application/x-tar"))
    seconds = training.max_minutes * 60
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "RoleArn": platform.role_arn,
        "AlgorithmSpecification": {
            "TrainingImage": platform.image,
            "TrainingInputMode": "File",
            "MetricDefinitions": metric_definitions(config),
        },
        "HyperParameters": hyperparameters(config, champion),
        "InputDataConfig": channels,
        "OutputDataConfig": {"S3OutputPath": root + layout.trainings_prefix(config.model).rstrip("/")},
        "ResourceConfig": {
            "InstanceType": training.instance,
            "InstanceCount": 1,
            "VolumeSizeInGB": training.volume_gb,
        },
        # Waiting for a spot instance counts, too: allow as much time again.
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds}
        | ({"MaxWaitTimeInSeconds": 2 * seconds} if training.spot else {}),
        "EnableManagedSpotTraining": training.spot,
        "EnableNetworkIsolation": True,
        "CheckpointConfig": {
            "S3Uri": root + layout.checkpoints_prefix(config.model, _base(name)),
            "LocalPath": "/opt/ml/checkpoints",
        },
        "ExperimentConfig": {
            "ExperimentName": names.experiment(config.model),
            "TrialName": names.trial(config.model, dataset.version),
            "TrialComponentDisplayName": name,
        },
        "RetryStrategy": {"MaximumRetryAttempts": 2},
        "Tags": [
            {"Key": f"perennial:{key}", "Value": _tag_value(value)}
            for key, value in {
                "model": config.model,
                "dataset-version": dataset.version,
                "drop": dataset.drop,
                "code-version": platform.code_version,
                "champion": str(champion.version) if champion else "none",
            }.items()
        ],
    }
    if training.mlflow_tracking_server:
        request["MlflowConfig"] = {
            "MlflowResourceArn": training.mlflow_tracking_server,
            "MlflowExperimentName": names.experiment(config.model),
            "MlflowRunName": name,
        }
    return request


def _tag_value(value: str) -> str:
    """A tag takes letters, digits, spaces and a few signs; a drop's folder may be called anything."""
    return re.sub(r"[^\w .:/=+\-@]", "_", value)[:256]


def _base(name: str) -> str:
    """Attempts share their checkpoints: a retry goes on where the interrupted one stopped."""
    head, found, attempt = name.rpartition("-r")
    return head if found and attempt.isdigit() else name


def _channel(
    name: str, kind: Literal["ManifestFile", "S3Prefix"], uri: str, content_type: str
) -> dict[str, Any]:
    source = {"S3DataType": kind, "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "ContentType": content_type, "DataSource": {"S3DataSource": source}}


def hyperparameters(config: ModelConfig, champion: Champion | None) -> dict[str, str]:
    """All hyperparameters, as SageMaker wants them: strings. Ours decide the split and the judgement."""
    bias = config.monitors.bias
    own = {
        "holdout": str(config.training.holdout),
        "seed": str(config.training.seed),
        "estimator": config.training.estimator,
    }
    if bias:
        own |= {"facet": bias.facet, "privileged": bias.privileged}
    if bias and bias.facet_threshold:
        own["facet_threshold"] = json.dumps(bias.facet_threshold)
    if champion:
        own["champion_version"] = str(champion.version)
    given = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in config.training.hyperparameters.items()
    }
    return given | own


def metric_definitions(config: ModelConfig) -> list[dict[str, str]]:
    """How SageMaker reads the metrics from the container's log lines."""
    return [
        {"Name": f"{who}:{metric}", "Regex": rf"metric {who}:{metric}=(\S+)"}
        for who in ("holdout", "champion")
        for metric in METRICS[config.problem]
    ]
