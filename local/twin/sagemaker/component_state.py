"""What the twin remembers of inference components, and of the instances that come and go with their copies."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from twin.protocol import AwsError, Call
from twin.sagemaker.component_placement import Room, instances_needed
from twin.sagemaker.dataplane.meter import Meter
from twin.sagemaker.dataplane.router import Generation
from twin.sagemaker.hosting_state import Endpoint, Hosting, Record
from twin.sagemaker.hosting_store import Table

LAUNCH = 105.0  # AWS seconds until an instance is there; AWS's own blog tells of a minute and three quarters
IDLE = 600.0  # AWS seconds that an instance without copies stays


@dataclass(eq=False)
class Component:
    """An inference component. `generations` are its copies by model: the old ones first while an update runs."""

    name: str
    arn: str
    call: Call
    endpoint: Endpoint
    variant: str
    specification: Record
    container: Record
    desired: int
    status: str = "Creating"
    state: str = "CREATE_IN_PROGRESS"  # what AWS calls it in its refusals
    failure: str | None = None
    deployment: Record | None = None
    generations: list[Generation] = field(default_factory=list)
    meter: Meter = field(default_factory=Meter)
    without_capacity: int = 0  # requests refused since the last publication
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))
    work: asyncio.Task[None] | None = None

    @property
    def current(self) -> int:
        """Copies that can answer now."""
        return sum(one.healthy for one in self.generations)

    @property
    def placed(self) -> int:
        """Copies that take room, ready or not."""
        return max(self.desired, sum(one.variants[self.variant].fleet.desired for one in self.generations))

    @property
    def log_group(self) -> str:
        return f"/aws/sagemaker/InferenceComponents/{self.name}"

    @property
    def busy(self) -> bool:
        return self.status in ("Creating", "Updating", "Deleting")

    def enter(self, status: str, state: str = "", failure: str | None = None) -> None:
        self.status, self.state, self.failure, self.modified = status, state, failure, datetime.now(UTC)


class Components:
    """All inference components, and the managed instances below them."""

    def __init__(self, hosting: Hosting) -> None:
        self.hosting = hosting
        self.table: Table[Component] = Table("inference-component", "inference component")
        self._launching = asyncio.Lock()
        self._leaving: set[asyncio.Task[None]] = set()

    def on(self, endpoint: Endpoint) -> list[Component]:
        return [one for one in self.table if one.endpoint is endpoint]

    def needed(self, endpoint: Endpoint, component: Component, copies: int) -> int | None:
        """Instances for `copies` of this component beside all others; None when a copy fits on no instance."""
        counts = {one: one.placed for one in self.on(endpoint)} | {component: copies}
        rooms = [
            Room.of_copy(one.specification["ComputeResourceRequirements"])
            for one, count in counts.items()
            for _ in range(count)
        ]
        return instances_needed(rooms, Room.of_instance(variant_of(endpoint)["InstanceType"]))

    async def make_room(self, component: Component, copies: int) -> bool:
        """Launch the instances that are missing; False when the copies would not fit on as many as there may be."""
        endpoint = component.endpoint
        needed, most = self.needed(endpoint, component, copies), managed(endpoint).get("MaxInstanceCount")
        if needed is None or (most is not None and needed > most):
            return False
        self._want(endpoint, max(needed, endpoint.desired[component.variant].count))
        async with self._launching:
            if (endpoint.managed or 0) < needed:
                await asyncio.sleep(self.hosting.world.scaled(LAUNCH))
                endpoint.managed = max(needed, endpoint.managed or 0)
        return True

    def let_go(self, endpoint: Endpoint) -> None:
        """Instances that nothing needs leave after a while."""
        task = asyncio.create_task(self._let_go(endpoint))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _let_go(self, endpoint: Endpoint) -> None:
        await asyncio.sleep(self.hosting.world.scaled(IDLE))
        placed = [
            Room.of_copy(one.specification["ComputeResourceRequirements"])
            for one in self.on(endpoint)
            for _ in range(one.placed)
        ]
        needed = instances_needed(placed, Room.of_instance(variant_of(endpoint)["InstanceType"])) or 0
        least = max(needed, managed(endpoint).get("MinInstanceCount", 1))
        if endpoint.managed is not None and endpoint.managed > least:
            endpoint.managed = least
            self._want(endpoint, least)

    def _want(self, endpoint: Endpoint, count: int) -> None:
        endpoint.desired[variant_of(endpoint)["VariantName"]].count = count

    def start(self, component: Component, work: Coroutine[Any, Any, None]) -> None:
        component.work = asyncio.create_task(work)


def variant_of(endpoint: Endpoint) -> Record:
    """The one variant that components live on."""
    found: Record = endpoint.config["ProductionVariants"][0]
    return found


def managed(endpoint: Endpoint) -> Record:
    """Its ManagedInstanceScaling; empty when the number of instances is fixed."""
    found: Record = variant_of(endpoint).get("ManagedInstanceScaling", {})
    return found


def hosts_components(config: Record) -> bool:
    """Whether an endpoint config is one for inference components: its variants name no model."""
    return any("ModelName" not in variant for variant in config["ProductionVariants"])


def addressed(hosting: Hosting, endpoint: Endpoint, name: str | None, call: Call) -> Endpoint | Component:
    """What a request to an endpoint is for: the endpoint's own model, or one of its inference components."""
    if not hosts_components(endpoint.config):
        if name is None:
            return endpoint
        raise AwsError(
            "ValidationError",
            "Inference Component Name header is not allowed for endpoints to which you dont plan to deploy inference "
            "components. Please remove the Inference Component Name header and try again.",
        )
    if name is None:
        raise AwsError(
            "ValidationError",
            "Inference Component Name header is required for endpoints to which you plan to deploy inference "
            "components. Please include Inference Component Name header or consider using SageMaker models.",
        )
    found = of(hosting).table.find(call, name)
    if found is None or found.endpoint is not endpoint or found.status == "Deleting":
        raise AwsError("ValidationError", f"Inference Component {name} of account {call.account} not found.")
    if not any(one.share for one in found.generations):
        raise no_capacity(found)
    return found


def no_capacity(component: Component) -> AwsError:
    """What AWS says to a request that no copy can take; it counts, so that an alarm can wake the component."""
    component.without_capacity += 1
    return AwsError(
        "ValidationError",
        "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress "
        "(if configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API.",
    )


def of(hosting: Hosting) -> Components:
    """The hosting's components; the same for every service."""
    found: Components = vars(hosting).setdefault("components", Components(hosting))
    return found
