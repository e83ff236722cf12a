"""An alarm changed its state: find out what it means, do what model.yaml says, and tell it once.

The event is a hint; DescribeAlarms is the truth. Whatever repeats an episode of ALARM (duplicates, replays, retries,
the sweep) meets its document and leaves it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial import drill
from perennial.alarms import episode
from perennial.alarms.attribution import A_DAY, PROVEN_AFTER, why_not_the_version
from perennial.alarms.diagnosis import (
    SILENT_WINDOWS,
    Diagnosis,
    diagnose,
    not_running,
    still_silent,
    what_follows,
)
from perennial.alarms.intent import AlarmName, Intent, alarm_name, cadence, parse_alarm
from perennial.alarms.standing import Alarm, not_yet_fed
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.errors import Conflict
from perennial.events import AlarmDetail, AlarmStateDetail
from perennial.ports import World
from perennial.reactions import roll_back as rolling_back
from perennial.reactions.adjust_scaling import adjust_scaling
from perennial.reactions.owed import owed, told, with_line
from perennial.reactions.reports import newest_folder, reports_for
from perennial.reactions.retrain import AGAIN_AT, retrain
from perennial.reactions.watch_alarms import WITHOUT_DATA, tell_without_data
from perennial.route import serving
from perennial.sections_watching import Reaction


def on_alarm(detail: AlarmDetail, event_id: str, world: World) -> Decision | None:
    """None for alarms that are none of ours, such as those of queues and of scaling."""
    if detail.alarm_name == drill.alarm_name(world.names.prefix):
        return _drill(detail, world)
    parsed = parse_alarm(world.names, detail.alarm_name)
    config = world.catalog.get(parsed.model) if parsed else None
    if parsed is None or config is None:
        return None
    before = detail.previous_state
    went_quiet = (
        parsed.intent == "silence"
        and detail.state.value == "INSUFFICIENT_DATA"
        and before is not None
        and before.value != "INSUFFICIENT_DATA"
    )
    return _answer(parsed, config, event_id, world, before if went_quiet else None)


def answer_hint(model: str, subject: str, event_id: str, world: World) -> Decision | None:
    """What the sweep asks for: an alarm (`subject` is its intent) rings and nobody answered, or alarms have no data."""
    config = world.catalog.get(model)
    if config is None:
        return None
    if subject == WITHOUT_DATA:
        return tell_without_data(config, world)
    parsed = parse_alarm(world.names, f"{world.names.endpoint(model)}-{subject}")
    return _answer(parsed, config, event_id, world) if parsed else None


def _answer(
    parsed: AlarmName,
    config: ModelConfig,
    event_id: str,
    world: World,
    fed: AlarmStateDetail | None = None,
) -> Decision | None:
    """`fed` is the state with data that an alarm on silence left, if it went quiet."""
    name = alarm_name(world.names, parsed.model, parsed.intent)
    alarm = next(iter(world.alarms.get([name])), None)
    if alarm is None:
        return Decision(parsed.model, f"alarm {name}", "nothing", "there is no such alarm any more")
    known = world.state.get(parsed.model, episode.key(parsed.intent))
    quiet = fed if alarm.state == "INSUFFICIENT_DATA" else None
    if quiet:
        last = reports_for(parsed.intent, config, world).newest()
        until = last.summary.window.end if last else None
        if too_early := not_yet_fed(alarm, quiet.timestamp, until, parsed.intent, config):
            return Decision(parsed.model, _fact(alarm), "nothing", too_early)
    if alarm.state == "ALARM" or quiet:
        case = _Case(alarm, parsed.intent, config, _serving(parsed.model, world))
        return _ringing(case, known, event_id, world)
    return _at_rest(alarm, parsed, known, world)


@dataclass(frozen=True)
class _Case:
    """An alarm that rings, and what it is about. `version` is the one in service."""

    alarm: Alarm
    intent: Intent
    config: ModelConfig
    version: int | None

    @property
    def model(self) -> str:
        return self.config.model

    @property
    def fact(self) -> str:
        return _fact(self.alarm)


def _ringing(case: _Case, known: Mapping[str, Any] | None, event_id: str, world: World) -> Decision:
    """Claim the episode, diagnose, react, tell; the episode is answered last, so that a killed handler goes on."""
    alarm, intent, now = case.alarm, case.intent, world.now()
    newest = newest_folder(intent, case.config, world)
    step = episode.next_step(known, alarm.since, event_id, now, newest)
    if step.do == "leave":
        return Decision(case.model, case.fact, "nothing", step.reason)
    claim = episode.claimed(known, alarm.since, event_id, now)
    try:
        world.state.put(case.model, episode.key(intent), claim, expected=known)
    except Conflict:
        return Decision(case.model, case.fact, "nothing", "another event is answering it")
    reports = reports_for(intent, case.config, world)
    if alarm.state == "ALARM":
        diagnosis = diagnose(intent, reports, case.config, alarm.reason)
    else:
        diagnosis = not_running(reports.newest())
    if diagnosis.pending and now - alarm.since < SILENT_WINDOWS * cadence(case.config, intent)[0]:
        return _not_yet(case, diagnosis, claim, known, world)
    if diagnosis.pending:
        diagnosis = still_silent(diagnosis)
    lasting, again = episode.lasts(known, alarm.since), episode.due_again(known, now)
    cooldown = episode.cooldown(case.config, intent)
    trouble = episode.trouble(diagnosis.outcome, diagnosis.signature, case.version)
    if lasting and not again and (diagnosis.outcome == "alarm_ignored" or trouble in claim["troubles"]):
        decision, done = _same(case, diagnosis), episode.left(claim, newest, now)
    elif not again and episode.known_trouble(claim, trouble, cooldown, now):
        decision, done = _flapping(case, diagnosis), episode.left(claim, newest, now)
        world.ledger.record(decision)
    else:
        decision = _act(case, diagnosis, world)
        again_at = decision.details.get(AGAIN_AT)
        done = episode.answered(claim, decision.outcome, trouble, newest, cooldown, world.now(), again_at)
        world.ledger.record(decision)
    world.state.put(case.model, episode.key(intent), done, expected=claim)
    return decision


def _same(case: _Case, diagnosis: Diagnosis) -> Decision:
    """A newer report of a trouble that lasts shows nothing new."""
    return Decision(case.model, case.fact, "nothing", f"it still rings, for the same: {diagnosis.reason}")


def _flapping(case: _Case, diagnosis: Diagnosis) -> Decision:
    reason = f"the same was told a short time ago, so the alarm flaps: {diagnosis.reason}"
    details = _details(case, diagnosis) | {"action": "nothing again"}
    return Decision(case.model, case.fact, "alarm_ignored", reason, None, details)


def _act(case: _Case, diagnosis: Diagnosis, world: World) -> Decision:
    """Do what follows, each in its own decision, and sum it up in the alarm's."""
    asked, instead = what_follows(diagnosis, case.intent, case.config)
    done = [_react(reaction, case, diagnosis, world) for reaction in asked if reaction != "notify"]
    words = [f"{_spoken(each.outcome)}: {each.reason}" for each in done] + ([instead] if instead else [])
    action = "; ".join(words) or ("nothing but telling" if asked else "nothing")
    news = diagnosis.severity if "notify" in asked or diagnosis.outcome == "alarm_ignored" else None
    reason = f"{diagnosis.reason}. {_sentence(action)}"
    again = [each.details[AGAIN_AT] for each in done if AGAIN_AT in each.details]
    details = _details(case, diagnosis) | {"action": action} | ({AGAIN_AT: min(again)} if again else {})
    return Decision(case.model, case.fact, diagnosis.outcome, reason, news, details)


