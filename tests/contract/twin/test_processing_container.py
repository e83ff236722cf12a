"""The container itself on the twin: its `analyze`, by both of its contracts, as Processing jobs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from running_twin import ROOT, Twin, allow, eventually, interpreter, unique

from perennial_analysis.statistics_file import read_statistics
from perennial_analysis.window.engine import finish
from perennial_analysis.window.part import Part
from perennial_analysis.window.request import Request

PROCESSING = "/opt/ml/processing"
HOUR = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def real(start_twin: Callable[..., Twin]) -> Twin:
    return start_twin(
        container=f"{ROOT / 'container'}:{ROOT / 'layers/analysis'}",
        container_python=interpreter("container"),
    )


def source(name: str, uri: str, distribution: str = "FullyReplicated") -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{PROCESSING}/input/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": distribution,
        },
    }


def analyzed(
    twin: Twin, bucket: str, inputs: list[dict[str, Any]], *, hosts: int = 1, **environment: str
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Run `analyze` to its end; how the job is described, and what it wrote to S3."""
    name, sagemaker = unique("analysis"), twin.client("sagemaker")
    own = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    target = {
        "S3Uri": f"s3://{bucket}/reports/{name}",
        "LocalPath": f"{PROCESSING}/output",
        "S3UploadMode": "EndOfJob",
    }
    sagemaker.create_processing_job(
        ProcessingJobName=name,
        RoleArn=twin.role(unique("analysis"), allow("s3:*", own)),
        AppSpecification={"ImageUri": "perennial:1", "ContainerArguments": ["analyze"]},
        Environment=environment,
        ProcessingInputs=inputs,
        ProcessingOutputConfig={"Outputs": [{"OutputName": "report", "S3Output": target}]},
        ProcessingResources={
            "ClusterConfig": {"InstanceCount": hosts, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
    )

    def ended() -> dict[str, Any] | None:
        described: dict[str, Any] = sagemaker.describe_processing_job(ProcessingJobName=name)
        return described if described["ProcessingJobStatus"] != "InProgress" else None

    described = eventually(ended, 120)
    s3, prefix = twin.client("s3"), f"reports/{name}/"
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return described, {
        item["Key"].removeprefix(prefix): s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        for item in found
    }


def test_a_baseline_by_model_monitors_contract(real: Twin) -> None:
    """What Model Monitor puts into a job's environment makes a baseline of a dataset in S3."""
    bucket = unique("data")
    real.client("s3").create_bucket(Bucket=bucket)
    rows = "".join(f"{n / 10},{'ab'[n % 2]}\n" for n in range(300))
    real.client("s3").put_object(Bucket=bucket, Key="data/d.csv", Body=b"ratio,grade\n" + rows.encode())
    job, files = analyzed(
        real,
        bucket,
        [source("baseline_dataset_input", f"s3://{bucket}/data/")],
        dataset_format='{"csv": {"header": true, "output_columns_position": "START"}}',
        dataset_source=f"{PROCESSING}/input/baseline_dataset_input",
        output_path=f"{PROCESSING}/output",
        publish_cloudwatch_metrics="Disabled",
    )
    assert job["ProcessingJobStatus"] == "Completed", job
    assert job["ExitMessage"].startswith("Completed: Job completed successfully with no violations.")
    assert set(files) == {"statistics.json", "constraints.json"}
    assert list(read_statistics(files["statistics.json"]).features) == ["ratio", "grade"]


def captured(number: int) -> str:
    def side(mode: str, data: str) -> dict[str, str]:
        return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}

    return json.dumps(
        {
            "captureData": {
                "endpointInput": side("INPUT", f"{number / 10},{'ab'[number % 2]}"),
                "endpointOutput": side("OUTPUT", "yes,0.7"),
            },
            "eventMetadata": {"eventId": str(number), "inferenceTime": "2026-11-23T04:30:00Z"},
            "eventVersion": "0",
        }
    )


def test_a_window_over_two_hosts(real: Twin) -> None:
    """Hosts that share the capture by key each leave a part in S3; together the parts are the window."""
    bucket, s3 = unique("data"), real.client("s3")
    s3.create_bucket(Bucket=bucket)
    request = Request(
        "loans", "data_quality", "perennial-loans", "perennial-loans-data-quality", HOUR, HOUR.replace(hour=5),
        "binary_classification", ("ratio", "grade"), classes=("no", "yes"),
    )  # fmt: skip
    s3.put_object(Bucket=bucket, Key="window/request.json", Body=request.to_json())
    for part in range(3):
        lines = "\n".join(captured(number) for number in range(part, 300, 3))
        s3.put_object(Bucket=bucket, Key=f"capture/2026/11/23/04/{part}.jsonl", Body=lines.encode())
    inputs = [
        source("request", f"s3://{bucket}/window/"),
        source("capture", f"s3://{bucket}/capture/", "ShardedByS3Key"),
    ]
    job, files = analyzed(real, bucket, inputs, hosts=2)
    assert job["ProcessingJobStatus"] == "Completed", job
    assert set(files) == {"parts/algo-1.part", "parts/algo-2.part"}
    whole = finish(request, {}, [Part.from_bytes(content) for content in files.values()])
    assert (whole.summary.records, whole.summary.status) == (300, "no_baseline")


def test_a_job_that_cannot_be_done(real: Twin) -> None:
    """A job without anything to analyse fails, and its exit message says why."""
    bucket = unique("data")
    real.client("s3").create_bucket(Bucket=bucket)
    job, files = analyzed(real, bucket, [])
    assert (job["ProcessingJobStatus"], files) == ("Failed", {})
    assert job["ExitMessage"].startswith("there is nothing to analyse")
