"""An endpoint changed: did our rollout win, and what follows from that?"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from perennial import scaling
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.deployment import EndpointState, Rollout, Settlement, forgotten, reconcile, settle
from perennial.ports import World
from perennial.registration import history_metadata


def settle_endpoint(model: str, world: World, *, because: str) -> Decision | None:
    """Returns None when there was nothing to settle and nothing to adjust."""
    config = world.catalog.get(model)
    if config is None:
        return None
    endpoint = world.endpoints.get(world.names.endpoint(model))
    rollout = world.state.rollout(model)
    settlement = settle(endpoint, rollout, world.now())
    if settlement.outcome is None or rollout is None:
        decision = _adjusted(endpoint, rollout, config, world, because)
        # An approval may have come while the endpoint was busy with no rollout of ours, such as scaling.
        versions = world.registry.versions(model)
        plan = reconcile(versions, endpoint, rollout, config, world.names, world.now())
        if plan.action in ("create", "update", "delete"):
            world.hints.send(model, "deploy_model", because)
    elif settlement.outcome == "succeeded" and endpoint is not None:
        decision = _succeeded(endpoint, rollout, config, world, because)
    else:
        decision = _lost(rollout, settlement, world, model, because)
    if decision:
        world.ledger.record(decision)
    return decision


def _succeeded(
    endpoint: EndpointState, rollout: Rollout, config: ModelConfig, world: World, because: str
) -> Decision:
    """Every step may be repeated; the rollout is marked as settled last."""
    scaled = _apply_scaling(config, endpoint, world)
    _write_history(rollout, endpoint.name, "InService", "Production", config.model, world)
    removed = _prune(config.model, endpoint.config_name, world)
    world.state.put_rollout(config.model, replace(rollout, status="succeeded"), expected=rollout)
    world.hints.send(config.model, "deploy_model", f"version {rollout.version} is in service")
    details = {"version": str(rollout.version), "endpoint": endpoint.name, "config": rollout.config_name}
    if scaled:
        details["scaling"] = scaled
    if removed:
        details["removed"] = ", ".join(removed)
    reason = f"version {rollout.version} serves on {endpoint.name}: it is InService with our config {rollout.config_name}"
    return Decision(config.model, because, "version_in_service", reason, "info", details)


def _lost(rollout: Rollout, settlement: Settlement, world: World, model: str, because: str) -> Decision:
    outcome = "rollout_failed" if settlement.outcome == "failed" else "rolled_back"
    status: Literal["failed", "rolled_back"] = "failed" if settlement.outcome == "failed" else "rolled_back"
    _write_history(rollout, world.names.endpoint(model), outcome, "Candidate", model, world)
    lost = replace(rollout, status=status, reason=settlement.reason[:500])
    world.state.put_rollout(model, lost, expected=rollout)
    world.hints.send(model, "deploy_model", f"the rollout of version {rollout.version} ended as {status}")
    reason = f"version {rollout.version} does not serve: {settlement.reason}. It is not tried again without a new approval"
    logs = f"/aws/sagemaker/Endpoints/{world.names.endpoint(model)}"
    details = {"version": str(rollout.version), "config": rollout.config_name, "log-group": logs}
    return Decision(model, because, outcome, reason, "error", details)


def _adjusted(
    endpoint: EndpointState | None, rollout: Rollout | None, config: ModelConfig, world: World, because: str
) -> Decision | None:
    """A changed `scaling` section, or scaling that somebody removed, is put right without a rollout."""
    settled = rollout is not None and rollout.status == "succeeded" and endpoint is not None
    if not settled or endpoint is None or endpoint.status != "InService":
        return None
    scaled = _apply_scaling(config, endpoint, world)
    return Decision(config.model, because, "scaling_changed", scaled, "info") if scaled else None


def _apply_scaling(config: ModelConfig, endpoint: EndpointState, world: World) -> str | None:
    """Register target and policy; a sentence when something changed."""
    if config.endpoint.serverless:
        return None
    target = scaling.target_request(config, endpoint.name)
    if not world.scaling.apply(target, scaling.policy_request(config, endpoint.name)):
        return None
    bounds = f"{config.scaling.min} to {config.scaling.max} instances"
    return f"{bounds}, target {config.scaling.invocations_per_instance} invocations per instance and minute"


def _write_history(
    rollout: Rollout, endpoint: str, outcome: str, stage: str, model: str, world: World
) -> None:
    package = next(
        (found for found in world.registry.versions(model) if found.version == rollout.version), None
    )
    if package:
        entry = history_metadata(
            f"{rollout.started_at:%Y-%m-%dT%H-%M-%SZ}", endpoint, rollout.config_name, outcome
        )
        world.registry.add_history(package.arn, entry, stage)


def _prune(model: str, in_use: str, world: World) -> list[str]:
    removed = forgotten(world.endpoints.configs(model), frozenset({in_use}))
    for name in removed:
        world.endpoints.forget(name)
    return removed
