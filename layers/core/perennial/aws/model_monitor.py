"""SageMaker Model Monitor: job definitions, schedules and executions, for accounts that have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from perennial.aws.clients import client, code, message
from perennial.errors import NotAvailable
from perennial.monitoring.model_monitor import Definition, Execution, Kind

_OPERATIONS: Mapping[Kind, str] = {
    "DataQuality": "data_quality_job_definition",
    "ModelQuality": "model_quality_job_definition",
    "ModelBias": "model_bias_job_definition",
}
_REFUSALS = (
    "AccessDeniedException",
    "AccessDenied",
    "UnsupportedOperationException",
    "UnknownOperationException",
)
_CLOSED = ("not available to new", "no longer available", "new customers", "not authorized")


class SageMakerModelMonitor:
    def __init__(self, sagemaker: Any = None) -> None:
        self._sagemaker = sagemaker or client("sagemaker")

    def ensure(self, wanted: Definition) -> None:
        """Create what is missing and move the schedule on. Raises NotAvailable when the account has no Model Monitor."""
        try:
            self._sagemaker.list_monitoring_schedules(MaxResults=1)
            self._define(wanted)
            self._schedule(wanted)
        except ClientError as error:
            if _refused(error):
                raise NotAvailable(message(error) or code(error)) from error
            raise

    def executions(self, schedule: str, after: datetime) -> Sequence[Execution]:
        """Runs scheduled after a time, oldest first."""
        pages = self._sagemaker.get_paginator("list_monitoring_executions").paginate(
            MonitoringScheduleName=schedule,
            ScheduledTimeAfter=after,
            SortBy="ScheduledTime",
            SortOrder="Ascending",
        )
        return [
            Execution(
                found["ScheduledTime"],
                found["MonitoringExecutionStatus"],
                found.get("ProcessingJobArn", "").rpartition("/")[2] or None,
                found.get("FailureReason", ""),
            )
            for page in pages
            for found in page["MonitoringExecutionSummaries"]
            if found["ScheduledTime"] > after
        ]

    def remove(self, kind: Kind, schedule: str, definition: str) -> None:
        """Delete a schedule and its job definition; what is gone already is no matter."""
        self._delete("monitoring_schedule", MonitoringScheduleName=schedule)
        self._delete(_OPERATIONS[kind], JobDefinitionName=definition)

    def forget(self, kind: Kind, definition: str) -> None:
        """Delete a job definition that its schedule has left."""
        self._delete(_OPERATIONS[kind], JobDefinitionName=definition)

    def _define(self, wanted: Definition) -> None:
        create = getattr(self._sagemaker, f"create_{_OPERATIONS[wanted.kind]}")
        try:
            create(**wanted.job)
        except ClientError as error:
            if code(error) != "ResourceInUse":
                raise

    def _schedule(self, wanted: Definition) -> None:
        try:
            self._sagemaker.create_monitoring_schedule(**wanted.schedule)
        except ClientError as error:
            if code(error) != "ResourceInUse":
                raise
            self._sagemaker.update_monitoring_schedule(**wanted.schedule)

    def _delete(self, operation: str, **name: str) -> None:
        try:
            getattr(self._sagemaker, f"delete_{operation}")(**name)
        except ClientError as error:
            if code(error) not in ("ResourceNotFound", "ValidationException"):
                raise


def _refused(error: ClientError) -> bool:
    """Whether the account, and not our request, is the reason."""
    told = message(error).lower()
    return code(error) in _REFUSALS or (
        code(error) == "ValidationException" and any(words in told for words in _CLOSED)
    )
