"""A decision is news: tell people, once; or keep it for a digest."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from perennial.decision import Decision
from perennial.errors import ConfigError, Conflict, TransientError
from perennial.events import NoticeDetail
from perennial.monitoring.summary import Summary
from perennial.notifications.compose import Place, compose, delivery_key
from perennial.notifications.policy import SEND, Told, Verdict, admit, lately
from perennial.ports import World
from perennial.reactions import digests, waiting
from perennial.reactions.delivery import deliver, resolve
from perennial.sections_watching import Notify

logger = logging.getLogger(__name__)
TIME = timedelta(seconds=50)  # to deliver one message, where the caller sets no deadline
RECENT = "told"


def notify(notice: NoticeDetail, event_id: str, world: World, deadline: datetime | None = None) -> str:
    """Returns "sent", "waits" (for a digest), "muted", or "known" for a repetition.

    EventBridge and Lambda deliver at least once, and two events of one change may take the same decision
    twice, so the decision's own words are the key, not the event. `delivery#<key>` remembers each channel by
    itself: the retry of the same event sends only where it was not sent. Raises TransientError for that retry.
    """
    deadline = deadline or world.now() + TIME
    decision = _decision(notice)
    name = delivery_name(decision)
    known = world.state.get(notice.model, name)
    claim = _claim(known, event_id, world.now())
    if claim is None:
        return "known"
    try:
        world.state.put(notice.model, name, claim, expected=known)
    except Conflict:
        return "known"
    if decision.outcome in ("model_created", "configuration_changed"):
        _wait_for_its_configuration(decision, world)
    settings = settings_of(notice.model, world)
    verdict = SEND if claim["status"] == "pending" else _admitted(decision, settings, world)
    place = Place(world.names, world.bucket.name, world.region)
    message = compose(decision, place, world.now(), _summary(decision, world))
    if verdict.action == "send":
        digests.release(notice.model, settings, world, deadline)
        delivered = deliver(message, settings, name, claim, world, deadline)
    else:
        # An incident must not stay open because its end came at night.
        delivered = resolve(message, settings, name, claim, world, deadline)
        if verdict.action == "wait":
            waiting.keep(decision, message.key, verdict, world)
    outcome = {"send": "sent", "wait": "waits", "mute": "muted"}[verdict.action]
    status = "pending" if delivered.pending else outcome
    world.state.put(notice.model, name, {**delivered.record, "status": status})
    if delivered.pending:
        raise TransientError(f"not told everywhere yet: {', '.join(delivered.pending)}")
    return outcome


def tell_waiting(model: str, world: World, deadline: datetime | None = None) -> str:
    """Send what waits, if its time has come. Returns "sent" or "nothing". Raises TransientError for a retry."""
    released = digests.release(model, settings_of(model, world), world, deadline or world.now() + TIME)
    if released and released.pending:
        raise TransientError(f"not told everywhere yet: {', '.join(released.pending)}")
    return "sent" if released else "nothing"


def delivery_name(decision: Decision) -> str:
    """The state document of a decision's delivery: what each channel made of it, by the channel's name."""
    return f"delivery#{delivery_key(decision)}"


def settings_of(model: str, world: World) -> Notify:
    """Who hears of a model. One whose configuration is not valid has nobody of its own: the topic hears."""
    try:
        config = world.catalog.get(model)
    except ConfigError as error:  # to be told is the last thing that may fail
        logger.warning("%s", error)
        config = None
    return config.notify if config else Notify(slack=None)


def _wait_for_its_configuration(decision: Decision, world: World) -> None:
    """A configuration is told a moment before it is in force; its own readers and quiet hours are the ones that count.

    One that was replaced meanwhile never comes: then those in force count.
    """
    model, wanted = decision.model, decision.details.get("config-hash")
    for seconds in (0.2, 0.5, 1.0, 2.0, 4.0):
        config = world.catalog.get(model)
        if config and wanted in (None, config.whole_hash):
            return
        world.wait(seconds)
    if world.catalog.get(model) is None:
        raise TransientError(f"model {model} was created, and its configuration is not in force yet")


def _decision(notice: NoticeDetail) -> Decision:
    return Decision(notice.model, notice.fact, notice.outcome, notice.reason, notice.news, notice.details)


def _claim(known: Mapping[str, Any] | None, event_id: str, now: datetime) -> dict[str, Any] | None:
    """What to write down before anything is sent; None when another event tells it, or it was told today."""
    day = f"{now:%Y-%m-%d}"
    if known and known["event"] == event_id:
        return dict(known) if known["status"] in ("claimed", "pending") else None
    if known and known["day"] == day:
        return None
    return {"event": event_id, "day": day, "status": "claimed"}


def _admitted(decision: Decision, settings: Notify, world: World) -> Verdict:
    """Counting and deciding are one step, so that a hundred messages at once are a flood, too."""
    model = decision.model
    while True:
        known = world.state.get(model, RECENT)
        now = world.now()
        told = [Told(outcome, datetime.fromisoformat(at)) for outcome, at in (known or {}).get("recent", ())]
        verdict = admit(decision, settings, world.state.get(model, "mute"), told, now)
        if verdict.action != "send":
            return verdict
        recent = [*lately(told, settings, now), Told(decision.outcome, now)]
        counted = {"recent": [[item.outcome, item.at.isoformat()] for item in recent]}
        try:
            world.state.put(model, RECENT, counted, expected=known)
        except Conflict:
            continue
        return verdict


def _summary(decision: Decision, world: World) -> Summary | None:
    """The window's figures. Without them the message is shorter, not lost."""
    key = decision.details.get("summary", "").removeprefix(f"s3://{world.bucket.name}/")
    body = world.bucket.read(key) if key else None
    if body is None:
        return None
    try:
        return Summary.model_validate_json(body)
    except ValidationError as error:
        logger.warning("%s cannot be read: %s", key, error)
        return None
