"""What a model's drops look like, and which of them nobody has decided about in their present form."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from perennial import layout
from perennial.config import ModelConfig
from perennial.intake.completeness import Completeness, Listed, assess, manifest_key
from perennial.ports import World
from perennial.reactions.datasets import decided
from perennial.reactions.owed import owed


def look_at(
    drop: str, config: ModelConfig, world: World, objects: Sequence[Listed] | None = None
) -> Completeness:
    """Judge a drop by its listing (which is made when it is not given)."""
    prefix = layout.drop_prefix(config.model, drop)
    found = world.bucket.list(prefix) if objects is None else objects
    key = manifest_key(prefix, found)
    manifest = world.bucket.read(key) if key else None
    return assess(prefix, found, world.now(), quiet_minutes=config.intake.quiet_minutes, manifest=manifest)


def undecided_drops(config: ModelConfig, world: World) -> Mapping[str, str]:
    """Drops that are complete (or beyond repair) and not decided about, each with the reason to look at it.

    A refused drop has a new chance when the rules change, unless its listing alone refuses it, which no rules mend. One
    that was pinned by other rules has none: nobody asked for it again, and older data must not become the newest.
    """
    known = world.state.all(config.model, "drop#")
    due: dict[str, str] = {}
    for drop, objects in _by_drop(config.model, world).items():
        seen = look_at(drop, config, world, objects)
        last = known.get(drop)
        if owed(last, world.now()):
            due[drop] = f"drop {drop}: its dataset is pinned, and the ledger does not say so"
            continue
        if seen.state not in ("complete", "refused") or decided(last, seen.fingerprint, config):
            continue
        same = last is not None and last["fingerprint"] == seen.fingerprint
        if last and same and (last["outcome"] == "pinned" or seen.state == "refused"):
            continue
        due[drop] = f"drop {drop}: {seen.reason}"
    return due


def _by_drop(model: str, world: World) -> Mapping[str, Sequence[Listed]]:
    drops: dict[str, list[Listed]] = defaultdict(list)
    for item in world.bucket.list(layout.drops_prefix(model)):
        found = layout.parse_drop_key(item.key)
        if found and found.role != "stray":
            drops[found.drop].append(item)
    return drops
