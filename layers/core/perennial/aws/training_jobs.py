"""SageMaker training jobs and experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from perennial.aws.clients import client, code, message, within_quota
from perennial.names import Names
from perennial.training import TrainingJob

LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class SageMakerTrainingJobs:
    def __init__(self, names: Names, sagemaker: Any = None, logs: Any = None) -> None:
        self._names = names
        self._sagemaker = sagemaker or client("sagemaker")
        self._logs = logs

    def of_model(self, model: str) -> Sequence[TrainingJob]:
        """All jobs of one model, newest first. NameContains is too broad a filter: names are taken apart, too."""
        pages = self._sagemaker.get_paginator("list_training_jobs").paginate(
            NameContains=self._names.package_group(model) + "-", SortBy="CreationTime", SortOrder="Descending"
        )
        summaries = [summary for page in pages for summary in page["TrainingJobSummaries"]]
        return [
            TrainingJob(
                summary["TrainingJobName"],
                summary["TrainingJobArn"],
                summary["TrainingJobStatus"],
                summary["CreationTime"],
            )
            for summary in summaries
            if (parsed := self._names.parse_training_job(summary["TrainingJobName"]))
            and parsed.model == model
        ]

    def get(self, name: str) -> TrainingJob | None:
        try:
            job = self._sagemaker.describe_training_job(TrainingJobName=name)
        except ClientError as error:
            if (
                code(error) in ("ResourceNotFound", "ValidationException")
                and "not found" in message(error).lower()
            ):
                return None
            raise
        tags = self._sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
        return TrainingJob(
            name=name,
            arn=job["TrainingJobArn"],
            status=job["TrainingJobStatus"],
            created_at=job["CreationTime"],
            secondary_status=job.get("SecondaryStatus", ""),
            failure_reason=job.get("FailureReason", ""),
            artefact=job.get("ModelArtifacts", {}).get("S3ModelArtifacts") or None,
            image=job["AlgorithmSpecification"].get("TrainingImage", ""),
            hyperparameters=job.get("HyperParameters", {}),
            tags={tag["Key"]: tag["Value"] for tag in tags},
            billable_seconds=job.get("BillableTimeInSeconds"),
            training_seconds=job.get("TrainingTimeInSeconds"),
        )

    def create(self, request: Mapping[str, Any]) -> bool:
        try:
            with within_quota(f"training job {request['TrainingJobName']}"):
                self._sagemaker.create_training_job(**request)
        except ClientError as error:
            if code(error) == "ResourceInUse":
                return False
            raise
        return True

    def last_log_lines(self, name: str, most: int) -> Sequence[str]:
        """The end of the job's log; empty when it never got as far as logging."""
        logs = self._logs or client("logs")
        try:
            streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{name}/")[
                "logStreams"
            ]
            if not streams:
                return []
            events = logs.get_log_events(
                logGroupName=LOG_GROUP,
                logStreamName=streams[0]["logStreamName"],
                limit=most,
                startFromHead=False,
            )["events"]
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return []
            raise
        return [event["message"].rstrip() for event in events]


class SageMakerExperiments:
    def __init__(self, sagemaker: Any = None) -> None:
        self._sagemaker = sagemaker or client("sagemaker")

    def ensure(self, experiment: str, trial: str) -> None:
        self._create(self._sagemaker.create_experiment, ExperimentName=experiment)
        self._create(self._sagemaker.create_trial, TrialName=trial, ExperimentName=experiment)

    @staticmethod
    def _create(create: Any, **request: str) -> None:
        try:
            create(**request)
        except ClientError as error:
            # "Trial names must be unique within an AWS account and region."
            if code(error) != "ValidationException" or not (
                "unique" in message(error) or "exist" in message(error)
            ):
                raise
