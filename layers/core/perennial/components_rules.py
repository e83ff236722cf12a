"""What `scaling.min: 0` on a real-time endpoint excludes, said up front. Pure.

AWS's page "Scale an endpoint to zero instances": only endpoints that host inference components do. These are updated in
batches (API reference, InferenceComponentRollingUpdatePolicy). That they have no shadow says shadow_rules.py.
"""

from __future__ import annotations

from typing import Any

from perennial.sections_scaling import Scaling
from perennial.sections_serving import Copies, Endpoint

ROLLOUT = {"type": "rolling", "percent": 50}  # where model.yaml says nothing of a rollout


def asks(endpoint: Endpoint, scaling: Scaling) -> bool:
    """Whether this is a real-time endpoint that scales to zero."""
    return scaling.min == 0 and endpoint.serverless is None


def refusal(endpoint: Endpoint, scaling: Scaling) -> str | None:
    """Why scaling.min: 0 does not go with the rest; None when it does, or is not asked for."""
    if scaling.min != 0:
        if any(entry.min == 0 for entry in scaling.schedule):
            return "scaling.schedule: min 0 needs scaling.min: 0, for no other endpoint scales to zero"
        if endpoint.copies != Copies():
            return "endpoint.copies: only an endpoint with scaling.min: 0 has copies"
        return None
    if endpoint.serverless:
        return "scaling.min: a serverless endpoint scales to zero by itself: leave scaling.min out"
    if endpoint.rollout.type in ("canary", "linear"):
        return (
            f"endpoint.rollout: {endpoint.rollout.type} is not possible with scaling.min: 0, copies are replaced in "
            "batches: the nearest is type: rolling"
        )
    if scaling.steps:
        return "scaling.steps: with scaling.min: 0 the copies are tracked, and woken by a step policy of ours: leave steps out"
    if not scaling.scale_in:
        return "scaling.scale_in: false never removes a copy, so scaling.min: 0 would never be reached"
    return None


def with_defaults(values: Any) -> Any:
    """model.yaml's own values, with the rollout that goes with scaling to zero where it names none."""
    if not isinstance(values, dict):
        return values
    scaling, endpoint = values.get("scaling"), values.get("endpoint", {})
    if not isinstance(scaling, dict) or not isinstance(endpoint, dict):
        return values
    if scaling.get("min") != 0 or "rollout" in endpoint or endpoint.get("kind", "realtime") != "realtime":
        return values
    return {**values, "endpoint": {**endpoint, "rollout": ROLLOUT}}
