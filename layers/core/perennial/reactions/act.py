"""A person asked for something: approve, reject, roll back, retrain or mute. Do it once, and tell them."""

from __future__ import annotations

from datetime import datetime, timedelta

from perennial import answers
from perennial.approvals import ALL_THE_SAME, Approval, rule
from perennial.decision import Decision
from perennial.errors import ChannelFailed, TransientError
from perennial.events import ActionDetail, SlackMessage
from perennial.notifications.slack import escaped
from perennial.ports import World
from perennial.reactions import claims
from perennial.reactions.retrain import retrain
from perennial.reactions.roll_back import roll_back

MUTE = timedelta(hours=24)


def act(asked: ActionDetail, event_id: str, world: World) -> Decision | None:
    """None when it was acted on before. What has been done is not done again if only the answer failed."""
    if asked.refused:
        _tell(asked, escaped(asked.refused, answers.LONGEST), world)
        return None
    begun = claims.begin(asked, event_id, world)
    if begun is None:
        return None
    decision = begun.decision
    if decision is None:
        try:
            decision = _carry_out(asked, world)
        except TransientError:
            raise
        except Exception as error:
            if begun.attempt == 1:
                told = f"that did not work yet, and is tried again ({error})"
                _tell(asked, escaped(told, answers.LONGEST), world)
            raise
        claims.acted(asked, event_id, world, decision)
    _answer(asked, decision, world)
    claims.end(asked, event_id, world, decision)
    return decision


def approve(
    model: str, version: int, world: World, *, by: str, reason: str = "", all_the_same: bool = False
) -> Decision:
    """Approve a version that waits for it, or `all_the_same` a rejected one: it is rolled out. Who approved it before
    is an answer, not an error."""
    return _decide(model, version, "Approved", world, by, reason, all_the_same)


def reject(model: str, version: int, world: World, *, by: str, reason: str = "") -> Decision:
    """Reject a version: if it serves, the newest approved one takes its place."""
    return _decide(model, version, "Rejected", world, by, reason)


def mute(model: str, world: World, *, until: datetime, by: str, what: str = "all") -> Decision:
    """Tell nobody of `what` (`all`, or an alarm's intent) until then."""
    world.state.put(model, "mute", {"until": until.isoformat(), "by": by, "what": what})
    subject = "everything" if what == "all" else what
    reason = f"{subject} is muted until {until:%Y-%m-%d %H:%M} UTC by {by}"
    return _record(Decision(model, f"{by} asked for quiet", "muted", reason, "info", {"muted": what}), world)


def unmute(model: str, world: World, *, by: str) -> Decision:
    """Tell of everything again, from now on."""
    world.state.put(model, "mute", {"until": world.now().isoformat(), "by": by, "what": "all"})
    return _record(Decision(model, f"{by} ended the quiet", "unmuted", f"unmuted by {by}", "info"), world)


def _carry_out(asked: ActionDetail, world: World) -> Decision:
    because = f"{asked.by} asked for it in Slack"
    if asked.action == "roll_back":
        return roll_back(asked.model, world, because=because, asked_by=asked.by, version=asked.version)
    if asked.action == "retrain":
        return retrain(asked.model, world, because=because, asked_by=asked.by)
    if asked.action == "mute":
        until = world.now() + MUTE
        return mute(asked.model, world, until=until, by=asked.by, what=asked.subject or "all")
    if asked.version is None:
        refusal = Decision(asked.model, because, "approval_refused", "the button names no version")
        return _record(refusal, world)
    if asked.action == "reject":
        return reject(asked.model, asked.version, world, by=asked.by)
    knows = asked.subject == ALL_THE_SAME
    return approve(asked.model, asked.version, world, by=asked.by, all_the_same=knows)


def _decide(
    model: str,
    version: int,
    approval: Approval,
    world: World,
    by: str,
    reason: str,
    all_the_same: bool = False,
) -> Decision:
    word = approval.lower()
    found = world.registry.get(model, version)
    ruling = rule(version, found, approval, world.state.rollout(model), all_the_same=all_the_same)
    fact = f"{by} {word} version {version}"
    details = {"version": str(version), "by": by}
    if ruling.action == "refuse" or found is None:
        return _record(Decision(model, fact, "approval_refused", ruling.reason, None, details), world)
    if ruling.action == "nothing":
        return _record(Decision(model, fact, "nothing", ruling.reason, None, details), world)
    why = f"{word} by {by} at {world.now():%Y-%m-%d %H:%M} UTC" + (f": {reason}" if reason else "")
    world.registry.decide(found.arn, approval, why)
    return _record(Decision(model, fact, word, f"{ruling.reason}; {why}", None, details), world)


def _record(decision: Decision, world: World) -> Decision:
    world.ledger.record(decision)
    return decision


def _answer(asked: ActionDetail, decision: Decision, world: World) -> None:
    """The message says who did what; if it was not done, the person hears why."""
    if asked.message is None:
        return
    line = answers.line(asked, decision, world.now())
    _replace(asked, asked.message, answers.settled(asked, line), world)
    if not answers.is_done(decision):
        _tell(asked, line, world)


def _replace(
    asked: ActionDetail, message: SlackMessage, replacement: answers.Replacement, world: World
) -> None:
    """What Slack refuses for good is in the ledger; what may pass is for the retry."""
    try:
        _put(message, replacement, world)
    except ChannelFailed as failure:
        if failure.transient:
            raise
        _unanswered(asked, failure, world)


def _put(message: SlackMessage, replacement: answers.Replacement, world: World) -> None:
    """By the press's own address, good for half an hour; after that by the message's place in its channel."""
    try:
        world.slack.respond(message.response_url, replacement)
    except ChannelFailed:
        secret = world.secrets.get(f"slack/{message.slack}") or {}
        if not (message.ts and message.blocks and "bot_token" in secret):
            raise
        body = {key: value for key, value in replacement.items() if key in ("text", "blocks")}
        world.slack.update(secret, message.channel, message.ts, body)


def _tell(asked: ActionDetail, text: str, world: World) -> None:
    """Only the person who asked sees it. `text` is Slack's mrkdwn."""
    if asked.message is None:
        return
    try:
        world.slack.respond(asked.message.response_url, answers.whisper(asked, text))
    except ChannelFailed as failure:
        _unanswered(asked, failure, world)


def _unanswered(asked: ActionDetail, failure: ChannelFailed, world: World) -> None:
    fact = f"{asked.by} asked to {asked.action}"
    reason = f"Slack did not take the answer to {asked.by}: {failure}"
    world.ledger.record(Decision(asked.model, fact, "answer_failed", reason))
