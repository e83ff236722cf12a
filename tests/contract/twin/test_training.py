"""Training jobs on the twin: real work, ended as AWS ends it."""

import io
import os
import signal
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, Twin, unique
from training_jobs import container_process, describe, ended, keys, log_lines, running


def test_job_completes_with_artifacts_and_metrics(twin: Twin, bucket: str, train: Callable[..., str]) -> None:
    """A job downloads its channels, logs, reports its last metric values and uploads both archives."""
    name = train()
    job = ended(twin, name)

    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    statuses = [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert [s for s in statuses if s != "Pending"] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert [(m["MetricName"], round(m["Value"], 6)) for m in job["FinalMetricDataList"]] == [
        ("holdout:auc", 0.81)
    ]
    assert job["ModelArtifacts"]["S3ModelArtifacts"] == f"s3://{bucket}/trainings/{name}/output/model.tar.gz"
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"] >= 1
    assert keys(twin, bucket, f"trainings/{name}/output/") == ["model.tar.gz", "output.tar.gz"]
    archive = (
        twin.client("s3")
        .get_object(Bucket=bucket, Key=f"trainings/{name}/output/model.tar.gz")["Body"]
        .read()
    )
    with tarfile.open(fileobj=io.BytesIO(archive)) as model:
        assert model.getnames() == ["model.onnx"]
    lines = log_lines(twin, name)
    assert [line for line in lines if line.startswith("input ") and line.endswith(".csv")] == [
        "input training/drops/one/a.csv",
        "input training/drops/one/b.csv",
    ]


def test_container_gets_a_clean_environment(twin: Twin, train: Callable[..., str]) -> None:
    """A container sees the job's Environment, its identity and the role's credentials, nothing of the twin."""
    name = train(Environment={"OWN": "1"})
    ended(twin, name)
    names = next(line for line in log_lines(twin, name) if line.startswith("environment")).split()[1:]
    assert {"OWN", "TRAINING_JOB_NAME", "TRAINING_JOB_ARN", "AWS_SESSION_TOKEN", "SAGEMAKER_BASE_DIR"} <= set(
        names
    )
    assert not {"LEAKED", "AUTH", "GATEWAY_PORT", "HOME"} & set(names)


def test_container_acts_as_the_job_role(twin: Twin, train: Callable[..., str], job_role: str) -> None:
    """The credentials in a container are temporary ones of the job's role."""
    name = train("read S3")
    assert ended(twin, name)["TrainingJobStatus"] == "Completed"
    assert any(
        line.startswith(f"identity arn:aws:sts::{ACCOUNT}:assumed-role/{job_role.rpartition('/')[2]}/")
        for line in log_lines(twin, name)
    )


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        pytest.param(
            "fail", "AlgorithmError: the target has one class only, exit code: 1", id="with a failure file"
        ),
        pytest.param(
            "fail silently", "AlgorithmError: See job logs for more information, exit code: 3", id="without"
        ),
    ],
)
def test_failing_container_fails_the_job(
    twin: Twin, bucket: str, train: Callable[..., str], behaviour: str, reason: str
) -> None:
    """A container that exits with an error makes the job Failed, with its reason and without a model."""
    name = train(behaviour)
    job = ended(twin, name)
    assert (job["TrainingJobStatus"], job["FailureReason"]) == ("Failed", reason)
    assert "ModelArtifacts" not in job or not job["ModelArtifacts"].get("S3ModelArtifacts")
    assert keys(twin, bucket, f"trainings/{name}/") == []


def test_empty_model_folder_makes_no_archive(twin: Twin, bucket: str, train: Callable[..., str]) -> None:
    """A job that saves nothing completes, and its artifact's address holds no object."""
    name = train("empty")
    assert ended(twin, name)["TrainingJobStatus"] == "Completed"
    assert keys(twin, bucket, f"trainings/{name}/") == []


