"""What several reactions ask: the datasets pinned for a model, and the version that a candidate must beat."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from perennial.config import ModelConfig
from perennial.ports import State, World
from perennial.route import serving
from perennial.training import Champion, Dataset


def pinned(config: ModelConfig, state: State) -> Mapping[str, Dataset]:
    """The datasets pinned under the model's present rules, by version: others have another schema or target."""
    return {
        version: Dataset(
            version,
            value["drop"],
            value["format"],
            datetime.fromisoformat(value["dropped_at"]),
            datetime.fromisoformat(value["pinned_at"]),
        )
        for version, value in state.all(config.model, "dataset#").items()
        if value["rules"] == config.intake_hash
    }


def remember(config: ModelConfig, dataset: Dataset, state: State) -> None:
    """Keep a pinned dataset; the same again becomes the newest."""
    value = {
        "drop": dataset.drop,
        "format": dataset.format,
        "dropped_at": dataset.dropped_at.isoformat(),
        "pinned_at": dataset.pinned_at.isoformat(),
        "rules": config.intake_hash,
    }
    state.put(config.model, f"dataset#{dataset.version}", value)


def decided(known: Mapping[str, str] | None, fingerprint: str, config: ModelConfig) -> bool:
    """Whether a drop was decided about in this form, by the model's present rules."""
    return known is not None and known["fingerprint"] == fingerprint and known["rules"] == config.intake_hash


def champion_of(config: ModelConfig, world: World) -> Champion | None:
    """The version in service; before there is an endpoint, the newest approved one."""
    endpoint = world.endpoints.get(serving(config.model, world).endpoint)
    parsed = world.names.parse_endpoint_config(endpoint.config_name) if endpoint else None
    version = parsed.version if parsed else None
    if version is None:
        approved = [
            found.version for found in world.registry.versions(config.model) if found.approval == "Approved"
        ]
        version = max(approved, default=None)
    package = world.registry.get(config.model, version) if version is not None else None
    return Champion(package.version, package.artefact) if package and package.artefact else None
