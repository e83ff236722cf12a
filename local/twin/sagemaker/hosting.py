"""Hosting: models, endpoint configs, endpoints, and the real servers behind them."""

import shutil

from twin import alarms
from twin.protocol import Service
from twin.sagemaker import (
    component_operations,
    hosting_configs,
    hosting_endpoints,
    hosting_metrics,
    hosting_models,
    hosting_state,
)
from twin.world import World


def register(service: Service, world: World) -> None:
    """Add the operations of hosting and start publishing what endpoints measure."""
    shutil.rmtree(
        world.home / "endpoints", ignore_errors=True
    )  # an earlier twin's; nobody serves from it now
    hosting = hosting_state.of(world)
    hosting_models.register(service, hosting)
    hosting_configs.register(service, hosting)
    hosting_endpoints.register(service, hosting)
    component_operations.register(service, hosting)
    alarms.install(world)
    hosting_metrics.start(hosting)
