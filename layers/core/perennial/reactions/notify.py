"""A decision is news: tell people, once."""

from __future__ import annotations

from perennial.errors import Conflict
from perennial.events import NoticeDetail
from perennial.names import digest
from perennial.notices import message, subject
from perennial.ports import World


def notify(notice: NoticeDetail, event_id: str, world: World) -> str:
    """Returns "sent", or "known" for a repetition: EventBridge and Lambda deliver at least once.

    The same decision may also be taken twice by two events of one change, so the decision's own words
    are the key, not the event. What is claimed but not sent is sent by the retry of the same event.
    """
    key = f"notice#{digest(notice.model_dump(), 24)}"
    day = f"{world.now():%Y-%m-%d}"
    known = world.state.get(notice.model, key)
    if known and known["day"] == day and (known["sent"] or known["event"] != event_id):
        return "known"
    claim = {"event": event_id, "day": day, "sent": False}
    try:
        world.state.put(notice.model, key, claim, expected=known)
    except Conflict:
        return "known"
    config = world.catalog.get(notice.model)
    recipients = config.notify.email if config else ()
    attributes = {"model": notice.model, "outcome": notice.outcome, "severity": notice.news}
    world.topic.publish(subject(notice), message(notice, world.names), attributes, recipients)
    world.state.put(notice.model, key, claim | {"sent": True}, expected=claim)
    return "sent"
