"""From a decision to a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from shlex import quote
from typing import TYPE_CHECKING

from perennial.approvals import ALL_THE_SAME
from perennial.decision import Decision
from perennial.intents import Action
from perennial.names import Names, digest
from perennial.notifications import console
from perennial.notifications.kinds import Kind, kind_of
from perennial.notifications.message import MARKS, Button, Fact, Link, Message, Moved, Urgency
from perennial.words import counted

if TYPE_CHECKING:
    from perennial.monitoring.summary import Summary

MOST_MOVED = 5
MOST_FACTS = 60
# These have their own place in the message, or are of no use to a person.
_PLACED = frozenset(
    {
        *("action", "intent", "summary", "report", "log", "log-group", "version", "endpoint", "alarm"),
        *("config-hash", "endpoint-hash"),  # the ledger compares them; they tell a person nothing
    }
)
_BUTTONS: Mapping[Action, Button] = {
    "approve": Button("approve", "Approve", "primary"),
    "reject": Button("reject", "Reject", "danger", "It will not serve, or stop serving."),
    "roll_back": Button(
        "roll_back", "Roll back", "danger", "The approved version before it takes all traffic."
    ),
    "retrain": Button(
        "retrain", "Retrain now", None, "A training job is started; it costs its instance's time."
    ),
    "mute": Button("mute", "Mute for 24 h", None),
}
_NEEDS_VERSION: frozenset[Action] = frozenset({"approve", "reject"})
# As an alarm's answer spells them in its `action`.
_HANDLED = ("retraining started", "rollback started", "scaling adjusted")
_NOTHING = ("", "nothing", "nothing but telling")
_SOFTER: Mapping[Urgency, Urgency] = {"now": "soon", "soon": "none", "none": "none"}
_WORST: Mapping[Urgency, int] = {"none": 0, "soon": 1, "now": 2}
_HEAVIEST = {"info": 0, "warning": 1, "error": 2}


@dataclass(frozen=True)
class Place:
    """Where this stack lives: what links need."""

    names: Names
    bucket: str
    region: str


def delivery_key(decision: Decision) -> str:
    """Names the delivery of a decision: the drill's own id, else the decision's words."""
    return decision.details.get("drill") or digest(decision.as_dict(), 24)


def compose(decision: Decision, place: Place, at: datetime, summary: Summary | None = None) -> Message:
    """What people are told about a decision that is news."""
    details = decision.details
    severity = decision.news or "info"
    kind = kind_of(decision.outcome, severity, details)
    endpoint = _endpoint(decision, place)
    words = _words(decision, place)
    urgency = _urgency(kind, decision)
    intent = details.get("intent", "")
    buttons = tuple(
        button for action in kind.buttons if (button := _button(action, decision, intent)) is not None
    )
    features = summary.features or () if summary else ()
    return Message(
        key=delivery_key(decision),
        stack=place.names.prefix,
        model=decision.model,
        outcome=decision.outcome,
        severity=severity,
        urgency=urgency,
        title=kind.title.format_map(words),
        ask=kind.ask.format_map(words) if urgency != "none" or kind.urgency == "none" else "",
        why=_why(decision),
        did=_did(decision, kind, words),
        fact=decision.fact,
        at=at,
        topic=intent or kind.topic or decision.outcome,
        resolves=kind.resolves,
        endpoint=endpoint,
        moved=_moved(summary),
        features=len(features),
        facts=(*_window(summary), *_facts(details))[:MOST_FACTS],
        log=details.get("log", ""),
        links=_links(decision, place),
        commands=_commands(buttons, decision.model, place.names),
        buttons=buttons,
    )


def collect(parts: Sequence[Message], because: str, at: datetime, left_out: int = 0) -> Message:
    """One message for many of one model: the digest. The most urgent come first."""
    ordered = sorted(parts, key=lambda part: (-_WORST[part.urgency], part.at))
    urgency = ordered[0].urgency
    waiting = sum(1 for part in parts if part.urgency != "none")
    first = ordered[0]
    total = len(parts) + left_out
    return Message(
        key=digest([part.key for part in parts], 24),
        stack=first.stack,
        model=first.model,
        outcome="digest",
        severity=max((part.severity for part in parts), key=lambda severity: _HEAVIEST[severity]),
        urgency=urgency,
        title=f"{counted(total, 'message')} in one",
        ask=f"{waiting} of {total} {'needs' if waiting == 1 else 'need'} you." if waiting else "",
        why=because,
        did="",
        fact="",
        at=at,
        topic="digest",
        endpoint=first.endpoint,
        commands=tuple(dict.fromkeys(command for part in ordered for command in part.commands))[:MOST_MOVED],
        parts=tuple(ordered),
        left_out=left_out,
    )


def line_of(part: Message) -> str:
    """A part of a digest, on one line."""
    return f"{MARKS[part.urgency]} {part.at:%H:%M} {part.title}"


def _endpoint(decision: Decision, place: Place) -> str:
    """The endpoint that a decision names, else the model's first one."""
    return decision.details.get("endpoint") or place.names.endpoint(decision.model)


def _words(decision: Decision, place: Place) -> Mapping[str, str]:
    number = decision.details.get("version", "")
    version = f"version {number}" if number else "a version"
    return {
        "model": decision.model,
        "version": version,
        "Version": version.capitalize(),
        "endpoint": _endpoint(decision, place),
        "data": place.bucket,
        "command": place.names.command,
    }


