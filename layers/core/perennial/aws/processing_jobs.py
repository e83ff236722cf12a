"""SageMaker Processing jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from perennial.aws.clients import client, code, message
from perennial.monitoring.processing import ProcessingJob


class SageMakerProcessingJobs:
    def __init__(self, sagemaker: Any = None) -> None:
        self._sagemaker = sagemaker or client("sagemaker")

    def get(self, name: str) -> ProcessingJob | None:
        try:
            job = self._sagemaker.describe_processing_job(ProcessingJobName=name)
        except ClientError as error:
            gone = code(error) in ("ResourceNotFound", "ValidationException")
            if gone and ("not found" in message(error).lower() or "could not find" in message(error).lower()):
                return None
            raise
        return ProcessingJob(
            name,
            job["ProcessingJobStatus"],
            job.get("FailureReason", ""),
            job.get("ExitMessage", ""),
            job.get("Environment") or {},
            tuple(
                output["S3Output"]["S3Uri"]
                for output in job.get("ProcessingOutputConfig", {}).get("Outputs", [])
                if "S3Output" in output
            ),
        )

    def create(self, request: Mapping[str, Any]) -> bool:
        try:
            self._sagemaker.create_processing_job(**request)
        except ClientError as error:
            if code(error) == "ResourceInUse":
                return False
            raise
        return True
