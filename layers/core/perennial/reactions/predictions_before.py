"""What the version in service predicted lately, as CloudWatch has it."""

from __future__ import annotations

from datetime import timedelta

from perennial.config import ModelConfig
from perennial.ports import World
from perennial.prediction_shift import COUNT, NAMESPACE, SQUARES, TOTAL, Before
from perennial.route import serving

LOOK_BACK = timedelta(hours=3)


def predictions_before(config: ModelConfig, world: World) -> Before | None:
    """Of the last hours; None where nobody asked for the guard, or nothing of ours serves."""
    if config.endpoint.rollback_on.prediction_shift is None:
        return None
    endpoint = world.endpoints.get(serving(config.model, world).endpoint)
    if endpoint is None or world.names.parse_endpoint_config(endpoint.config_name) is None:
        return None
    now, of = world.now(), {"EndpointConfig": endpoint.config_name}
    rows = {
        name: world.metrics.read(NAMESPACE, name, of, ["Sum"], now - LOOK_BACK, now)
        for name in (COUNT, TOTAL, SQUARES)
    }
    return Before.of(endpoint.config_name, rows)
