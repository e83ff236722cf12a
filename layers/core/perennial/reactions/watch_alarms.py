"""The alarms of a model: put as wanted, deleted when not, and told about when they never received data."""

from __future__ import annotations

from dataclasses import dataclass

from perennial.alarms import episode
from perennial.alarms.intent import alarm_names, parse_alarm
from perennial.alarms.standing import Alarm, Changes, changes, without_data
from perennial.alarms.wanted import Wanted, wanted
from perennial.config import ModelConfig
from perennial.decision import Decision, Severity
from perennial.errors import Conflict
from perennial.monitoring.monitors import is_captured
from perennial.overdue import Due
from perennial.ports import World
from perennial.reactions.owed import owed, told, with_line
from perennial.reactions.reports import newest_folder
from perennial.route import serving

WITHOUT_DATA = "without-data"  # the subject of a hint about alarms that never received data
_TOLD = "alarms"  # the state document: what people know about the alarms


@dataclass(frozen=True)
class Look:
    """A model's alarms as they should be and as they are."""

    wanted: Wanted
    standing: tuple[Alarm, ...]
    changes: Changes


def look(config: ModelConfig, world: World) -> Look:
    """One DescribeAlarms."""
    wish = wanted(config, world.names, world.bucket.name, serving(config.model, world))
    standing = tuple(world.alarms.get(alarm_names(world.names, config.model)))
    return Look(wish, standing, changes(wish, standing, world.names, config.model))


def settle_alarms(config: ModelConfig, world: World, *, because: str) -> Decision | None:
    """Put what is missing or different, delete what is not wanted any more. None when all is as it should be."""
    seen = look(config, world)
    known = world.state.get(config.model, _TOLD) or {}
    impossible = dict(seen.wanted.impossible)
    unheard = {
        intent: why for intent, why in impossible.items() if known.get("impossible", {}).get(intent) != why
    }
    for request in seen.changes.put:
        world.alarms.put(request)
    deleted = world.alarms.delete(seen.changes.delete, config.model)
    if not seen.changes.put and not deleted and not unheard:
        return None
    put = [_intent(request["AlarmName"], world) for request in seen.changes.put]
    parts = [
        f"put: {', '.join(put)}" if put else "",
        f"deleted: {', '.join(_intent(name, world) for name in deleted)}" if deleted else "",
        *(f"no alarm for {intent}: {why}" for intent, why in unheard.items()),
    ]
    reason = "; ".join(part for part in parts if part)
    news: Severity = "warning" if is_captured(config) else "info"  # who captures nothing decided that
    decision = Decision(config.model, because, "alarms_changed", reason, news if unheard else None)
    world.ledger.record(decision)
    latest = world.state.get(config.model, _TOLD) or {}
    world.state.put(config.model, _TOLD, {**latest, "impossible": impossible})
    return decision


def tell_without_data(config: ModelConfig, world: World) -> Decision | None:
    """Say once which alarms never received data since they were put: they are as good as none."""
    document, now = world.state.get(config.model, _TOLD), world.now()
    if late := owed(document, now):
        return _recorded(late, world)
    seen = look(config, world)
    silent = without_data(seen.standing, seen.wanted, config, world.names, now)
    before = (document or {}).get("without_data", {})
    new = {
        intent: alarm for intent, alarm in silent.items() if before.get(intent) != alarm.put_at.isoformat()
    }
    if not new:
        return None
    now_told = {**before, **{intent: alarm.put_at.isoformat() for intent, alarm in new.items()}}
    since = min(alarm.put_at for alarm in new.values())
    reason = (
        f"{', '.join(new)}: no data since {since:%Y-%m-%d %H:%M} UTC, so nothing would ring. Either no window had anything "
        "to judge (no traffic, no labels), or the analysis is not running: look at the newest report, then at the dead letters"
    )
    details = {"alarm": ", ".join(alarm.name for alarm in new.values()), "intent": ", ".join(new)}
    decision = Decision(config.model, "alarms without data", "alarm_without_data", reason, "warning", details)
    known = with_line({**(document or {}), "without_data": now_told}, decision, now)
    try:
        world.state.put(config.model, _TOLD, known, expected=document)
    except Conflict:
        return None
    return _recorded(decision, world)


def _recorded(decision: Decision, world: World) -> Decision:
    world.ledger.record(decision)
    told(decision.model, _TOLD, world)
    return decision


def overdue_alarms(config: ModelConfig, world: World) -> list[Due]:
    """What the sweep hands on: alarms that ring unanswered, differ from the configuration, or never had data."""
    model, seen, now = config.model, look(config, world), world.now()
    due: list[Due] = []
    episodes = world.state.all(model, episode.PREFIX)
    for alarm in seen.standing:
        parsed = parse_alarm(world.names, alarm.name)
        known = episodes.get(parsed.intent) if parsed else None
        if parsed and (
            owed(known, now) or (alarm.state == "OK" and episode.unended(known, alarm.since, now))
        ):
            due.append(Due("answer_alarm", f"nobody heard of the end of alarm {alarm.name}", parsed.intent))
        if parsed is None or alarm.state != "ALARM":
            continue
        newest = newest_folder(parsed.intent, config, world)
        step = episode.next_step(known, alarm.since, "sweep", now, newest)
        if step.do == "answer":
            due.append(Due("answer_alarm", f"alarm {alarm.name} rings: {step.reason}", parsed.intent))
    if seen.changes:
        due.append(Due("settle_endpoint", "its alarms are not as model.yaml wants them"))
    document = world.state.get(model, _TOLD)
    heard = (document or {}).get("without_data", {})
    silent = without_data(seen.standing, seen.wanted, config, world.names, now)
    unheard = any(heard.get(intent) != alarm.put_at.isoformat() for intent, alarm in silent.items())
    if unheard or owed(document, now):
        due.append(Due("answer_alarm", "alarms never received data", WITHOUT_DATA))
    return due


def _intent(name: str, world: World) -> str:
    parsed = parse_alarm(world.names, name)
    return parsed.intent if parsed else name