def _urgency(kind: Kind, decision: Decision) -> Urgency:
    """Only an error asks somebody out of bed, and what the system has dealt with asks for less."""
    urgency: Urgency = "soon" if kind.urgency == "now" and decision.news != "error" else kind.urgency
    handled = any(word in decision.details.get("action", "") for word in _HANDLED)
    return _SOFTER[urgency] if handled else urgency


def _why(decision: Decision) -> str:
    """An alarm's reason ends in what was done, which has its own place here."""
    action = decision.details.get("action", "")
    return decision.reason.removesuffix(_sentence(action)).strip() if action else decision.reason


def _did(decision: Decision, kind: Kind, words: Mapping[str, str]) -> str:
    action = decision.details.get("action", "")
    return kind.did.format_map(words) if action in _NOTHING else _sentence(action)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _button(action: Action, decision: Decision, intent: str) -> Button | None:
    """The button of a row; None where the decision names no version and one is needed."""
    number = decision.details.get("version", "")
    version = int(number) if number.isdecimal() else None
    if action in _NEEDS_VERSION and version is None:
        return None
    plain = _BUTTONS[action]
    label = f"{plain.label} {decision.details['version']}" if action in _NEEDS_VERSION else plain.label
    if action == "approve" and decision.details.get("approval") == "Rejected":
        return Button(
            action, label, None, "The gate refused it: it will serve all the same.", version, ALL_THE_SAME
        )
    subject = (intent[:100] or "all") if action == "mute" else ""
    return Button(action, label, plain.style, plain.confirm, version, subject)


def _moved(summary: Summary | None) -> tuple[Moved, ...]:
    features = (summary.features or ()) if summary else ()
    return tuple(
        Moved(found.name, found.baseline, found.current, found.effect, found.threshold, found.tripped)
        for found in features[:MOST_MOVED]
    )


def _window(summary: Summary | None) -> list[Fact]:
    """What a window's figures say in one line each."""
    if summary is None:
        return []
    start, end = summary.window.start, summary.window.end
    until = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
    facts = [
        Fact("Window", f"{start:%Y-%m-%d %H:%M} to {until} UTC"),
        Fact("Traffic", f"{counted(summary.records, 'row')} in {counted(summary.requests, 'request')}"),
    ]
    if summary.broken.count:
        facts.append(Fact("Unreadable", counted(summary.broken.count, "record")))
    if summary.label_coverage is not None:
        facts.append(Fact("Labels", f"for {summary.label_coverage:.0%} of the predictions"))
    for name, figure in (summary.quality or {}).items():
        if figure.value is not None and (figure.tripped or figure.threshold is not None):
            before = f", {figure.baseline:.4g} at training" if figure.baseline is not None else ""
            limit = f", limit {figure.threshold:.4g}" if figure.threshold is not None else ""
            facts.append(Fact(name, f"{figure.value:.4g}{before}{limit}"))
    for name, estimate in (summary.estimate or {}).items():
        if estimate.value is not None:
            before = f", {estimate.baseline:.4g} at training" if estimate.baseline is not None else ""
            facts.append(Fact(f"{name}, estimated without labels", f"{estimate.value:.4g}{before}"))
    for bias in summary.bias or ():
        if bias.tripped and bias.value is not None:
            before = f", {bias.baseline:.3g} at training" if bias.baseline is not None else ""
            facts.append(Fact(f"{bias.metric} of {bias.facet}={bias.group}", f"{bias.value:.3g}{before}"))
    return facts


def _facts(details: Mapping[str, str]) -> list[Fact]:
    return [
        Fact(name.replace("-", " ").replace("_", " ").capitalize(), value)
        for name, value in details.items()
        if name not in _PLACED and value
    ]


def _links(decision: Decision, place: Place) -> tuple[Link, ...]:
    details, region = decision.details, place.region
    links = []
    if report := details.get("report"):
        key = report.removeprefix(f"s3://{place.bucket}/")
        links.append(Link("Report", console.s3_object(region, place.bucket, key)))
    if "version" in details or "alarm" in details or "endpoint" in details:
        endpoint = _endpoint(decision, place)
        links.append(Link("Endpoint", console.endpoint(region, endpoint)))
    alarm = details.get("alarm", "")
    if alarm and "," not in alarm:
        links.append(Link("Alarm", console.alarm(region, alarm)))
    if group := details.get("log-group"):
        links.append(Link("Log", console.log_group(region, group)))
    return tuple(links)


_COMMANDS: Mapping[Action, str] = {
    "approve": "approve {model} {version}",
    "reject": "reject {model} {version}",
    "roll_back": "roll-back {model}{leaving}",
    "retrain": "retrain {model}",
    "mute": "mute {model} --what {subject}",
}


def _commands(buttons: Sequence[Button], model: str, names: Names) -> tuple[str, ...]:
    """What the buttons do, for channels that have none."""
    commands = []
    for button in buttons:
        leaving = f" --version {button.version}" if button.version is not None else ""
        words = {
            "model": quote(model),
            "version": button.version,
            "subject": quote(button.subject),
            "leaving": leaving,
        }
        commands.append(f"{names.command} {_COMMANDS[button.action].format_map(words)}")
    return tuple(commands)
