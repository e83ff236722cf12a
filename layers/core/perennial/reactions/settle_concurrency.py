"""What scales the provisioned concurrency of a serverless endpoint is made what model.yaml wants."""

from __future__ import annotations

from perennial import provisioned_concurrency, scaling
from perennial.config import ModelConfig
from perennial.ports import World
from perennial.reactions import settle_scaling


def settle_concurrency(config: ModelConfig, endpoint: str, world: World) -> str | None:
    """An upsert; a sentence when something changed."""
    wish = provisioned_concurrency.wanted(config, endpoint)
    if wish:
        done = settle_scaling.apply(wish, config.model, world)
        return f"provisioned concurrency: {done}" if done else None
    resource = provisioned_concurrency.variant(endpoint)
    if world.scaling.standing(resource).bounds is None:
        return None
    settle_scaling.remove(resource, config.model, world)
    return "provisioned concurrency scales no more"


def is_due(config: ModelConfig, endpoint: str, world: World) -> str | None:
    """Why it has to be settled; None when all is as it should be. Changes nothing."""
    wish = provisioned_concurrency.wanted(config, endpoint)
    standing = world.scaling.standing(provisioned_concurrency.variant(endpoint))
    differs = scaling.changes(wish, standing) if wish else standing.bounds is not None
    return "what scales its provisioned concurrency is not as model.yaml wants it" if differs else None
