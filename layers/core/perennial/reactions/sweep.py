"""The sweep: the same decisions as the events', taken from state alone. It only reads, and hands on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from perennial import layout, route
from perennial.config import ModelConfig
from perennial.deployment import BROKEN, IN_PROGRESS, settle
from perennial.intake.completeness import MANIFEST
from perennial.overdue import Due, overdue
from perennial.ports import World
from perennial.reactions import (
    component_steps,
    guards,
    late_rollouts,
    settle_concurrency,
    settle_scaling,
    shadow_tests,
)
from perennial.reactions.configure_model import unseen
from perennial.reactions.datasets import pinned
from perennial.reactions.drops import undecided_drops
from perennial.reactions.owed import untold_rollout, untold_start
from perennial.reactions.settle_endpoint import UNTOLD
from perennial.reactions.waiting import is_due
from perennial.reactions.watch_alarms import overdue_alarms
from perennial.reactions.watching import due_monitors
from perennial.retraining import history
from perennial.training import plan

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swept:
    """What a sweep found: how many models, what is due, and the models that could not be looked at."""

    models: int
    due: tuple[tuple[str, Due], ...]
    failed: tuple[str, ...]


def sweep(world: World) -> Swept:
    """Look at every model. One that fails does not keep the others from being looked at."""
    due: list[tuple[str, Due]] = []
    failed: list[str] = []
    models = sorted({*world.catalog.models(), *world.bucket.names_under(layout.MODELS_PREFIX)})
    for model in models:
        try:
            found = _due(model, world)
            for item in found:
                world.hints.send(model, item.reaction, f"sweep: {item.because}", item.subject)
        except Exception:
            logger.exception("sweep of model %s failed", model)
            failed.append(model)
        else:
            due += [(model, item) for item in found]
    return Swept(len(models), tuple(due), tuple(failed))


def _due(model: str, world: World) -> list[Due]:
    config = world.catalog.get(model)
    due = _overdue(config, world) if config else []
    if config and is_due(model, config.notify, world):
        due.append(Due("notify", "messages waited for this time"))
    if unseen(model, world):
        due.append(Due("configure_model", f"{layout.config_key(model)} was not looked at yet"))
    return due


def _overdue(config: ModelConfig, world: World) -> list[Due]:
    model, now = config.model, world.now()
    jobs = world.jobs.of_model(model)
    judged = frozenset(job for job, verdict in world.state.all(model, "job#").items() if verdict["told"])
    rollout = world.state.rollout(model)
    place = route.look(config, world)
    endpoint = place.present
    deployment = shadow_tests.planned(place, rollout, config, world)
    training = plan(list(pinned(config, world.state).values()), jobs, config, world.names, now)
    drops: Mapping[str, str] = undecided_drops(config, world)
    settlement = settle(place.at(rollout, world) if rollout else endpoint, rollout, now)
    due = overdue(drops, training, jobs, judged, deployment, settlement)
    if wish := _uncollected(model, world):
        due.append(Due("collect_traffic", wish.because, wish.drop))
    if started := untold_start(model, jobs, world):
        due.append(Due("start_training", f"the ledger does not say that {started.details['job']} started"))
    if begun := untold_rollout(model, place.at(rollout, world) if rollout else endpoint, rollout, world):
        due.append(Due("deploy_model", f"the ledger does not say yet: {begun[1].reason}"))
    if route.abandoned(place, rollout, world):
        due.append(Due("deploy_model", "a change of kind was taken back"))
    if left := route.left_over(place, rollout, deployment, world):
        due.append(Due("settle_endpoint", f"{left} serves nobody any more"))
    step = component_steps.due(place.at(rollout, world) if rollout else endpoint, rollout, model, world)
    if step.action != "nothing":
        due.append(Due("settle_endpoint", step.reason))
    if why_late := late_rollouts.due(model, place.at(rollout, world) if rollout else None, rollout, world):
        due.append(Due("settle_endpoint", why_late))
    if rollout and rollout.untold:
        due.append(Due("settle_endpoint", f"nobody heard how version {rollout.version} ended", UNTOLD))
    settled = endpoint is None or endpoint.status not in IN_PROGRESS
    if guards.standing(model, world) and settled and deployment.action == "nothing" and not due:
        due.append(Due("settle_endpoint", "a rollout left its alarms or its hold on scaling"))
    ended = rollout is not None and rollout.status not in ("starting", "started")
    served = ended and endpoint is not None and endpoint.status not in BROKEN
    if ended and endpoint and endpoint.status == "InService" and not place.moves:
        what_scales = settle_concurrency if config.endpoint.serverless else settle_scaling
        why = what_scales.is_due(config, endpoint.name, world)
        due += [Due("settle_endpoint", why)] if why else []
    return due + due_monitors(config, endpoint, world) + (overdue_alarms(config, world) if served else [])


def _uncollected(model: str, world: World) -> history.Asked | None:
    """A training that was asked for on traffic, which nobody has collected."""
    wish = history.to_collect(history.read(world.state.get(model, history.DOCUMENT)), world.now())
    if wish is None or wish.drop is None:
        return None
    return None if world.bucket.list(layout.drop_prefix(model, wish.drop) + MANIFEST) else wish
