"""Application Auto Scaling for endpoint variants: targets, policies, schedules, and real instances."""

from twin.autoscaling import policies, scaler, schedules, tags, targets
from twin.protocol import Service
from twin.world import World


def register(service: Service, world: World) -> None:
    """Add every operation and let alarms and clocks act. Needs the running event loop."""
    mine = scaler.of(world)
    targets.register(service, mine)
    policies.register(service, mine)
    schedules.register(service, mine)
    tags.register(service, mine)
    mine.start()
