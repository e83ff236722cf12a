"""Which families make up which service, and which requests reach it."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from twin import seams
from twin.protocol import Response, Service
from twin.world import World

# botocore's name of the service: the modules whose `register(service, world)` adds its operations.
FAMILIES = {
    "sagemaker": (
        "twin.sagemaker.training",
        "twin.sagemaker.processing",
        "twin.sagemaker.registry",
        "twin.sagemaker.experiments",
        "twin.sagemaker.tags",
        "twin.sagemaker.hosting",
    ),
    "sagemaker-runtime": ("twin.sagemaker.runtime",),
    "application-autoscaling": ("twin.autoscaling",),
}


def services(world: World) -> dict[str, Service]:
    """Every service of ours with all its operations; called with the event loop running."""
    gate = seams.Iam(world.tags.of)
    built = {name: Service(name, gate) for name in FAMILIES}
    for name, modules in FAMILIES.items():
        for module in modules:
            if find_spec(module) and hasattr(import_module(module), "register"):
                import_module(module).register(built[name], world)
    return built


def assemble(world: World) -> None:
    """Add our services to MiniStack's."""
    built = services(world)
    sagemaker, runtime = built["sagemaker"], built["sagemaker-runtime"]

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> Response:
        # The runtime signs as `sagemaker` too; only its path tells it apart.
        service = runtime if path.startswith("/endpoints/") else sagemaker
        return await service.handle(method, path, headers, body, query)

    seams.register("sagemaker", handle, ["SageMaker."])
    seams.register(
        "application-autoscaling", built["application-autoscaling"].handle, ["AnyScaleFrontendService."]
    )
