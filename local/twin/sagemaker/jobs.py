"""What training and processing jobs have in common: how they end, and their times in events."""

from datetime import datetime
from typing import Any


class JobFailed(Exception):
    """The job ends as Failed; the message is its FailureReason."""


class JobStopped(Exception):
    """The job ends as Stopped; the argument is its last secondary status."""


INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."


def capacity_error(instance: str) -> JobFailed:
    return JobFailed(
        "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML "
        f"instance type. Requested: {instance}"
    )


def milliseconds(value: Any) -> Any:
    """Times as epoch milliseconds, all the way down."""
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    if isinstance(value, dict):
        return {name: milliseconds(item) for name, item in value.items()}
    if isinstance(value, list):
        return [milliseconds(item) for item in value]
    return value