def _react(reaction: Reaction, case: _Case, diagnosis: Diagnosis, world: World) -> Decision:
    if reaction == "retrain":
        return retrain(case.model, world, because=case.fact, signature=diagnosis.signature)
    if reaction == "scale":
        return adjust_scaling(case.model, world, because=case.fact)
    why_not = _why_not_back(case, diagnosis, world)
    if why_not:
        return rolling_back.withheld(case.model, world, because=case.fact, reason=why_not)
    return rolling_back.roll_back(case.model, world, because=case.fact, version=case.version)


def _why_not_back(case: _Case, diagnosis: Diagnosis, world: World) -> str | None:
    """Why an older version would not help."""
    if case.version is None:
        return None  # rolling back says so itself
    report = diagnosis.report
    if report:
        period, _ = cadence(case.config, case.intent)
        lost = (report.summary.window.start, report.summary.window.end)
        proven = PROVEN_AFTER * period
    else:
        lost, proven = (case.alarm.since, case.alarm.since), A_DAY
    rollout = world.state.rollout(case.model)
    return why_not_the_version(rollout, case.version, lost, proven, drifted=not diagnosis.attributed)


def _not_yet(
    case: _Case,
    diagnosis: Diagnosis,
    claim: Mapping[str, Any],
    known: Mapping[str, Any] | None,
    world: World,
) -> Decision:
    """Too early to say: the sweep asks again. Kept in the ledger once, not every ten minutes."""
    details = _details(case, diagnosis)
    decision = Decision(case.model, case.fact, "alarm_ignored", diagnosis.reason, None, details)
    if known is None or known["episode"] != claim["episode"]:
        world.ledger.record(decision)
    waiting = episode.ended(claim, "pending", world.now())
    world.state.put(case.model, episode.key(case.intent), waiting, expected=claim)
    return decision


