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
    are the key, not the event.
    """
    key = f"notice#{digest(notice.model_dump(), 24)}"
    said = {"event": event_id, "day": f"{world.now():%Y-%m-%d}"}
    known = world.state.get(notice.model, key)
    if known and known["day"] == said["day"]:
        return "known"
    try:
        world.state.put(notice.model, key, said, expected=known)
    except Conflict:
        return "known"
    config = world.catalog.get(notice.model)
    recipients = config.notify.email if config else ()
    attributes = {"model": notice.model, "outcome": notice.outcome, "severity": notice.news}
    world.topic.publish(subject(notice), message(notice, world.names), attributes, recipients)
    return "sent"
