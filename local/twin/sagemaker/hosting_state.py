"""What hosting remembers: models, endpoint configs, endpoints, and the fleets behind them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import aiohttp

from twin.protocol import Call, Gate
from twin.sagemaker import registry
from twin.sagemaker.dataplane.instance import Host
from twin.sagemaker.dataplane.router import Generation
from twin.sagemaker.hosting_store import Table
from twin.world import World

Record = dict[str, Any]

IN_PROGRESS = {"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"}


@dataclass
class Desired:
    """What was last asked for one variant."""

    count: int
    weight: float
    serverless: Record | None = None  # the ServerlessConfig, with what was changed since; count is 0 then


@dataclass(eq=False)
class Pending:
    """A deployment under way: the config it brings and how far each variant is."""

    config: Record
    desired: dict[str, Desired]
    generation: Generation | None = None
    stage: str = "Creating"  # a VariantStatus: Creating, ActivatingTraffic, Baking, Deleting
    message: str | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    stage_started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def enter(self, stage: str, message: str | None = None) -> None:
        self.stage, self.message, self.stage_started = stage, message, datetime.now(UTC)


@dataclass(eq=False)
class Endpoint:
    """An endpoint. `config` is a snapshot: deleting the config or its models later changes nothing here."""

    name: str
    arn: str
    call: Call
    config: Record
    desired: dict[str, Desired]
    status: str = "Creating"
    failure: str | None = None
    kept_because: str | None = None  # why the last change of counts did not come about
    serving: Generation | None = None
    pending: Pending | None = None
    deployment: Record | None = None  # LastDeploymentConfig
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))
    work: asyncio.Task[None] | None = None
    managed: int | None = None  # instances in service, where inference components live on them

    @property
    def in_service(self) -> Generation:
        """The fleets in service; an endpoint has some from its creation on."""
        if self.serving is None:
            raise RuntimeError(f"endpoint {self.name} has no fleets")
        return self.serving

    @property
    def log_group(self) -> str:
        return f"/aws/sagemaker/Endpoints/{self.name}"

    @property
    def generations(self) -> list[Generation]:
        """The fleets that may get requests, the old ones first."""
        pending = self.pending.generation if self.pending else None
        return [one for one in dict.fromkeys((self.serving, pending)) if one is not None]

    @property
    def shown_status(self) -> str:
        """InService is said only while at least one instance can answer, or one is started for a request."""
        fleets = self.serving is not None and self.serving.variants and self.managed is None
        if self.status == "InService" and fleets and not self.in_service.able:
            return "OutOfService"
        return self.status


class Hosting:
    """All of hosting, shared by the control plane, the runtime and Application Auto Scaling."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.models: Table[Record] = Table("model", "model")
        self.configs: Table[Record] = Table("endpoint-config", "endpoint configuration")
        self.endpoints: Table[Endpoint] = Table("endpoint", "endpoint")
        # Application Auto Scaling's part: is a variant a scalable target, and what goes with an endpoint.
        self.is_scalable: Callable[[Endpoint, str], bool] = _never
        self.on_delete: list[Callable[[Endpoint, Gate, Call], None]] = []
        self.on_minute: list[Callable[[], None]] = []
        self.on_tick: list[Callable[[float, float], None]] = []  # ten seconds: their middle, their length
        self.on_publish: list[Callable[[float, float], None]] = []  # of a minute: its middle, its seconds

    @cached_property
    def host(self) -> Host:
        """One HTTP client for every instance, with connections that stay open."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        return Host(session, self.world.children)

    def runnable(self, container: Record, call: Call) -> Record:
        """A container definition with image, artefact and environment, its model package resolved."""
        if "ModelPackageName" not in container:
            return container
        package = registry.of(self.world).package(container["ModelPackageName"], call)
        specified = package["InferenceSpecification"]["Containers"][0]
        environment = {**specified.get("Environment", {}), **container.get("Environment", {})}
        return {**specified, **container, "Environment": environment}


def _never(_endpoint: Endpoint, _variant: str) -> bool:
    return False


def of(world: World) -> Hosting:
    """The world's hosting; the same one for every service."""
    hosting: Hosting = vars(world).setdefault("hosting", Hosting(world))
    return hosting
