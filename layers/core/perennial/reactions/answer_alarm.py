"""An alarm changed its state: find out what it means, do what model.yaml says, and tell it once.

The event is a hint; DescribeAlarms is the truth. Whatever repeats an episode of ALARM (duplicates, replays, retries,
the sweep) meets its document and leaves it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perennial import drill
from perennial.alarms import episode
from perennial.alarms.attribution import why_not_the_version
from perennial.alarms.diagnosis import Diagnosis, diagnose, not_running, what_follows
from perennial.alarms.intent import AlarmName, Intent, alarm_name, cadence, fire_drill_name, parse_alarm
from perennial.alarms.standing import Alarm
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.errors import Conflict
from perennial.events import AlarmDetail
from perennial.ports import World
from perennial.reactions import roll_back as rolling_back
from perennial.reactions.adjust_scaling import adjust_scaling
from perennial.reactions.reports import reports_for
from perennial.reactions.retrain import retrain
from perennial.reactions.watch_alarms import WITHOUT_DATA, tell_without_data
from perennial.sections_watching import Reaction


def on_alarm(detail: AlarmDetail, event_id: str, world: World) -> Decision | None:
    """None for alarms that are none of ours, such as those of queues and of scaling."""
    if detail.alarm_name == fire_drill_name(world.names):
        return _drill(detail, world)
    parsed = parse_alarm(world.names, detail.alarm_name)
    config = world.catalog.get(parsed.model) if parsed else None
    if parsed is None or config is None:
        return None
    went_quiet = (
        parsed.intent == "silence"
        and detail.state.value == "INSUFFICIENT_DATA"
        and detail.previous_state is not None
        and detail.previous_state.value != "INSUFFICIENT_DATA"
    )
    return _answer(parsed, config, event_id, world, went_quiet=went_quiet)


def answer_hint(model: str, subject: str, event_id: str, world: World) -> Decision | None:
    """What the sweep asks for: an alarm (`subject` is its intent) rings and nobody answered, or alarms have no data."""
    config = world.catalog.get(model)
    if config is None:
        return None
    if subject == WITHOUT_DATA:
        return tell_without_data(config, world)
    parsed = parse_alarm(world.names, f"{world.names.endpoint(model)}-{subject}")
    return _answer(parsed, config, event_id, world, went_quiet=False) if parsed else None


def _answer(
    parsed: AlarmName, config: ModelConfig, event_id: str, world: World, *, went_quiet: bool
) -> Decision | None:
    name = alarm_name(world.names, parsed.model, parsed.intent)
    alarm = next(iter(world.alarms.get([name])), None)
    if alarm is None:
        return Decision(parsed.model, f"alarm {name}", "nothing", "there is no such alarm any more")
    known = world.state.get(parsed.model, episode.key(parsed.intent))
    if alarm.state == "ALARM" or (went_quiet and alarm.state == "INSUFFICIENT_DATA"):
        return _ringing(alarm, parsed, config, known, event_id, world)
    return _at_rest(alarm, parsed, known, world)


def _ringing(
    alarm: Alarm,
    parsed: AlarmName,
    config: ModelConfig,
    known: Mapping[str, Any] | None,
    event_id: str,
    world: World,
) -> Decision:
    """Claim the episode, diagnose, react, tell; the episode is answered last, so that a killed handler goes on."""
    model, intent, now = parsed.model, parsed.intent, world.now()
    fact = f"alarm {alarm.name} is {alarm.state} since {alarm.since:%Y-%m-%d %H:%M:%S} UTC"
    step = episode.next_step(known, alarm.since, event_id, now)
    if step.do == "leave":
        return Decision(model, fact, "nothing", step.reason)
    claim = episode.claimed(known, alarm.since, event_id, now)
    try:
        world.state.put(model, episode.key(intent), claim, expected=known)
    except Conflict:
        return Decision(model, fact, "nothing", "another event is answering it")
    reports = reports_for(intent, config, world)
    if alarm.state == "ALARM":
        diagnosis = diagnose(intent, reports, config, alarm.reason)
    else:
        diagnosis = not_running(reports.newest())
    version = _serving(model, world)
    if diagnosis.pending:
        return _not_yet(diagnosis, fact, claim, known, parsed, world)
    details = _details(alarm, intent, diagnosis, version)
    if episode.flaps(claim, diagnosis.outcome, version, episode.cooldown(config, intent), now):
        reason = f"the same was told at {claim['answered_at']}, so the alarm flaps: {diagnosis.reason}"
        decision = Decision(model, fact, "alarm_ignored", reason, None, details | {"action": "nothing again"})
        done = episode.ended(claim, "answered", now)
    else:
        decision = _act(diagnosis, fact, details, parsed, config, version, world)
        done = episode.answered(
            claim, decision.outcome, decision.reason, diagnosis.signature, version, world.now()
        )
    world.ledger.record(decision)
    world.state.put(model, episode.key(intent), done, expected=claim)
    return decision


def _act(
    diagnosis: Diagnosis,
    fact: str,
    details: Mapping[str, str],
    parsed: AlarmName,
    config: ModelConfig,
    version: int | None,
    world: World,
) -> Decision:
    """Do what follows, each in its own decision, and sum it up in the alarm's."""
    asked, instead = what_follows(diagnosis, parsed.intent, config)
    done = [
        _react(reaction, diagnosis, fact, parsed, config, version, world)
        for reaction in asked
        if reaction != "notify"
    ]
    words = [f"{_spoken(each.outcome)}: {each.reason}" for each in done] + ([instead] if instead else [])
    action = "; ".join(words) or ("nothing but telling" if asked else "nothing")
    told = diagnosis.severity if "notify" in asked or diagnosis.outcome == "alarm_ignored" else None
    reason = f"{diagnosis.reason}. {_sentence(action)}"
    return Decision(parsed.model, fact, diagnosis.outcome, reason, told, {**details, "action": action})


