"""Write captured records from the queue into the bucket: one object for each hour of each endpoint in a batch."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from perennial.ports import World
from perennial.prediction.capture import Captured, by_folder, file_name

CLOCKS_DIFFER = timedelta(minutes=1)
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Message:
    """A message of the queue. `again`: it was delivered before, to a function that may have died at any point."""

    id: str
    body: str
    again: bool = False


def write_capture(messages: Sequence[Message], world: World) -> list[str]:
    """Returns the ids of the messages that are to come again. What was written already is not written twice."""
    failed: list[str] = []
    read: dict[str, list[tuple[Message, Captured]]] = {}
    for message in messages:
        try:
            found = Captured.read(message.body)
            read.setdefault(found.folder, []).append((message, found))
        except ValueError:
            logger.exception("message %s is no captured record", message.id)
            failed.append(message.id)
    for folder, items in read.items():
        try:
            _write(folder, items, world)
        except Exception:
            logger.exception("%d records of %s could not be written", len(items), folder)
            failed += [message.id for message, _ in items]
    return failed


def _write(folder: str, items: Sequence[tuple[Message, Captured]], world: World) -> None:
    again = [datetime.fromisoformat(found.at) for message, found in items if message.again or found.again]
    there = _written(folder, min(again), world) if again else frozenset()
    records = by_folder(found for _, found in items if found.event_id not in there).get(folder, ())
    if records:
        body = "".join(f"{_line(each, world)}\n" for each in records)
        world.bucket.write(folder + file_name(records), body.encode(), "application/jsonlines")


def _written(folder: str, since: datetime, world: World) -> frozenset[str]:
    """The event ids in the objects that were written since."""
    found: set[str] = set()
    for item in world.bucket.list(folder):
        if item.last_modified >= since - CLOCKS_DIFFER:
            for line in (world.bucket.read(item.key) or b"").splitlines():
                found.add(json.loads(line)["eventMetadata"]["eventId"])
    return frozenset(found)


def _line(record: Captured, world: World) -> str:
    if record.line:
        return record.line
    body = world.bucket.read(record.elsewhere)
    if body is None:
        raise FileNotFoundError(f"{record.elsewhere} is not in the bucket any more")
    return body.decode()
