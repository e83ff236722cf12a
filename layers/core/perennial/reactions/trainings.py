"""What the governor asks about a model: what is under way, what was asked for before, and what that cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from perennial.config import ModelConfig
from perennial.names import TrainingJobName
from perennial.ports import World
from perennial.retraining import history, prices
from perennial.retraining.governor import Fate, Past, same_month
from perennial.retraining.history import Asked
from perennial.retraining.source import ahead_of, made_by, trained_on
from perennial.route import serving
from perennial.training import IN_FLIGHT, TrainingJob

CLOCKS_DIFFER = timedelta(minutes=1)


def in_service(config: ModelConfig, world: World) -> tuple[int | None, TrainingJobName | None]:
    """The version in service, and the training that made it."""
    endpoint = world.endpoints.get(serving(config.model, world).endpoint)
    parsed = world.names.parse_endpoint_config(endpoint.config_name) if endpoint else None
    package = world.registry.get(config.model, parsed.version) if parsed else None
    return (parsed.version if parsed else None), trained_on(
        package.artefact if package else None, world.names
    )


def in_flight(
    config: ModelConfig,
    jobs: Sequence[TrainingJob],
    asked: Sequence[Asked],
    serving: int | None,
    world: World,
) -> str | None:
    """What is on its way already, in words: a training, one that is about to start, or a version after the one in service."""
    busy = next((job for job in jobs if job.status in IN_FLIGHT), None)
    if busy:
        return f"training job {busy.name} is under way already"
    for item in asked:
        young = world.now() - item.at < history.STARTS_WITHIN
        if item.status == "asked" and young and not _has_begun(item, config, jobs, world):
            return f"a training asked for at {item.at:%H:%M} UTC is about to start ({item.because})"
    judged = world.state.all(config.model, "job#")
    ended = next((job for job in jobs if job.name not in judged), None)
    if ended and world.now() - ended.created_at < history.STARTS_WITHIN:
        return f"training job {ended.name} has just ended, and is being judged"
    newer = ahead_of(serving, world.registry.versions(config.model))
    if newer is None:
        return None
    if newer.approval == "PendingManualApproval":
        return f"version {newer.version} is newer than the one in service and awaits approval: approve or reject it"
    rollout = world.state.rollout(config.model)
    if rollout and rollout.version == newer.version and rollout.status in ("failed", "rolled_back"):
        return None
    return f"version {newer.version} is approved and on its way into service"


def _has_begun(item: Asked, config: ModelConfig, jobs: Sequence[TrainingJob], world: World) -> bool:
    """Whether there is a job for it, or there will be none because its drop was refused."""
    dataset = _dataset(item, config, world)
    if dataset is None:
        known = world.state.get(config.model, f"drop#{item.drop}")
        return known is not None and known["outcome"] == "refused"
    return bool(_jobs_of(item, dataset, jobs, world))


def _dataset(item: Asked, config: ModelConfig, world: World) -> str | None:
    """The dataset version that an asked training learns from, once it is known."""
    if item.dataset or not item.drop:
        return item.dataset
    known = world.state.get(config.model, f"drop#{item.drop}")
    found: str | None = known.get("dataset") if known else None
    return found


def _jobs_of(item: Asked, dataset: str, jobs: Sequence[TrainingJob], world: World) -> list[TrainingJob]:
    """The jobs on that dataset since it was asked for."""
    return [
        job
        for job in jobs
        if (parsed := world.names.parse_training_job(job.name))
        and parsed.dataset == dataset
        and job.created_at >= item.at - CLOCKS_DIFFER
    ]


def past(
    asked: Sequence[Asked],
    signature: str,
    serving: int | None,
    config: ModelConfig,
    jobs: Sequence[TrainingJob],
    world: World,
) -> list[Past]:
    """What was asked for before. What it cost is looked up for this month's, what became of it for the last one that
    has this signature: the governor asks for no more, and each look is a call."""
    counted = [item for item in asked if item.status == "asked"]
    last = next((item for item in reversed(counted) if item.signature == signature), None)
    found: list[Past] = []
    for item in counted:
        dataset = _dataset(item, config, world)
        own = _jobs_of(item, dataset, jobs, world) if dataset else []
        fate = _fate(item, own, serving, config, world) if item is last else "other"
        usd = _cost(item, own, world) if same_month(item.at, world.now()) else item.usd
        found.append(Past(item.at, item.signature, usd, fate, dataset))
    return found


def _cost(item: Asked, own: Sequence[TrainingJob], world: World) -> float:
    """By the seconds billed; while one of its jobs runs at least what was planned for it."""
    described = [found for job in own if (found := world.jobs.get(job.name))]
    billed = sum(prices.cost(item.instance, job.billable_seconds or 0) for job in described)
    settled = described and all(job.billable_seconds is not None for job in described)
    return billed if settled else max(billed, item.usd)


def _fate(
    item: Asked, own: Sequence[TrainingJob], serving: int | None, config: ModelConfig, world: World
) -> Fate:
    if not own:
        known = world.state.get(config.model, f"drop#{item.drop}") if item.drop else None
        return "refused" if known and known["outcome"] == "refused" else "other"
    if any(job.status in IN_FLIGHT for job in own):
        return "under_way"
    names = {job.name for job in own}
    for version in world.registry.versions(config.model):
        if version.created_at < item.at - CLOCKS_DIFFER:
            continue
        package = world.registry.get(config.model, version.version)
        if package and made_by(package.artefact, world.names) in names:
            if version.version == serving:
                return "serving"
            return "refused" if version.approval == "Rejected" else "other"
    return "refused"


def unmended(dataset: str, config: ModelConfig, world: World) -> str | None:
    """The alarm that asked for a training on that dataset and has not gone quiet since."""
    model = config.model
    asked = history.read(world.state.get(model, history.DOCUMENT))
    because = [
        item.because.split()
        for item in asked
        if item.status == "asked" and item.asked_by is None and _dataset(item, config, world) == dataset
    ]
    for intent, answered in world.state.all(model, "alarm#").items():
        name = f"{world.names.endpoint(model)}-{intent}"
        if answered["status"] != "cleared" and any(name in words for words in because):
            return name
    return None


def last_seconds(jobs: Sequence[TrainingJob], world: World) -> int | None:
    """How long the newest finished training took."""
    done = [job for job in jobs if job.status == "Completed"]
    newest = max(done, key=lambda job: job.created_at, default=None)
    described = world.jobs.get(newest.name) if newest else None
    return described.training_seconds if described else None
