"""What a model's drops look like, and which of them nobody has decided about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from perennial import layout
from perennial.config import ModelConfig
from perennial.intake.completeness import Completeness, evaluate
from perennial.names import digest
from perennial.ports import StoredObject, World


def fingerprint(objects: Sequence[StoredObject]) -> str:
    """Changes when an object of a drop is added, replaced or removed."""
    return digest(sorted([item.key, item.size, item.etag] for item in objects), 24)


def completeness(drop: str, objects: Sequence[StoredObject], config: ModelConfig, world: World) -> Completeness:
    prefix = layout.drop_prefix(config.model, drop)
    manifest_key = prefix + "manifest.json"
    present = any(item.key == manifest_key for item in objects)
    manifest = world.bucket.read(manifest_key) if present else None
    return evaluate(
        objects, prefix=prefix, now=world.now(), quiet_minutes=config.intake.quiet_minutes, manifest=manifest
    )


def undecided_drops(config: ModelConfig, world: World) -> Mapping[str, str]:
    """Complete drops that were not decided about in their present form, with the reason to look at each."""
    decided = world.state.all(config.model, "drop#")
    due: dict[str, str] = {}
    for drop, objects in _by_drop(config.model, world).items():
        known = decided.get(drop)
        if known and known["fingerprint"] == fingerprint(objects):
            continue
        state = completeness(drop, objects, config, world)
        if state.state != "waiting" and state.state != "empty":
            due[drop] = f"drop {drop}: {state.reason}"
    return due


def _by_drop(model: str, world: World) -> Mapping[str, Sequence[StoredObject]]:
    drops: dict[str, list[StoredObject]] = defaultdict(list)
    for item in world.bucket.list(layout.drops_prefix(model)):
        found = layout.parse_drop_key(item.key)
        if found:
            drops[found.drop].append(item)
    return drops
