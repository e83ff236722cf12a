"""Which families make up which service, and which requests reach it."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from twin import autoscaling, seams
from twin.protocol import Gate, Response, Service
from twin.sagemaker import experiments, hosting, monitoring, processing, registry, runtime, tags, training
from twin.world import World

# botocore's name of the service: the modules whose `register(service, world)` adds its operations.
FAMILIES: dict[str, tuple[ModuleType, ...]] = {
    "sagemaker": (training, processing, registry, experiments, tags, hosting, monitoring),
    "sagemaker-runtime": (runtime,),
    "application-autoscaling": (autoscaling,),
}


def services(world: World, gate: Gate) -> dict[str, Service]:
    """Every service of ours with all its operations; called with the event loop running."""
    built = {name: Service(name, gate) for name in FAMILIES}
    for name, families in FAMILIES.items():
        for family in families:
            family.register(built[name], world)
    return built


def assemble(world: World) -> None:
    """Add our services to MiniStack's."""
    built = services(world, seams.Iam(world.tags.of))
    control_plane, data_plane = built["sagemaker"], built["sagemaker-runtime"]

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        # The runtime signs as `sagemaker` too; only its path tells it apart.
        service = data_plane if path.startswith("/endpoints/") else control_plane
        return await service.handle(method, path, headers, body, query)

    seams.register("sagemaker", handle, ["SageMaker."])
    seams.register(
        "application-autoscaling", built["application-autoscaling"].handle, ["AnyScaleFrontendService."]
    )