def test_container_killed_from_outside_fails_the_job(twin: Twin, train: Callable[..., str]) -> None:
    """A container that the kernel kills ends its job as Failed with exit code 137."""
    name = train("hang")
    running(twin, name)
    process = container_process(name)
    assert process
    os.kill(process, signal.SIGKILL)
    job = ended(twin, name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("exit code: 137")


@pytest.mark.parametrize("behaviour", ["save on SIGTERM", "ignore SIGTERM"])
def test_job_past_its_limit_is_stopped(
    twin: Twin, bucket: str, train: Callable[..., str], behaviour: str
) -> None:
    """A job past MaxRuntimeInSeconds gets SIGTERM, later SIGKILL, and what it saved is uploaded."""
    name = train(behaviour, StoppingCondition={"MaxRuntimeInSeconds": 5})
    job = ended(twin, name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    saved = ["output/model.tar.gz"] if behaviour == "save on SIGTERM" else []
    assert keys(twin, bucket, f"trainings/{name}/") == saved


def test_stopped_job_keeps_what_it_saved(twin: Twin, bucket: str, train: Callable[..., str]) -> None:
    """StopTrainingJob ends a running job as Stopped; a second stop is refused."""
    name = train("save on SIGTERM")
    running(twin, name)
    twin.client("sagemaker").stop_training_job(TrainingJobName=name)
    assert ended(twin, name)["SecondaryStatus"] == "Stopped"
    assert keys(twin, bucket, f"trainings/{name}/") == ["output/model.tar.gz"]
    with pytest.raises(ClientError, match="because the training job is in status Stopped"):
        twin.client("sagemaker").stop_training_job(TrainingJobName=name)


def test_jobs_wait_for_a_slot(twin: Twin, train: Callable[..., str]) -> None:
    """More jobs than slots: the last one is Pending until another ends, and a stop ends it at once."""
    busy = [train("hang") for _ in range(twin.admin("GET", "status")["slots"])]
    for name in busy:
        running(twin, name)
    waiting = train()
    assert describe(twin, waiting)["SecondaryStatus"] == "Pending"
    twin.client("sagemaker").stop_training_job(TrainingJobName=waiting)
    assert ended(twin, waiting)["TrainingJobStatus"] == "Stopped"
    for name in busy:
        twin.client("sagemaker").stop_training_job(TrainingJobName=name)
    for name in busy:
        assert ended(twin, name)["TrainingJobStatus"] == "Stopped"


def spot(bucket: str, name: str) -> dict[str, Any]:
    return {
        "EnableManagedSpotTraining": True,
        "StoppingCondition": {"MaxRuntimeInSeconds": 30, "MaxWaitTimeInSeconds": 60},
        "CheckpointConfig": {"S3Uri": f"s3://{bucket}/checkpoints/{name}"},
    }


def test_interrupted_spot_job_resumes_from_its_checkpoint(
    twin: Twin, bucket: str, train: Callable[..., str]
) -> None:
    """A spot job that is interrupted starts again with its checkpoints and costs less than it took."""
    twin.admin("POST", "faults", fault="interruption", name="job-*")
    try:
        name = train("checkpoint", **spot(bucket, unique("run")))
        job = ended(twin, name)
    finally:
        twin.admin("DELETE", "faults")
    assert job["TrainingJobStatus"] == "Completed"
    statuses = [transition["Status"] for transition in job["SecondaryStatusTransitions"]]
    assert [status for status in statuses if status in ("Interrupted", "Restarting", "Training")] == [
        "Training",
        "Interrupted",
        "Restarting",
        "Training",
    ]
    assert "resumed at 7" in log_lines(twin, name)
    assert job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]


def test_prefix_channel_keeps_the_folders_below_it(
    twin: Twin, bucket: str, train: Callable[..., str]
) -> None:
    """An S3Prefix channel holds the objects by their path below the prefix."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/drops"}
    name = train(InputDataConfig=[{"ChannelName": "data", "DataSource": {"S3DataSource": source}}])
    ended(twin, name)
    assert "input data/one/a.csv" in log_lines(twin, name)
