"""What SageMaker Model Monitor refuses: schedules, windows, limits. Pure; raises AwsError."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from twin.errors import AwsError, validation

Record = Mapping[str, Any]

KINDS = ("DataQuality", "ModelQuality", "ModelBias")
HOUR, DAY = 3600, 86400
MERGES = ("ModelQuality", "ModelBias")  # share an hour with the job that joins labels
_HOURLY = re.compile(r"cron\(0 \* \? \* \* \*\)")
_DAILY = re.compile(r"cron\(0 ([01]?\d|2[0-3]) \? \* \* \*\)")
_EVERY = re.compile(r"cron\(0 ([01]?\d|2[0-3])/([1-9]|1\d|2[0-4]) \? \* \* \*\)")
_OFFSET = re.compile(r"-?P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")


def closed() -> AwsError:
    """What an account meets that had no Model Monitor before it was closed. The words are the twin's own."""
    return validation(
        "Amazon SageMaker Model Monitor is not available to new customers. This account cannot create or start "
        "monitoring resources; existing customers can continue to use the service."
    )


def cadence(expression: str) -> int | None:
    """Seconds between two runs of a schedule, None for NOW. Raises ValidationException."""
    if expression == "NOW":
        return None
    if _HOURLY.fullmatch(expression):
        return HOUR
    if _DAILY.fullmatch(expression):
        return DAY
    if every := _EVERY.fullmatch(expression):
        return int(every[2]) * HOUR
    raise validation(
        f"Invalid schedule expression {expression}: use NOW, cron(0 * ? * * *), cron(0 H ? * * *) or "
        "cron(0 H/N ? * * *) with H of 0-23 and N of 1-24."
    )


def window(schedule: Record, now: datetime) -> tuple[datetime, datetime]:
    """What a NOW schedule analyses, from its offsets to now. Raises ValidationException."""
    start, end = (schedule.get(f"DataAnalysis{side}Time") for side in ("Start", "End"))
    if not start or not end:
        raise validation("DataAnalysisStartTime and DataAnalysisEndTime are required for a NOW schedule.")
    begun, ended = now - _offset(start), now - _offset(end)
    if not timedelta() < ended - begun <= timedelta(hours=24):
        raise validation(
            "The time between DataAnalysisStartTime and DataAnalysisEndTime must be up to 24 hours."
        )
    return begun, ended


def _offset(text: str) -> timedelta:
    found = _OFFSET.fullmatch(text)
    if not found or not any(found.groups()):
        raise validation(f"{text} is not an ISO 8601 duration such as -PT1H.")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def check_config(config: Record, now: datetime) -> None:
    """A schedule's config: one definition of one type, on a time that there is."""
    inline, named = config.get("MonitoringJobDefinition"), config.get("MonitoringJobDefinitionName")
    if (inline is None) == (named is None):
        raise validation(
            "Exactly one of MonitoringJobDefinition and MonitoringJobDefinitionName is required."
        )
    if named is not None and "MonitoringType" not in config:
        raise validation("MonitoringType is required with MonitoringJobDefinitionName.")
    schedule = config.get("ScheduleConfig")
    if schedule is None:
        raise validation("ScheduleConfig is required.")
    if cadence(schedule["ScheduleExpression"]) is None:
        window(schedule, now)


def check_runtime(kind: str, definition: Record, expression: str) -> None:
    """A run must end before the next one begins; hourly ones that merge labels have half an hour."""
    every = cadence(expression)
    limit = definition.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", HOUR)
    longest = HOUR // 2 if every == HOUR and kind in MERGES else every
    if longest is not None and limit > longest:
        raise validation(
            f"MaxRuntimeInSeconds {limit} exceeds the {longest} seconds that schedule {expression} leaves for {kind}."
        )


def check_definition(kind: str, request: Record) -> None:
    """A job definition: one source of data, one output, and what its kind needs."""
    given = request[f"{kind}JobInput"]
    if ("EndpointInput" in given) == ("BatchTransformInput" in given):
        raise validation("Exactly one of EndpointInput and BatchTransformInput is required.")
    if kind == "ModelQuality" and "ProblemType" not in request["ModelQualityAppSpecification"]:
        raise validation("ProblemType is required for a model quality job definition.")
    paths = [given.get("EndpointInput", given.get("BatchTransformInput", {})).get("LocalPath", "")]
    paths += [one["S3Output"]["LocalPath"] for one in outputs(kind, request)]
    for path in paths:
        if not path.startswith("/opt/ml/processing"):
            raise validation(f"LocalPath {path} must begin with /opt/ml/processing")


def outputs(kind: str, definition: Record) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = definition[f"{kind}JobOutputConfig"]["MonitoringOutputs"]
    return found


def endpoint_of(kind: str, definition: Record) -> str:
    """The endpoint that a definition watches; empty for batch transform."""
    return str(definition[f"{kind}JobInput"].get("EndpointInput", {}).get("EndpointName", ""))
