"""A decision in words, for a mail. Pure."""

from __future__ import annotations

from perennial.events import NoticeDetail
from perennial.names import Names

LONGEST_SUBJECT = 100  # SNS: ASCII, no line breaks

_TITLES = {
    "configuration_refused": "model.yaml refused",
    "configuration_changed": "configuration changed",
    "model_created": "model created",
    "drop_refused": "data refused",
    "drop_waits": "data waits",
    "file_ignored": "file ignored",
    "training_started": "training started",
    "training_failed": "training failed",
    "training_retried": "training is tried again",
    "registration_refused": "trained model not registered",
    "version_registered": "new version",
    "endpoint_creation_started": "endpoint is being created",
    "endpoint_update_started": "rollout started",
    "version_in_service": "version in service",
    "rollout_failed": "rollout failed",
    "rolled_back": "rolled back",
    "endpoint_deleted": "broken endpoint removed",
    "scaling_changed": "scaling changed",
}
_NEXT_STEPS = {
    "configuration_refused": "Correct models/{model}/model.yaml and upload it again.",
    "drop_refused": "Correct the data and drop it under a new name; nothing of yours was moved or deleted.",
    "training_failed": "Correct the cause and drop the data again, or change model.yaml.",
    "rolled_back": "Look at the endpoint's log and metrics; approve the version again to try once more.",
    "rollout_failed": "Look at the endpoint's log; approve the version again to try once more.",
}


def subject(notice: NoticeDetail) -> str:
    """At most 100 ASCII characters on one line."""
    mark = {"info": "", "warning": "! ", "error": "!! "}[notice.news]
    title = _TITLES.get(notice.outcome, notice.outcome.replace("_", " "))
    version = f" {notice.details['version']}" if "version" in notice.details else ""
    if "approval" in notice.details:
        version += f" ({notice.details['approval']})"
    text = f"{mark}[{notice.model}] {title}{version}"
    return " ".join(text.encode("ascii", "replace").decode().split())[:LONGEST_SUBJECT]


def message(notice: NoticeDetail, names: Names) -> str:
    """What happened, why, and what a person can do."""
    lines = [notice.reason, "", f"What was met:  {notice.fact}"]
    lines += [f"{key + ':':<15}{value}" for key, value in notice.details.items() if "\n" not in value]
    lines += [f"\n{key}:\n{value}" for key, value in notice.details.items() if "\n" in value]
    step = _NEXT_STEPS.get(notice.outcome)
    if notice.details.get("approval") == "PendingManualApproval":
        group, version = names.package_group(notice.model), notice.details.get("version", "")
        step = f"Approve or reject version {version} of model package group {group} in the SageMaker model registry."
    if step:
        lines += ["", "What you can do: " + step.format(model=notice.model)]
    return "\n".join(lines)
