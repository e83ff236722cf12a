"""Data was dropped: pin it as a dataset version and train on it, or refuse it with a report."""

from __future__ import annotations

from perennial import layout
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.intake.inspect import inspect
from perennial.names import digest
from perennial.ports import World
from perennial.reactions.datasets import champion_of, pinned, remember
from perennial.reactions.drops import completeness, fingerprint, undecided_drops
from perennial.training import Dataset, job_request, plan


def on_object(key: str, world: World) -> Decision | None:
    """A part of a drop is no fact: its marker is, or the silence after it, which the sweep sees."""
    found = layout.parse_drop_key(key)
    if found is None or found.role == "part":
        return None
    return start_training(found.model, world, drop=found.drop)


def start_training(model: str, world: World, *, drop: str | None = None) -> Decision | None:
    """Take in a drop (or every one that nobody decided about), then train on the newest dataset if it is time."""
    config = world.catalog.get(model)
    if config is None:
        return _recorded(_unconfigured(model, drop), world)
    for name in [drop] if drop else list(undecided_drops(config, world)):
        decision = _take_in(name, config, world)
        if decision is not None and drop:
            return _recorded(decision, world)
        if decision is not None:
            world.ledger.record(decision)
    return _recorded(_train(config, world, f"drop {drop}" if drop else "model due"), world)


def _recorded(decision: Decision, world: World) -> Decision:
    world.ledger.record(decision)
    return decision


def _unconfigured(model: str, drop: str | None) -> Decision:
    reason = f"there is no valid configuration: upload {layout.config_key(model)}; the drop is taken in then"
    return Decision(model, f"drop {drop}", "drop_waits", reason, "warning")


def _take_in(drop: str, config: ModelConfig, world: World) -> Decision | None:
    """Pin a drop as a dataset version. None when it is pinned, now or before; else why it is not."""
    model, fact = config.model, f"drop {drop}"
    objects = world.bucket.list(layout.drop_prefix(model, drop))
    mark = fingerprint(objects)
    known = world.state.get(model, f"drop#{drop}")
    if known and known["fingerprint"] == mark:
        if known["outcome"] == "pinned":
            return None
        return Decision(model, fact, "nothing", f"it was refused in this form already: {known['reason']}")
    state = completeness(drop, objects, config, world)
    if state.state != "complete":
        return Decision(model, fact, "drop_waits", state.reason)
    if state.format == "parquet" and world.parquet is not None:
        world.parquet.start_training(model, drop)
        return Decision(model, fact, "handed_over", "Parquet is read by the function that has the reader")
    return _inspect(drop, mark, state, config, world)
