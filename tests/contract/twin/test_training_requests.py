"""Requests for training jobs on the twin: what is refused, what fails on AWS's side, and what is told of a job."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, REGION, Events, Twin, allow, eventually, unique
from training_jobs import describe, ended


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
