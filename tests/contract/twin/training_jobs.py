"""What tests see of training jobs."""

from pathlib import Path
from typing import Any

from running_twin import Twin, eventually

GROUP = "/aws/sagemaker/TrainingJobs"


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


def container_process(name: str) -> int | None:
    """The id of the process that does the job's work, while it runs."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"TRAINING_JOB_NAME={name}".encode() in path.read_bytes().split(b"\0"):
                return int(path.parent.name)
        except OSError:
            continue
    return None
