"""What the sweep finds undone for one model: facts whose event was lost, late, or met a closed door. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perennial.deployment import DeploymentPlan, Settlement
from perennial.events import ReactionName
from perennial.training import IN_FLIGHT, TrainingJob, TrainingPlan


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
