"""What a training on datasets would learn from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perennial.deployment import PackageVersion
from perennial.names import Names, TrainingJobName
from perennial.training import IN_FLIGHT, Dataset, TrainingJob


@dataclass(frozen=True)
class Source:
    """The dataset to train on. None: traffic is to be collected first, or there is nothing to learn from."""

    dataset: Dataset | None
    reason: str
    collect: bool = False


def made_by(artefact: str | None, names: Names) -> str | None:
    """The name of the job that made an artefact: SageMaker gives its folder that name."""
    return next((part for part in (artefact or "").split("/") if names.parse_training_job(part)), None)


def trained_on(artefact: str | None, names: Names) -> TrainingJobName | None:
    """The training that made an artefact, its name taken apart."""
    name = made_by(artefact, names)
    return names.parse_training_job(name) if name else None


def newest_untrained(
    datasets: Sequence[Dataset],
    jobs: Sequence[TrainingJob],
    serving: TrainingJobName | None,
    config_hash: str,
    outcomes: Mapping[str, str],
    names: Names,
) -> Source:
    """The newest dataset, if there is anything in it that the version in service does not know.

    `outcomes` tells what became of a job, by its name.
    """
    nothing_newer = "nothing newer to learn from: drop new data, or set retraining.data: traffic"
    if not datasets:
        return Source(None, nothing_newer)
    newest = max(datasets, key=lambda dataset: (dataset.dropped_at, dataset.pinned_at))
    if serving and (serving.dataset, serving.config) == (newest.version, config_hash):
        return Source(None, nothing_newer)
    tried = [
        job
        for job in jobs
        if (parsed := names.parse_training_job(job.name))
        and (parsed.dataset, parsed.config) == (newest.version, config_hash)
        and job.status not in IN_FLIGHT
    ]
    if tried:
        last = max(tried, key=lambda job: job.created_at)
        became = outcomes.get(last.name, last.status)
        return Source(
            None,
            f"{nothing_newer}. The newest dataset {newest.version} was trained on already: {became}",
        )
    return Source(
        newest, f"dataset {newest.version} (drop {newest.drop}) is newer than what version in service knows"
    )


def ahead_of(serving: int | None, versions: Sequence[PackageVersion]) -> PackageVersion | None:
    """The newest version after the one in service that is approved or waits for it; None when there is none."""
    waiting = [
        version
        for version in versions
        if version.version > (serving or 0) and version.approval in ("Approved", "PendingManualApproval")
    ]
    return max(waiting, key=lambda version: version.version, default=None)
