"""What the sweep finds undone for one model: facts whose event was lost, late, or met a closed door. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from perennial.deployment import IN_PROGRESS, DeploymentPlan, EndpointState, Rollout, Settlement
from perennial.events import ReactionName
from perennial.training import IN_FLIGHT, TrainingJob, TrainingPlan

LATE = timedelta(hours=9)  # SageMaker gives all steps of an update eight at most


@dataclass(frozen=True)
class Due:
    """A reaction that should look at the model."""

    reaction: ReactionName
    because: str
    subject: str | None = None


def overdue(
    undecided_drops: Mapping[str, str],
    training: TrainingPlan,
    jobs: Sequence[TrainingJob],
    judged_jobs: frozenset[str],
    deployment: DeploymentPlan,
    settlement: Settlement,
) -> list[Due]:
    """`undecided_drops` maps a drop to why it should be looked at; `judged_jobs` have had their verdict."""
    due = [Due("start_training", why, drop) for drop, why in undecided_drops.items()]
    if not due and training.start:
        due.append(Due("start_training", training.reason))
    due += [
        Due("register_model", f"training job {job.name} is {job.status} and was not judged yet", job.name)
        for job in jobs
        if job.status not in IN_FLIGHT and job.name not in judged_jobs
    ]
    if settlement.outcome:
        due.append(Due("settle_endpoint", settlement.reason))
    elif deployment.action in ("create", "update", "delete", "adopt"):
        due.append(Due("deploy_model", deployment.reason))
    return due


def late(endpoint: EndpointState | None, rollout: Rollout | None, now: datetime) -> str | None:
    """Why a person should look at a rollout that does not end; None when there is none."""
    if endpoint is None or rollout is None or rollout.status not in ("starting", "started"):
        return None
    if endpoint.status not in IN_PROGRESS or now - rollout.started_at < LATE:
        return None
    hours = int((now - rollout.started_at) / timedelta(hours=1))
    return f"{endpoint.name} is {endpoint.status} for {hours} hours: the rollout of version {rollout.version} does not end"
