"""The SageMaker Processing job that analyses a window too large for a Lambda: the container's `analyze`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from perennial.training import Platform

ROOT = "/opt/ml/processing"
INSTANCE = "ml.m5.large"
VOLUME_GB = 30
LONGEST = 3600  # seconds
RETRIES = 1
IN_PROGRESS = frozenset({"InProgress", "Stopping"})
MODEL, DOCUMENT = "PERENNIAL_MODEL", "PERENNIAL_WINDOW"  # environment of our jobs: whose window they analyse
PARTS = "parts/"


@dataclass(frozen=True)
class ProcessingJob:
    """A Processing job as DescribeProcessingJob tells it."""

    name: str
    status: str
    failure_reason: str = ""
    exit_message: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()


def manifest(bucket: str, keys: Sequence[str]) -> list[Any]:
    """A SageMaker ManifestFile."""
    return [{"prefix": f"s3://{bucket}/"}, *keys]


def job_request(
    name: str,
    document: str,
    model: str,
    report_uri: str,
    baseline_uri: str | None,
    labels: bool,
    instances: int,
    platform: Platform,
) -> dict[str, Any]:
    """The CreateProcessingJob request.

    `report_uri` is the window's folder: request.json, capture.manifest and labels.manifest lie there, and the
    parts go there. `document` is the state document of the window.
    """
    inputs = [
        _input("request", f"{report_uri}request.json", "S3Prefix"),
        _input("capture", f"{report_uri}capture.manifest", "ManifestFile", "ShardedByS3Key"),
    ]
    if baseline_uri:
        inputs.append(_input("baseline", baseline_uri, "S3Prefix"))
    if labels:
        inputs.append(_input("labels", f"{report_uri}labels.manifest", "ManifestFile"))
    return {
        "ProcessingJobName": name,
        "RoleArn": platform.processing_role,
        "AppSpecification": {"ImageUri": platform.image, "ContainerArguments": ["analyze"]},
        "Environment": {MODEL: model, DOCUMENT: document},
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "report",
                    "S3Output": {
                        "S3Uri": report_uri.rstrip("/"),
                        "LocalPath": f"{ROOT}/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": instances,
                "InstanceType": INSTANCE,
                "VolumeSizeInGB": VOLUME_GB,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": LONGEST},
        "NetworkConfig": {"EnableNetworkIsolation": True},
        "Tags": [{"Key": "perennial:model", "Value": model}],
    }


def _input(
    name: str,
    uri: str,
    kind: Literal["S3Prefix", "ManifestFile"],
    distribution: Literal["FullyReplicated", "ShardedByS3Key"] = "FullyReplicated",
) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{ROOT}/input/{name}",
            "S3DataType": kind,
            "S3InputMode": "File",
            "S3DataDistributionType": distribution,
        },
    }
