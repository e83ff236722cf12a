"""Application Auto Scaling for endpoint variants: targets, policies, schedules, and real instances."""

from twin.autoscaling import policies, schedules, tags, targets
from twin.autoscaling.scaler import Scaler
from twin.protocol import Service
from twin.world import World


def register(service: Service, world: World) -> None:
    """Add every operation and let alarms and clocks act. Needs the running event loop."""
    scaler = Scaler(world)
    targets.register(service, scaler)
    policies.register(service, scaler)
    schedules.register(service, scaler)
    tags.register(service, scaler)
    scaler.start()
