"""Routes that do something. Who calls is who decides: the ARN is kept in the ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path

from perennial.decision import Decision
from perennial.monitoring.monitors import monitors_of
from perennial.reactions import act
from perennial.reactions.adjust_scaling import order_scaling, restore_scaling
from perennial.reactions.retrain import retrain as start_retraining
from perennial.reactions.roll_back import roll_back as start_rollback
from perennial_web.answers import Accepted, DecisionAnswer
from perennial_web.caller import Caller, Config, TheWorld
from perennial_web.errors import Refused
from perennial_web.requests import Analyze, Because, MuteFor, RollBack, Scale

router = APIRouter()
Number = Annotated[int, Path(ge=1)]
REFUSED = frozenset({"approval_refused", "retraining_withheld", "rollback_withheld", "scaling_withheld"})


@router.post("/models/{model}/versions/{version}/approve")
def approve(
    config: Config, version: Number, world: TheWorld, caller: Caller, wish: Because | None = None
) -> DecisionAnswer:
    """Approve a version: it is rolled out. One that is approved already stays so."""
    reason = wish.because if wish else ""
    return _answer(act.approve(config.model, version, world, by=caller, reason=reason))


@router.post("/models/{model}/versions/{version}/reject")
def reject(
    config: Config, version: Number, world: TheWorld, caller: Caller, wish: Because | None = None
) -> DecisionAnswer:
    """Reject a version: if it serves, the newest approved one takes its place."""
    reason = wish.because if wish else ""
    return _answer(act.reject(config.model, version, world, by=caller, reason=reason))


@router.post("/models/{model}/retrain")
def retrain(config: Config, world: TheWorld, caller: Caller, wish: Because | None = None) -> DecisionAnswer:
    """Train on the newest dataset (or traffic) now. Passes the cooldown, never a training under way."""
    because = _because(caller, wish.because if wish else "")
    return _answer(start_retraining(config.model, world, because=because, asked_by=caller))


@router.post("/models/{model}/roll-back")
def roll_back(
    config: Config, world: TheWorld, caller: Caller, wish: RollBack | None = None
) -> DecisionAnswer:
    """Leave the version in service for the approved one before it."""
    wish = wish or RollBack(version=None)
    because = _because(caller, wish.because)
    return _answer(
        start_rollback(config.model, world, because=because, asked_by=caller, version=wish.version)
    )


@router.post("/models/{model}/mute")
def mute(config: Config, world: TheWorld, caller: Caller, wish: MuteFor | None = None) -> DecisionAnswer:
    """Hold messages back for some hours; the ledger goes on."""
    wish = wish or MuteFor(hours=24)
    until = world.now() + timedelta(hours=wish.hours)
    return _answer(act.mute(config.model, world, until=until, by=caller, what=wish.what))


@router.delete("/models/{model}/mute")
def unmute(config: Config, world: TheWorld, caller: Caller) -> DecisionAnswer:
    """End the mute."""
    return _answer(act.unmute(config.model, world, by=caller))


@router.post("/models/{model}/scale")
def scale(config: Config, world: TheWorld, caller: Caller, wish: Scale) -> DecisionAnswer:
    """Raise the least number of instances, or the most, for some hours. What was ordered before is replaced."""
    until = world.now() + timedelta(hours=wish.hours)
    return _answer(
        order_scaling(
            config.model,
            world,
            bound=wish.bound,
            instances=wish.instances,
            until=until,
            by=caller,
            because=wish.because,
        )
    )


@router.delete("/models/{model}/scale")
def end_scale(config: Config, world: TheWorld, caller: Caller) -> DecisionAnswer:
    """End everything that is raised, whoever raised it."""
    return _answer(restore_scaling(config.model, world, by=caller))


@router.post("/models/{model}/analyze", status_code=202)
def analyze(config: Config, world: TheWorld, caller: Caller, wish: Analyze | None = None) -> Accepted:
    """Analyse the traffic of the window that is under way, now."""
    monitors = [each for each in monitors_of(config) if wish is None or wish.monitor in (None, each)]
    if not monitors:
        raise Refused(409, "not_monitored", f"model.yaml of {config.model} asks for no such monitor")
    because = _because(caller, wish.because if wish else "")
    for monitor in monitors:
        world.hints.send(config.model, "analyze_traffic", because, f"{monitor}@now")
    return Accepted(asked=f"the analysis of {', '.join(monitors)} of {config.model}")


def _because(caller: str, why: str) -> str:
    return f"{caller} asked for it" + (f": {why}" if why else "")


def _answer(decision: Decision) -> DecisionAnswer:
    if decision.outcome in REFUSED:
        raise Refused(409, decision.outcome, decision.reason)
    return DecisionAnswer.of(decision)
