"""Training jobs on the twin: real work, ended as AWS ends it."""

import io
import os
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, REGION, Events, Twin, allow, eventually, unique

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def train(twin: Twin, bucket: str, job_role: str) -> Callable[..., str]:
    """Start a training job whose container does what `behaviour` says; its name."""

    def start(behaviour: str = "train", *, at: Twin = twin, **more: Any) -> str:
        name = unique("job")
        channel = {
            "ChannelName": "training",
            "DataSource": {
                "S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": f"s3://{bucket}/manifest.json"}
            },
        }
        request = {
            "TrainingJobName": name,
            "RoleArn": job_role,
            "AlgorithmSpecification": {
                "TrainingImage": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/perennial:1",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "holdout:auc", "Regex": r"metric holdout:auc=(\S+)"}],
            },
            "HyperParameters": {"behaviour": behaviour, "num_leaves": "31"},
            "InputDataConfig": [channel],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/trainings"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "Tags": [{"Key": "model", "Value": "mortgage"}],
        }
        twin.client("sagemaker").create_training_job(**{**request, **more})
        return name

    return start


def describe(twin: Twin, name: str) -> dict[str, Any]:
    return dict(twin.client("sagemaker").describe_training_job(TrainingJobName=name))


def ended(twin: Twin, name: str) -> dict[str, Any]:
    eventually(lambda: describe(twin, name)["TrainingJobStatus"] not in ("InProgress", "Stopping"))
    return describe(twin, name)


def log_lines(twin: Twin, name: str) -> list[str]:
    logs = twin.client("logs")
    found: list[str] = []
    for stream in logs.describe_log_streams(logGroupName=GROUP, logStreamNamePrefix=f"{name}/")["logStreams"]:
        page = logs.get_log_events(logGroupName=GROUP, logStreamName=stream["logStreamName"])
        found += [event["message"] for event in page["events"]]
    return found


def running(twin: Twin, name: str) -> None:
    """Wait until the job's container has written its first line."""

    def started() -> bool:
        try:
            return "waiting" in log_lines(twin, name)
        except twin.client("logs").exceptions.ResourceNotFoundException:
            return False

    eventually(started)


def keys(twin: Twin, bucket: str, prefix: str) -> list[str]:
    found = twin.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [item["Key"].removeprefix(prefix) for item in found]


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
    os.kill(container_process(name), signal.SIGKILL)
    job = ended(twin, name)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].endswith("exit code: 137")


def container_process(name: str) -> int:
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TRAINING_JOB_NAME={name}".encode() in path.read_bytes().split(b"\0"):
                return int(path.parent.name)
        except OSError:
            continue
    raise AssertionError(f"no process of {name}")


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


@pytest.mark.parametrize(
    ("fault", "reason"), [("capacity", "CapacityError"), ("internal", "InternalServerError")], ids=str
)
def test_aws_side_failures(twin: Twin, train: Callable[..., str], fault: str, reason: str) -> None:
    """A job that AWS itself fails says so in its reason."""
    twin.admin("POST", "faults", fault=fault, name="job-*")
    job = ended(twin, train())
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(f"{reason}: ")


@pytest.mark.parametrize(
    ("fault", "code"), [("limit", "ResourceLimitExceeded"), ("throttling", "ThrottlingException")], ids=str
)
def test_aws_side_refusals(twin: Twin, train: Callable[..., str], fault: str, code: str) -> None:
    """A job that AWS refuses to create is not there afterwards."""
    twin.admin("POST", "faults", fault=fault, name="job-*", times=2)
    try:
        with pytest.raises(ClientError) as refused:
            train()
    finally:
        twin.admin("DELETE", "faults")
    assert refused.value.response["Error"]["Code"] == code