def _react(
    reaction: Reaction,
    diagnosis: Diagnosis,
    fact: str,
    parsed: AlarmName,
    config: ModelConfig,
    version: int | None,
    world: World,
) -> Decision:
    model = parsed.model
    if reaction == "retrain":
        return retrain(model, world, because=fact, signature=diagnosis.signature)
    if reaction == "scale":
        return adjust_scaling(model, world, because=fact)
    why_not = _why_not_back(diagnosis, parsed.intent, config, version, world)
    if why_not:
        return rolling_back.withheld(model, world, because=fact, reason=why_not)
    return rolling_back.roll_back(model, world, because=fact, version=version)


def _why_not_back(
    diagnosis: Diagnosis, intent: Intent, config: ModelConfig, version: int | None, world: World
) -> str | None:
    """Why an older version would not help; the endpoint's own metrics are not asked that question."""
    if diagnosis.report is None or version is None:
        return None
    period, _ = cadence(config, intent)
    since = diagnosis.report.summary.window.start
    rollout = world.state.rollout(config.model)
    return why_not_the_version(rollout, version, since, period, drifted=not diagnosis.attributed)


def _not_yet(
    diagnosis: Diagnosis,
    fact: str,
    claim: Mapping[str, Any],
    known: Mapping[str, Any] | None,
    parsed: AlarmName,
    world: World,
) -> Decision:
    """Too early to say: the sweep asks again. Kept in the ledger once, not every ten minutes."""
    decision = Decision(
        parsed.model, fact, "alarm_ignored", diagnosis.reason, None, {"intent": parsed.intent}
    )
    if known is None or known["episode"] != claim["episode"]:
        world.ledger.record(decision)
    waiting = episode.ended(claim, "pending", world.now())
    world.state.put(parsed.model, episode.key(parsed.intent), waiting, expected=claim)
    return decision


def _at_rest(
    alarm: Alarm, parsed: AlarmName, known: Mapping[str, Any] | None, world: World
) -> Decision | None:
    """OK again. Who heard of the trouble hears of its end."""
    model, now = parsed.model, world.now()
    fact = f"alarm {alarm.name} is {alarm.state} since {alarm.since:%Y-%m-%d %H:%M:%S} UTC"
    if alarm.state != "OK" or known is None or known["status"] == "cleared":
        return Decision(model, fact, "nothing", "nobody was told of any trouble")
    cleared = episode.ended(known, "cleared", now)
    try:
        world.state.put(model, episode.key(parsed.intent), cleared, expected=known)
    except Conflict:
        return Decision(model, fact, "nothing", "another event is telling it")
    told = known["told"] and known.get("outcome") != "alarm_ignored"
    reason = f"{parsed.intent} is well again: {alarm.reason}"
    details = {"alarm": alarm.name, "intent": parsed.intent, "cleared": known.get("outcome", "")}
    decision = Decision(model, fact, "alarm_cleared", reason, "info" if told else None, details)
    world.ledger.record(decision)
    return decision


def _drill(detail: AlarmDetail, world: World) -> Decision | None:
    """A marked test: it goes the same way as an alarm, and nothing follows but the message."""
    found = drill.read(detail.state.reason_data)
    if detail.state.value != "ALARM" or found is None or world.catalog.get(found.model) is None:
        return None
    details = {"drill": found.id, "alarm": detail.alarm_name, "intent": drill.INTENT, "action": "nothing"}
    reason = "this is a fire drill: a test of the way from an alarm to you. Nothing is wrong"
    decision = Decision(found.model, f"fire drill {found.id}", drill.OUTCOME, reason, "warning", details)
    world.ledger.record(decision)
    return decision


def _details(alarm: Alarm, intent: Intent, diagnosis: Diagnosis, version: int | None) -> dict[str, str]:
    report = diagnosis.report
    found = {"alarm": alarm.name, "intent": intent}
    if report:
        found |= {"summary": report.summary_key, "report": report.page_key}
    if version is not None:
        found["version"] = str(version)
    return found


def _serving(model: str, world: World) -> int | None:
    endpoint = world.endpoints.get(world.names.endpoint(model))
    parsed = world.names.parse_endpoint_config(endpoint.config_name) if endpoint else None
    return parsed.version if parsed else None


def _spoken(outcome: str) -> str:
    return outcome.replace("_", " ")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
