"""Which endpoints can have a shadow variant. Pure.

The guide's page "Shadow tests" names what SageMaker refuses; CreateEndpointConfig allows exactly one production and
one shadow variant.
"""

from __future__ import annotations

from perennial.sections_serving import Endpoint


def refusal(endpoint: Endpoint, capture_percent: int, least_instances: int) -> str | None:
    """Why `endpoint.shadow` cannot be carried out; None if it can, or is not asked for."""
    if endpoint.shadow is None:
        return None
    if endpoint.serverless:
        return "a serverless endpoint has no shadow variants: use kind realtime, or leave shadow out"
    if endpoint.instance.startswith("ml.inf1."):
        return f"{endpoint.instance} has no shadow variants: use another instance, or leave shadow out"
    if least_instances == 0:
        return "an endpoint that scales to zero (scaling.min 0) has no shadow variants: the nearest is scaling.min 1"
    if capture_percent == 0:
        return "the answers are compared from Data Capture: the nearest is capture.percent 100"
    return None