def test_missing_input_fails_the_download(twin: Twin, bucket: str, train: Callable[..., str]) -> None:
    """A channel without objects fails the job with AWS's words."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/nothing/"}
    channel = {"ChannelName": "training", "DataSource": {"S3DataSource": source}}
    job = ended(twin, train(InputDataConfig=[channel]))
    assert job["FailureReason"].startswith(
        "ClientError: Data download failed:No S3 objects found under S3 URL"
    )


def test_role_without_rights_fails_the_download(twin: Twin, train: Callable[..., str]) -> None:
    """A job whose role may not read the bucket fails with AccessDenied."""
    role = twin.role(unique("poor"), allow("logs:*"))
    job = ended(twin, train(RoleArn=role))
    assert job["TrainingJobStatus"] == "Failed"
    assert "AccessDenied (403)" in job["FailureReason"]


def test_prefix_channel_keeps_the_folders_below_it(
    twin: Twin, bucket: str, train: Callable[..., str]
) -> None:
    """An S3Prefix channel holds the objects by their path below the prefix."""
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/drops"}
    name = train(InputDataConfig=[{"ChannelName": "data", "DataSource": {"S3DataSource": source}}])
    ended(twin, name)
    assert "input data/one/a.csv" in log_lines(twin, name)


def test_each_change_is_an_event(twin: Twin, train: Callable[..., str], events: Events) -> None:
    """Every secondary status is announced in AWS's shape, the last one twice."""
    name = train()
    job = ended(twin, name)
    arn = job["TrainingJobArn"]
    eventually(
        lambda: len([e for e in events.about(arn) if e["detail"]["TrainingJobStatus"] == "Completed"]) == 2
    )
    caught = events.about(arn)
    told = [
        event["detail"]["SecondaryStatus"]
        for event in caught
        if event["detail"]["SecondaryStatus"] != "Pending"
    ]
    assert told == ["Starting", "Downloading", "Training", "Uploading", "Completed", "Completed"]
    last = caught[-1]
    assert (last["source"], last["detail-type"]) == ("aws.sagemaker", "SageMaker Training Job State Change")
    assert (last["account"], last["region"], last["resources"]) == (ACCOUNT, REGION, [arn])
    assert not {"ModelArtifacts", "FinalMetricDataList"} & set(last["detail"])
    assert isinstance(last["detail"]["CreationTime"], int)
    assert last["detail"]["HyperParameters"]["num_leaves"] == "31"
    assert last["detail"]["Tags"] == {"model": "mortgage"}


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        pytest.param(
            {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/nobody"},
            "ValidationException",
            "Could not assume role arn:aws:iam::000000000000:role/nobody. Please ensure that the role exists",
            id="unknown role",
        ),
        pytest.param(
            {"TrainingJobName": "not_a_name"},
            "ValidationException",
            "1 validation error detected: Value 'not_a_name' at 'trainingJobName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern",
            id="bad name",
        ),
        pytest.param(
            {"EnableManagedSpotTraining": True},
            "ValidationException",
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds",
            id="spot without a wait time",
        ),
        pytest.param(
            {"ExperimentConfig": {"ExperimentName": "missing"}},
            "ResourceNotFound",
            "Experiment 'missing' does not exist.",
            id="unknown experiment",
        ),
    ],
)
def test_bad_request_is_refused(
    twin: Twin, train: Callable[..., str], change: dict[str, Any], code: str, words: str
) -> None:
    """CreateTrainingJob refuses a bad request with AWS's code and words."""
    with pytest.raises(ClientError) as refused:
        train(**change)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["Error"]["Message"].startswith(words)


def test_names_are_unique(twin: Twin, train: Callable[..., str]) -> None:
    """A name that was used is ResourceInUse until its job is deleted."""
    name = train()
    with pytest.raises(ClientError) as refused:
        train(TrainingJobName=name)
    assert refused.value.response["Error"]["Code"] == "ResourceInUse"
    assert "Training job names must be unique within an AWS account and region" in str(refused.value)
    ended(twin, name)
    twin.client("sagemaker").delete_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match=r"\(ValidationException\).*Requested resource not found."):
        describe(twin, name)


def test_list_filters_and_pages(twin: Twin, train: Callable[..., str]) -> None:
    """ListTrainingJobs filters by name and status and pages without repeating or losing a job."""
    names = [train() for _ in range(5)]
    for name in names:
        ended(twin, name)
    sagemaker = twin.client("sagemaker")
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        StatusEquals="Completed",
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"PageSize": 2},
    )
    listed = [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]
    assert listed[:5] == names[::-1]
    assert len(listed) == len(set(listed))
    found = sagemaker.list_training_jobs(NameContains=names[0])["TrainingJobSummaries"]
    assert [job["TrainingJobName"] for job in found] == [names[0]]


def test_experiment_config_makes_a_trial_component(twin: Twin, train: Callable[..., str]) -> None:
    """A job with an ExperimentConfig leaves a trial component with parameters, metrics and the model."""
    sagemaker, experiment = twin.client("sagemaker"), unique("experiment")
    sagemaker.create_experiment(ExperimentName=experiment)
    sagemaker.create_trial(TrialName=f"{experiment}-trial", ExperimentName=experiment)
    name = train(ExperimentConfig={"ExperimentName": experiment, "TrialName": f"{experiment}-trial"})
    job = ended(twin, name)
    (summary,) = sagemaker.list_trial_components(TrialName=f"{experiment}-trial")["TrialComponentSummaries"]
    component = sagemaker.describe_trial_component(TrialComponentName=summary["TrialComponentName"])
    assert component["Source"]["SourceArn"] == job["TrainingJobArn"]
    assert component["Status"]["PrimaryStatus"] == "Completed"
    assert component["Parameters"]["num_leaves"] == {"NumberValue": 31.0}
    (metric,) = component["Metrics"]
    assert (metric["MetricName"], metric["Last"], metric["Count"], metric["Min"]) == (
        "holdout:auc",
        0.81,
        2,
        0.75,
    )
    model = component["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"]
    assert model == job["ModelArtifacts"]["S3ModelArtifacts"]
