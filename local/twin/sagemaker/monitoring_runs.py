"""One run of a data quality schedule: a processing job by Model Monitor's contract for containers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from twin import seams_cloudwatch as cloudwatch
from twin.sagemaker.hosts import Run
from twin.sagemaker.processing_run import ProcessingJob

Record = dict[str, Any]

NAMESPACE = "aws/sagemaker/Endpoints/data-metrics"
ROOT = "/opt/ml/processing"
METRICS = "output/metrics/cloudwatch/cloudwatch_metrics.jsonl"
FORMAT = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}


@dataclass
class Execution:
    """A run: when it was due, and the job that does it."""

    schedule: str
    definition: str
    endpoint: str
    due: datetime
    job: ProcessingJob

    def summary(self) -> Record:
        """ListMonitoringExecutions' item."""
        return {
            "MonitoringScheduleName": self.schedule,
            "ScheduledTime": self.due,
            "CreationTime": self.job.call.now,
            "LastModifiedTime": self.job.facts["LastModifiedTime"],
            "MonitoringExecutionStatus": self._status(),
            "ProcessingJobArn": self.job.arn,
            "EndpointName": self.endpoint,
            "FailureReason": self.job.facts.get("FailureReason"),
            "MonitoringJobDefinitionName": self.definition,
            "MonitoringType": "DataQuality",
        }

    def _status(self) -> str:
        found = str(self.job.facts.get("ExitMessage", "")).startswith("CompletedWithViolations")
        return "CompletedWithViolations" if self.job.status == "Completed" and found else self.job.status


def request(
    name: str, schedule: str, definition: Record, capture: str, start: datetime, end: datetime
) -> Record:
    """The processing job that Model Monitor would start over what was captured below `capture` (an S3 URI). Pure."""
    endpoint = definition["DataQualityJobInput"]["EndpointInput"]
    application = definition["DataQualityAppSpecification"]
    (output,) = definition["DataQualityJobOutputConfig"]["MonitoringOutputs"]
    baseline = definition.get("DataQualityBaselineConfig", {})
    files = {
        kind: baseline[f"{kind.title()}Resource"]["S3Uri"]
        for kind in ("constraints", "statistics")
        if baseline.get(f"{kind.title()}Resource", {}).get("S3Uri")
    }
    folder = f"{endpoint['EndpointName']}/{schedule}/{end:%Y/%m/%d/%H}"
    target = {**output["S3Output"], "S3UploadMode": "EndOfJob"}
    target["S3Uri"] = f"{target['S3Uri'].rstrip('/')}/{folder}"
    environment = {
        "dataset_format": json.dumps(FORMAT),
        "dataset_source": endpoint["LocalPath"],
        "output_path": target["LocalPath"],
        "publish_cloudwatch_metrics": "Disabled",
        "start_time": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "end_time": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "sagemaker_endpoint_name": endpoint["EndpointName"],
        "sagemaker_monitoring_schedule_name": schedule,
        "sagemaker_endpoint_datacapture_prefix": capture,
        **{
            f"baseline_{kind}": f"{ROOT}/baseline/{kind}/{uri.rpartition('/')[2]}"
            for kind, uri in files.items()
        },
        **application.get("Environment", {}),
    }
    inputs = [
        _input(
            "endpoint_input_1",
            f"{capture}/{endpoint['EndpointName']}/",
            f"{endpoint['LocalPath']}/{endpoint['EndpointName']}",
        ),
        *(_input(kind, uri, f"{ROOT}/baseline/{kind}") for kind, uri in files.items()),
    ]
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "result", "S3Output": target}]},
        "ProcessingResources": definition["JobResources"],
        "StoppingCondition": definition.get("StoppingCondition", {"MaxRuntimeInSeconds": 3600}),
        "AppSpecification": {
            "ImageUri": application["ImageUri"],
            # AWS's images need no argument; ours stands in for them and does.
            "ContainerArguments": application.get("ContainerArguments", ["analyze"]),
        },
        "Environment": environment,
        "RoleArn": definition["RoleArn"],
    }


def _input(name: str, uri: str, path: str) -> Record:
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": {**source, "S3DataDistributionType": "FullyReplicated"}}


def publish(run: Run) -> None:
    """Put the metrics that a container left behind, as Model Monitor does after each run."""
    path = run.hosts[0].base / METRICS
    lines = path.read_text().splitlines() if path.is_file() else []
    data = [json.loads(line) for line in lines if line.strip()]
    cloudwatch.put_data(
        NAMESPACE, [{**one, "Timestamp": datetime.fromisoformat(one["Timestamp"])} for one in data]
    )


def capture_of(config: Mapping[str, Any] | None) -> str | None:
    """Where an endpoint's capture goes; None without capture."""
    if config is None or not config.get("EnableCapture", True):
        return None
    return str(config["DestinationS3Uri"]).rstrip("/")