def _at_rest(
    alarm: Alarm, parsed: AlarmName, known: Mapping[str, Any] | None, world: World
) -> Decision | None:
    """OK again. Who heard of the trouble hears of its end."""
    model, now = parsed.model, world.now()
    fact = _fact(alarm)
    if late := owed(known, now):
        return _end_told(late, parsed.intent, world)
    if alarm.state != "OK" or known is None or known["status"] == "cleared":
        return Decision(model, fact, "nothing", "nobody was told of any trouble")
    heard = known["told"] and known.get("outcome") != "alarm_ignored"
    reason = f"{parsed.intent} is well again: {alarm.reason}"
    details = {"alarm": alarm.name, "intent": parsed.intent, "cleared": known.get("outcome", "")}
    decision = Decision(model, fact, "alarm_cleared", reason, "info" if heard else None, details)
    cleared = with_line(episode.ended(known, "cleared", now), decision, now)
    try:
        world.state.put(model, episode.key(parsed.intent), cleared, expected=known)
    except Conflict:
        return Decision(model, fact, "nothing", "another event is telling it")
    return _end_told(decision, parsed.intent, world)


def _end_told(decision: Decision, intent: Intent, world: World) -> Decision:
    world.ledger.record(decision)
    told(decision.model, episode.key(intent), world)
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


def _details(case: _Case, diagnosis: Diagnosis) -> dict[str, str]:
    found = {"alarm": case.alarm.name, "intent": case.intent}
    if diagnosis.report:
        found |= {"summary": diagnosis.report.summary_key, "report": diagnosis.report.page_key}
    if case.version is not None:
        found["version"] = str(case.version)
    return found


def _fact(alarm: Alarm) -> str:
    return f"alarm {alarm.name} is {alarm.state} since {alarm.since:%Y-%m-%d %H:%M:%S} UTC"


def _serving(model: str, world: World) -> int | None:
    endpoint = world.endpoints.get(serving(model, world).endpoint)
    parsed = world.names.parse_endpoint_config(endpoint.config_name) if endpoint else None
    return parsed.version if parsed else None


def _spoken(outcome: str) -> str:
    return outcome.replace("_", " ")


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
