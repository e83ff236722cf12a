"""model.yaml was uploaded: put it in force, or refuse it and keep the last valid one."""

from __future__ import annotations

from collections.abc import Sequence

from perennial import layout
from perennial.config import ModelConfig
from perennial.config_file import read_config
from perennial.decision import Decision
from perennial.errors import ConfigError, NameTooLong, ReservedName
from perennial.ports import World

LARGEST = 380_000  # bytes as it is kept: an item of DynamoDB has room for 400 KB
SEEN = "configuration"  # which model.yaml was decided about last
MOST_TOLD = 20  # problems: an event has room for 256 KB, and a wide schema may be wrong in every column


def configure_model(key: str, world: World) -> Decision | None:
    """Returns None for an object that is no model.yaml, or is gone again."""
    model = layout.parse_config_key(key)
    etag = uploaded(model, world) if model else None
    body = world.bucket.read(key) if model else None
    if model is None or body is None:
        return None
    decision, config = _decide(model, key, body, world)
    # Of two files at once the older may have come into force last: what is not seen is looked at again.
    if config is None or _in_force(model, world) == config:
        world.state.put(model, SEEN, {"etag": etag})
    return decision


def uploaded(model: str, world: World) -> str | None:
    """The ETag of the model's model.yaml in the bucket; None when there is none."""
    key = layout.config_key(model)
    return next((found.etag for found in world.bucket.list(key) if found.key == key), None)


def unseen(model: str, world: World) -> bool:
    """Whether there is a model.yaml that nobody decided about: its event was lost."""
    etag = uploaded(model, world)
    seen = world.state.get(model, SEEN)
    return etag is not None and (seen is None or seen["etag"] != etag)


def _decide(model: str, key: str, body: bytes, world: World) -> tuple[Decision, ModelConfig | None]:
    """The configuration is None when it was refused."""
    try:
        config = _read(body, model, world)
    except ConfigError as error:
        decision = _refusal(model, key, error, kept=_in_force(model, world) is not None)
        world.ledger.record(decision)
        return decision, None
    before = _in_force(model, world)
    world.registry.ensure_group(model, f"Versions of {model}: {config.problem} of {config.target}")
    subscribed = world.topic.subscribe(config.notify.email)
    # Told first: a handler killed in between tells it once more, and notices are sent once.
    decision = _acceptance(config, before, key, subscribed)
    world.ledger.record(decision)
    world.catalog.put(config, world.now())
    if before != config:
        # A drop may have come before its configuration.
        world.hints.send(model, "start_training", "its configuration changed")
    if before is not None and before != config:
        # The endpoint may need other settings.
        world.hints.send(model, "deploy_model", "its configuration changed")
        world.hints.send(model, "settle_endpoint", "its configuration changed")
    return decision, config


def _in_force(model: str, world: World) -> ModelConfig | None:
    """One that this release does not read is none here: it can be replaced."""
    try:
        return world.catalog.get(model)
    except ConfigError:
        return None


def _read(body: bytes, model: str, world: World) -> ModelConfig:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            [f"not UTF-8 text: byte {error.start} cannot be read; save the file as UTF-8"]
        ) from error
    config = read_config(text, model=model)
    size = len(config.model_dump_json(by_alias=True).encode())
    if size > LARGEST:
        told = (
            f"with its defaults it has {size:,} bytes, more than the {LARGEST:,} that can be kept: "
            "declare fewer columns and values, or none: without `schema` it is inferred from the first drop"
        )
        raise ConfigError([told])
    try:
        world.names.check(model)
    except (NameTooLong, ReservedName) as error:
        raise ConfigError([str(error)]) from error
    return config


def _refusal(model: str, key: str, error: ConfigError, kept: bool) -> Decision:
    rest = (
        "the configuration before it stays in force" if kept else "no configuration of the model is in force"
    )
    first = error.problems[:MOST_TOLD]
    more = len(error.problems) - len(first)
    told = "; ".join(first) + (f"; and {more:,} more like these" if more else "")
    return Decision(
        model,
        f"{key} uploaded",
        "configuration_refused",
        f"{told}{'' if told.endswith('?') else '.'} Correct the file and upload it again; {rest}.",
        news="error",
        details={f"problem-{number}": problem for number, problem in enumerate(first, 1)},
    )


def _acceptance(
    config: ModelConfig, before: ModelConfig | None, key: str, subscribed: Sequence[str]
) -> Decision:
    fact = f"{key} uploaded"
    details = {"config-hash": config.whole_hash, "endpoint-hash": config.endpoint_hash}
    if subscribed:
        details["subscribed"] = f"{', '.join(subscribed)}: each must confirm the mail that AWS sends"
    if before is None:
        return Decision(
            config.model,
            fact,
            "model_created",
            f"predicts {config.target} ({config.problem})",
            "info",
            details,
        )
    if before == config:
        return Decision(config.model, fact, "nothing", "the configuration is the one in force")
    changed = sorted(
        name for name in ModelConfig.model_fields if getattr(before, name) != getattr(config, name)
    )
    shown = ", ".join(name.rstrip("_") for name in changed)
    reason = f"changed: {shown}"
    if before.training_hash != config.training_hash:
        reason += "; the next training uses it (drop data, also the same again, to train now)"
    return Decision(config.model, fact, "configuration_changed", reason, "info", details)
