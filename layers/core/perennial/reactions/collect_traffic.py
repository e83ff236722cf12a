"""A model learns from its traffic: join what was captured with its labels, and drop it where all data is dropped.

From there on it is a drop like any other: examined, pinned, trained on, judged. The same request again writes the same
keys, and nothing once the manifest is there.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from perennial import layout
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.intake.completeness import Listed
from perennial.intake.schema import Schema
from perennial.monitoring.analysis import Source
from perennial.monitoring.sources import fresh, label_prefixes
from perennial.monitoring.windows import Window
from perennial.ports import World
from perennial.reactions.reports import traffic_changed_since
from perennial.reactions.retrain import DROP
from perennial.reactions.traffic import served_prefixes
from perennial.reactions.trainings import in_service
from perennial.retraining import history
from perennial.retraining.ports import Joined
from perennial.words import counted

PART_ROWS = 50_000
MOST_ROWS = 500_000  # the newest: a Lambda has fifteen minutes
MOST_LABEL_BYTES = 128_000_000  # the newest: they are held in memory


def collect_traffic(model: str, world: World, *, drop: str, because: str) -> Decision | None:
    """None for a drop that is none of ours, or when the model is gone."""
    config = world.catalog.get(model)
    end = _time_of(drop)
    if config is None or end is None:
        return None
    folder = layout.drop_prefix(model, drop)
    if world.bucket.read(folder + "manifest.json") is not None:
        return Decision(model, because, "nothing", f"drop {drop} was written already")
    schema = _schema(config, world)
    if schema is None:
        return _withheld(
            config, drop, because, "the schema of the version in service is not known", {}, world
        )
    for start in _starts(config, end, world):
        wanted = Joined([feature.name for feature in schema.features], schema.classes or (), start, end)
        captures, labels = _files(model, Window(start, end), world)
        rows = world.labelled.rows(_opened(captures, world), _opened(labels, world), wanted)
        parts, count = _write(rows, [*wanted.features, schema.target], folder, config.intake.min_rows, world)
        if count >= config.intake.min_rows:
            break
    numbers = {
        "drop": drop,
        "rows": str(count),
        "records": str(wanted.records),
        "unlabelled": str(wanted.unlabelled),
        "unusable": str(wanted.unusable),
    }
    seen = (
        f"{counted(wanted.records, 'captured request')} from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, "
        f"{wanted.unlabelled:,} without a label, {wanted.unusable:,} not usable"
    )
    if wanted.examples:
        seen += f" (such as {wanted.examples[0]})"
    if count < config.intake.min_rows:
        why = f"{counted(count, 'row')} with a label, fewer than intake.min_rows ({config.intake.min_rows:,}): {seen}"
        return _withheld(config, drop, because, why, numbers, world)
    world.bucket.write(folder + "manifest.json", json.dumps({"files": parts}, indent=1).encode())
    decision = Decision(
        model, because, "traffic_collected", f"drop {drop} has {counted(count, 'row')}: {seen}", None, numbers
    )
    world.ledger.record(decision)
    return decision


def _starts(config: ModelConfig, end: datetime, world: World) -> Iterator[datetime]:
    """First the traffic since it changed: what came before would teach the model the old world along with the new.

    All that the model asks for follows, in case that is not enough.
    """
    first = end - timedelta(days=config.retraining.traffic_days)
    changed = traffic_changed_since(config, world)
    if changed and first < changed < end:
        yield changed
    yield first


def _time_of(drop: str) -> datetime | None:
    """The time in the drop's name is the end of the traffic that it holds."""
    try:
        return datetime.strptime(drop.removeprefix(DROP), "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _schema(config: ModelConfig, world: World) -> Schema | None:
    """Of what the version in service was trained on: requests without header are in its order."""
    _, trained = in_service(config, world)
    key = layout.dataset_prefix(config.model, trained.dataset) + "schema.json" if trained else None
    body = world.bucket.read(key) if key else None
    return Schema.from_json(body) if body else None


def _files(model: str, window: Window, world: World) -> tuple[list[Listed], list[Listed]]:
    """Captures, the newest first; labels in the order that they came in, without the oldest beyond what memory holds."""
    captures = _listed(served_prefixes(model, window, world), window, world)
    held = 0
    labels: list[Listed] = []
    for found in reversed(_listed(label_prefixes(model, window, window.end), window, world)):
        held += found.size
        if held > MOST_LABEL_BYTES:
            break
        labels.append(found)
    return captures[::-1], labels[::-1]


def _listed(prefixes: Sequence[str], window: Window, world: World) -> list[Listed]:
    found = [item for prefix in prefixes for item in world.bucket.list(prefix)]
    return fresh(sorted(found, key=lambda item: item.key), window)


def _opened(found: Sequence[Listed], world: World) -> Iterator[Source]:
    return (Source(item.key.rpartition("/")[2], partial(world.bucket.open, item.key)) for item in found)


def _write(
    rows: Iterator[Sequence[str]], header: Sequence[str], folder: str, least: int, world: World
) -> tuple[list[str], int]:
    """Parts' names and the number of rows. Fewer than `least` rows leave nothing behind."""
    parts: list[str] = []
    held: list[Sequence[str]] = []
    count = 0
    for row in rows:
        held.append(row)
        count += 1
        if count >= max(least, 1) and len(held) >= PART_ROWS:
            parts.append(_part(len(parts), header, held, folder, world))
            held = []
        if count == MOST_ROWS:
            break
    if held and count >= least:
        parts.append(_part(len(parts), header, held, folder, world))
    return parts, count


def _part(
    number: int, header: Sequence[str], rows: Sequence[Sequence[str]], folder: str, world: World
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    name = f"traffic-{number:03}.csv"
    world.bucket.write(folder + name, text.getvalue().encode(), "text/csv")
    return name


def _withheld(
    config: ModelConfig, drop: str, because: str, reason: str, details: dict[str, str], world: World
) -> Decision:
    """The training that was asked for will not come: it counts no more."""
    document = world.state.get(config.model, history.DOCUMENT)
    if document is not None:
        left = history.withdrawn(history.read(document), drop)
        world.state.put(config.model, history.DOCUMENT, history.written(left, world.now()), expected=document)
    decision = Decision(
        config.model, because, "retraining_withheld", reason, "warning", {"drop": drop} | details
    )
    world.ledger.record(decision)
    return decision
