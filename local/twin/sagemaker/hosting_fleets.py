"""The fleets that an endpoint config asks for."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from twin import seams
from twin.protocol import Call
from twin.sagemaker import capture
from twin.sagemaker.capture_record import Settings
from twin.sagemaker.dataplane.artifact import unpack
from twin.sagemaker.dataplane.fleet import Fleet
from twin.sagemaker.dataplane.instance import Recipe
from twin.sagemaker.dataplane.pool import Concurrency, Pool
from twin.sagemaker.dataplane.router import Generation, Variant
from twin.sagemaker.hosting_state import Desired, Endpoint, Hosting, Record

# AWS waits this long for the first good ping unless the variant says otherwise.
START_LIMIT = 480.0
# A container starts no faster here than anywhere: an eighth of AWS's limit, but no more than this, if that is
# longer than the scaled limit.
SHORTEST_START_LIMIT = 30.0
# How often our container tells its metrics: alarms on them live in the minutes of endpoints.
METRICS_SECONDS = "PERENNIAL_METRICS_SECONDS"
SHORTEST_MINUTE = 0.5  # seconds
SERVERLESS_START_LIMIT = 180.0  # "the container must respond to /ping within 3 minutes"


def desired(config: Record) -> dict[str, Desired]:
    """Counts, weights and concurrency as the config gives them."""
    return {
        one["VariantName"]: Desired(
            one.get("InitialInstanceCount", 0),
            one.get("InitialVariantWeight", 1.0),
            one.get("ServerlessConfig"),
        )
        for one in config["ProductionVariants"]
    }


def concurrency(serverless: Record) -> Concurrency:
    """A ServerlessConfig's limits."""
    return Concurrency(
        serverless["MaxConcurrency"],
        serverless.get("ProvisionedConcurrency", 0),
        serverless["MemorySizeInMB"],
    )


async def build(
    hosting: Hosting, endpoint: Endpoint, config: Record, wanted: dict[str, Desired]
) -> Generation:
    """Fleets for every variant, the shadow too, still without instances. Raises ArtifactError."""
    world = hosting.world
    home = world.home / "endpoints"
    variants = {}
    captured = Settings.of(config.get("DataCaptureConfig"))
    shadows = config.get("ShadowProductionVariants", [])
    for variant in [*config["ProductionVariants"], *shadows]:
        name = variant["VariantName"]
        if name not in config["Images"]:  # its inference components have fleets of their own
            continue
        container = config["Images"][name]
        model = await unpack(
            container.get("ModelDataUrl"), container["Role"], world.storage, home / "artifacts"
        )
        standard = SERVERLESS_START_LIMIT if "ServerlessConfig" in variant else START_LIMIT
        limit = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", standard)
        log = _log(hosting, endpoint, name)
        recipe = Recipe(
            command=tuple(world.container.command("serve")),
            environment=world.container.environment(
                **world.credentials(container["Role"], "SageMaker"),
                **{METRICS_SECONDS: f"{max(SHORTEST_MINUTE, world.scaled(60)):g}"},
                **container.get("Environment", {}),
            ),
            model=model,
            home=home / endpoint.name,
            start_limit=max(min(SHORTEST_START_LIMIT, limit / 8), world.scaled(limit)),
            log=log,
        )
        routing = variant.get("RoutingConfig", {}).get("RoutingStrategy", "RANDOM")
        fleet: Fleet = Fleet(recipe, hosting.host, routing)
        if "ServerlessConfig" in variant:
            fleet = Pool(
                recipe,
                hosting.host,
                idle_limit=lambda: world.scaled(world.serverless_idle),
                # Nothing is provisioned until it has started.
                concurrency=replace(concurrency(variant["ServerlessConfig"]), provisioned=0),
            )
        recorder = await capture.of(world).recorder(captured, endpoint.name, name, container["Role"], log)
        weight = wanted[name].weight if name in wanted else variant["InitialVariantWeight"]
        variants[name] = Variant(name, fleet, weight, recorder=recorder)
    generation = Generation(config["EndpointConfigName"], variants, share=0.0)
    for shadow in shadows:
        generation.shadow = variants.pop(shadow["VariantName"])
        generation.shadow_count = shadow["InitialInstanceCount"]
    return generation


def _log(hosting: Hosting, endpoint: Endpoint, variant: str) -> Callable[[str, list[str]], Awaitable[None]]:
    group, account, region = (
        f"/aws/sagemaker/Endpoints/{endpoint.name}",
        endpoint.call.account,
        endpoint.call.region,
    )

    async def write(instance: str, lines: list[str]) -> None:
        with seams.scope(account, region):
            hosting.world.logs.write(group, f"{variant}/{instance}", lines)

    return write


def snapshot(hosting: Hosting, config: Record, call: Call) -> Record:
    """The config with the containers of its models, so that later deletions change nothing."""
    images = {}
    for variant in [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]:
        if "ModelName" not in variant:
            continue
        model = hosting.models.get(call, variant["ModelName"])
        images[variant["VariantName"]] = {
            "Image": "",
            **model["Runnable"],
            "Role": model["ExecutionRoleArn"],
            "ResolutionTime": call.now,
        }
    return {**config, "Images": images}
