"""Processing jobs on the twin."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, Events, Twin, allow, eventually, unique


@pytest.fixture
def process(twin: Twin, bucket: str, job_role: str) -> Callable[..., dict[str, Any]]:
    """Run a processing job over the drop's parts and wait for its end."""

    def run(*arguments: str, hosts: int = 1, sharded: bool = False, **more: Any) -> dict[str, Any]:
        name, sagemaker = unique("analysis"), twin.client("sagemaker")
        source = {
            "S3Uri": f"s3://{bucket}/drops/one/",
            "LocalPath": "/opt/ml/processing/input/parts",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "ShardedByS3Key" if sharded else "FullyReplicated",
        }
        target = {
            "S3Uri": f"s3://{bucket}/reports/{name}",
            "LocalPath": "/opt/ml/processing/output",
            "S3UploadMode": "EndOfJob",
        }
        request = {
            "ProcessingJobName": name,
            "RoleArn": job_role,
            "AppSpecification": {"ImageUri": "perennial:1", "ContainerArguments": ["analyze", *arguments]},
            "ProcessingInputs": [{"InputName": "parts", "S3Input": source}],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "report", "S3Output": target}]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": hosts, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
        }
        sagemaker.create_processing_job(**{**request, **more})
        eventually(
            lambda: (
                sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"]
                != "InProgress"
            )
        )
        return dict(sagemaker.describe_processing_job(ProcessingJobName=name))

    return run


def reports(twin: Twin, bucket: str, job: dict[str, Any]) -> dict[str, Any]:
    s3, prefix = twin.client("s3"), f"reports/{job['ProcessingJobName']}/"
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {
        item["Key"].removeprefix(prefix): json.load(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"])
        for item in found
    }


def test_job_writes_its_report(twin: Twin, bucket: str, process: Callable[..., dict[str, Any]]) -> None:
    """A job reads its inputs, writes its outputs to S3 and leaves its exit message."""
    job = process("--output", "/opt/ml/processing/output")
    assert job["ProcessingJobStatus"] == "Completed"
    assert job["ExitMessage"] == "analyzed"
    assert reports(twin, bucket, job) == {"algo-1.json": {"inputs": ["a.csv", "b.csv"]}}


def test_sharded_input_is_split_over_hosts(
    twin: Twin, bucket: str, process: Callable[..., dict[str, Any]]
) -> None:
    """ShardedByS3Key gives every host its own part of the objects."""
    job = process(hosts=2, sharded=True)
    assert reports(twin, bucket, job) == {
        "algo-1.json": {"inputs": ["a.csv"]},
        "algo-2.json": {"inputs": ["b.csv"]},
    }


def listed_in(manifest: str, distribution: str) -> list[dict[str, Any]]:
    """The input of a job over the objects that a manifest lists."""
    source = {
        "S3Uri": manifest,
        "LocalPath": "/opt/ml/processing/input/capture",
        "S3DataType": "ManifestFile",
        "S3InputMode": "File",
        "S3DataDistributionType": distribution,
    }
    return [{"InputName": "capture", "S3Input": source}]


@pytest.mark.parametrize(
    ("distribution", "expected"),
    [
        pytest.param("ShardedByS3Key", [["a.csv"], ["b.csv"], []], id="sharded"),
        pytest.param("FullyReplicated", [["a.csv", "b.csv"]] * 3, id="replicated"),
    ],
)
def test_a_manifest_is_split_or_copied(
    twin: Twin,
    bucket: str,
    process: Callable[..., dict[str, Any]],
    distribution: str,
    expected: list[list[str]],
) -> None:
    """The objects of a manifest go to the hosts as an S3 prefix's do; a host may be left without any."""
    inputs = listed_in(f"s3://{bucket}/manifest.json", distribution)
    job = process(hosts=3, ProcessingInputs=inputs)
    assert reports(twin, bucket, job) == {
        f"algo-{number}.json": {"inputs": names} for number, names in enumerate(expected, start=1)
    }


def test_a_container_has_the_jobs_environment(twin: Twin, process: Callable[..., dict[str, Any]]) -> None:
    """Environment of the request reaches the container, and its lines the job's log."""
    job = process(Environment={"PERENNIAL_WINDOW": "2026-11-23T04"})
    group, name = "/aws/sagemaker/ProcessingJobs", job["ProcessingJobName"]
    logs = twin.client("logs")

    def told() -> list[str]:
        found = logs.filter_log_events(logGroupName=group, logStreamNamePrefix=name)["events"]
        return [event["message"] for event in found]

    eventually(lambda: "window 2026-11-23T04" in told())


def test_the_exit_message_is_a_kilobyte_of_text(process: Callable[..., dict[str, Any]]) -> None:
    """The first kilobyte is kept, in whole characters; what is not UTF-8 fails the job."""
    said = process("--long")["ExitMessage"]
    assert 1021 <= len(said.encode()) <= 1024
    assert said.startswith("analyzed — é")
    job = process("--mumble")
    assert job["ProcessingJobStatus"] == "Failed"
    assert "not UTF-8" in job["FailureReason"]


def test_failing_job_writes_nothing(twin: Twin, bucket: str, process: Callable[..., dict[str, Any]]) -> None:
    """A container that exits with an error makes the job Failed and uploads no output."""
    job = process("--fail")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("exit code: 4")
    assert reports(twin, bucket, job) == {}


def test_changes_are_events(process: Callable[..., dict[str, Any]], events: Events) -> None:
    """A job announces its statuses, the last one twice."""
    job = process()
    arn = job["ProcessingJobArn"]
    eventually(lambda: len(events.about(arn)) == 3)
    caught = events.about(arn)
    assert {event["detail-type"] for event in caught} == {"SageMaker Processing Job State Change"}
    assert [event["detail"]["ProcessingJobStatus"] for event in caught] == [
        "InProgress",
        "Completed",
        "Completed",
    ]


def test_unknown_job(twin: Twin) -> None:
    """A job that is not there is AWS's ValidationException."""
    with pytest.raises(ClientError) as refused:
        twin.client("sagemaker").describe_processing_job(ProcessingJobName="missing")
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Could not find requested job with name: missing",
    }


def test_role_must_trust_sagemaker(twin: Twin, process: Callable[..., dict[str, Any]]) -> None:
    """A role that SageMaker may not assume is refused at once."""
    role = twin.role(unique("stranger"), allow("logs:*"), service="ec2.amazonaws.com")
    with pytest.raises(ClientError, match=f"Could not assume role arn:aws:iam::{ACCOUNT}:role/stranger"):
        process(RoleArn=role)
