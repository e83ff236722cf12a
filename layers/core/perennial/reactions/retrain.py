"""A training is asked for, by an alarm or by a person: start it within the governor's limits, or say why not."""

from __future__ import annotations

from datetime import datetime, timedelta

from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.names import digest
from perennial.ports import World
from perennial.reactions.datasets import pinned
from perennial.reactions.trainings import in_flight, in_service, last_seconds, past
from perennial.retraining import history, prices
from perennial.retraining.governor import Plan, rule
from perennial.retraining.history import Asked
from perennial.retraining.source import Source, newest_untrained
from perennial.words import counted

DROP = "retraining-"
AGAIN_AT = "again-at"  # the detail of a withheld training: when nothing but time will have changed
RETRIED_WITHIN = timedelta(minutes=10)


def retrain(
    model: str,
    world: World,
    *,
    because: str,
    asked_by: str | None = None,
    signature: str | None = None,
) -> Decision:
    """Ask for a training. The decision is in the ledger; for a person it is news, an alarm's message tells its own.

    `because` names the alarm's episode, so that a repeated handler asks once; `signature` is equal for the same
    trouble again. A person passes every limit but one training at a time. Raises Conflict when another training
    was asked for at the same moment: a retry sees that one.
    """
    config = world.catalog.get(model)
    if config is None:
        return _withheld(model, because, "there is no valid model.yaml", asked_by, world)
    document = world.state.get(model, history.DOCUMENT)
    asked = history.read(document)
    last = asked[-1] if asked else None
    if last and not asked_by and last.because == because and world.now() - last.at < RETRIED_WITHIN:
        return _start(last, config, "asked for by this alarm already", world)
    jobs = world.jobs.of_model(model)
    serving, _ = in_service(config, world)
    busy = in_flight(config, jobs, asked, serving, world)
    source = _source(config, world)
    if busy is None and source.dataset is None and not source.collect:
        return _withheld(model, because, source.reason, asked_by, world)
    plan = _plan(source, config, signature or f"asked-{digest(because, 8)}", world)
    earlier = past(asked, plan.signature, serving, config, jobs, world)
    ruling = rule(config.retraining, plan, earlier, busy, world.now(), by_person=asked_by is not None)
    if not ruling.allowed:
        return _withheld(model, because, ruling.reason, asked_by, world, ruling.again_at)
    wish = Asked(
        at=world.now(),
        signature=plan.signature,
        because=because,
        usd=plan.usd,
        instance=config.training.instance,
        data=config.retraining.data,
        asked_by=asked_by,
        dataset=plan.dataset,
        drop=None if plan.dataset else f"{DROP}{world.now():%Y%m%dT%H%M%S}",
    )
    world.state.put(model, history.DOCUMENT, history.written([*asked, wish], world.now()), expected=document)
    return _start(wish, config, f"{source.reason}; {ruling.reason}", world)


def _source(config: ModelConfig, world: World) -> Source:
    """The newest dataset; for a model that learns from its traffic always something new, to be collected."""
    if config.retraining.data == "traffic":
        return Source(None, "its recent traffic is new", collect=True)
    _, trained = in_service(config, world)
    outcomes = {name: verdict["reason"] for name, verdict in world.state.all(config.model, "job#").items()}
    datasets = list(pinned(config, world.state).values())
    jobs = world.jobs.of_model(config.model)
    return newest_untrained(datasets, jobs, trained, config.training_hash, outcomes, world.names)


def _plan(source: Source, config: ModelConfig, signature: str, world: World) -> Plan:
    instance = config.training.instance
    taken = last_seconds(world.jobs.of_model(config.model), world)
    seconds = prices.planned_seconds(taken, config.training.max_minutes)
    dataset = source.dataset.version if source.dataset else None
    return Plan(signature, dataset, prices.cost(instance, seconds), prices.price(instance).note)


def _start(wish: Asked, config: ModelConfig, reason: str, world: World) -> Decision:
    """Wake the reaction that collects traffic, or the one that trains on what is pinned."""
    model, details = config.model, {"cost": f"{wish.usd:.2f} USD at most"}
    if wish.drop:
        world.hints.send(model, "collect_traffic", wish.because, wish.drop)
        days = config.retraining.traffic_days
        details["drop"] = wish.drop
        what = (
            f"the traffic since it changed, of at most {counted(days, 'day')}, becomes drop {wish.drop} with its labels "
            "and is trained on"
        )
    else:
        world.hints.send(model, "start_training", wish.because)
        dataset = wish.dataset or ""
        details |= {
            "dataset": dataset,
            "job": world.names.training_job(model, dataset, config.training_hash),
        }
        what = f"dataset {dataset} is trained on"
    return _told(
        "retraining_started", f"{what}: {reason}", wish.because, wish.asked_by, details, model, world
    )


def _withheld(
    model: str,
    because: str,
    reason: str,
    asked_by: str | None,
    world: World,
    again_at: datetime | None = None,
) -> Decision:
    details = {AGAIN_AT: again_at.isoformat()} if again_at else {}
    return _told("retraining_withheld", reason, because, asked_by, details, model, world)


def _told(
    outcome: str,
    reason: str,
    because: str,
    asked_by: str | None,
    details: dict[str, str],
    model: str,
    world: World,
) -> Decision:
    by = {"by": asked_by} if asked_by else {}
    decision = Decision(model, because, outcome, reason, "info" if asked_by else None, details | by)
    world.ledger.record(decision)
    return decision
