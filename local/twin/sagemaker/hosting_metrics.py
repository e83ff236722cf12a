"""What endpoints measure, published to CloudWatch once per (scaled) minute.

A minute of endpoints is 60 / time_scale seconds; each datum carries the real time it was measured at,
so that the counts per real minute are the real ones.
"""

import asyncio
import math
import os
import time
from collections.abc import Mapping

from twin import alarms, seams
from twin import seams_cloudwatch as cloudwatch
from twin.sagemaker.dataplane.fleet import Fleet
from twin.sagemaker.dataplane.meter import Meter
from twin.sagemaker.dataplane.pool import Pool
from twin.sagemaker.dataplane.process import usage
from twin.sagemaker.dataplane.router import Generation, Variant
from twin.sagemaker.hosting_fleets import SHORTEST_MINUTE
from twin.sagemaker.hosting_state import Endpoint, Hosting

NAMESPACE = "AWS/SageMaker"
INSTANCE_NAMESPACE = "/aws/sagemaker/Endpoints"
# SageMaker keeps sending zeros when traffic stops. After so many minutes one per real minute is enough.
IDLE_MINUTES = 30
KEEP = 3 * 3600.0  # seconds; a laptop's memory is finite
FORGET_EVERY = 300  # minutes

_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
TICKS = 6  # of a minute: what has high resolution is published every ten seconds

Dimensions = Mapping[str, str]


def start(hosting: Hosting) -> None:
    """Publish for as long as the twin runs. Needs the running event loop."""
    vars(hosting)["publisher"] = asyncio.create_task(_Publisher(hosting).run())


class _Publisher:
    def __init__(self, hosting: Hosting) -> None:
        self._hosting = hosting
        self._alarms = alarms.of(hosting.world)
        self._minute = max(SHORTEST_MINUTE, hosting.world.scaled(60))
        self._idle: dict[Variant, int] = {}
        self._cpu: dict[str, float] = {}

    async def run(self) -> None:
        """At the end of each minute: publish, let alarms look, let scaling react. Every ten seconds: concurrency."""
        tick = self._minute / TICKS
        while True:
            now = time.time()
            ticks = math.floor(now / tick) + 1
            await asyncio.sleep(ticks * tick - now)
            self.publish_concurrency(ticks * tick)
            if ticks % TICKS:
                self._alarms.tick(ticks * tick, high_resolution=True)
                continue
            self.publish(ticks * tick)
            if ticks % (TICKS * FORGET_EVERY) == 0:
                self._forget(ticks * tick - KEEP)
            self._alarms.tick(ticks * tick)
            for react in self._hosting.on_minute:
                react()

    def publish_concurrency(self, end: float) -> None:
        """ConcurrentRequestsPerModel of the last ten seconds; each instance has a copy of the model."""
        at = end - self._minute / TICKS / 2
        for also in self._hosting.on_tick:
            also(at, self._minute / TICKS)
        for endpoint in self._hosting.endpoints:
            for generation in endpoint.generations:
                for variant in generation.everything:
                    if isinstance(variant.fleet, Pool) or not self._worth_telling(generation, variant):
                        continue
                    each = variant.gauge.take() / max(1, variant.fleet.count)
                    with seams.scope(endpoint.call.account, endpoint.call.region):
                        for one in _dimensions(endpoint, generation, variant):
                            cloudwatch.store(
                                NAMESPACE, "ConcurrentRequestsPerModel", one, at, "None", [each], [1.0]
                            )

    def _worth_telling(self, generation: Generation, variant: Variant) -> bool:
        """Whether the fleet has traffic, or has had some lately: a laptop does not publish zeros for ever."""
        return bool(generation.share or variant.gauge.now) and self._idle.get(variant, 0) <= IDLE_MINUTES

    def _forget(self, before: float) -> None:
        for account, region in {(one.call.account, one.call.region) for one in self._hosting.endpoints}:
            with seams.scope(account, region):
                for namespace in (NAMESPACE, INSTANCE_NAMESPACE):
                    cloudwatch.forget_before(namespace, before)

    def publish(self, end: float) -> None:
        at = end - self._minute / 2
        for also in self._hosting.on_publish:
            also(at, self._minute)
        alive = set()
        for endpoint in self._hosting.endpoints:
            with seams.scope(endpoint.call.account, endpoint.call.region):
                for generation in endpoint.generations:
                    for variant in generation.everything:
                        alive.add(variant)
                        self._variant(endpoint, generation, variant, at)
        self._idle = {variant: idle for variant, idle in self._idle.items() if variant in alive}

    def _variant(self, endpoint: Endpoint, generation: Generation, variant: Variant, at: float) -> None:
        meter = variant.meter.take()
        idle = self._idle[variant] = 0 if meter.invocations else self._idle.get(variant, 0) + 1
        if generation.share == 0 and not meter.invocations:
            return
        per_real_minute = math.ceil(60 / self._minute)
        if idle > IDLE_MINUTES and idle % per_real_minute:
            return
        own = _dimensions(endpoint, generation, variant)
        for one in own:
            self._traffic(meter, variant.fleet, one, at)
        self._instances(variant, own[0], at)

    def _traffic(self, meter: Meter, fleet: Fleet, dimensions: Dimensions, at: float) -> None:
        def put(name: str, values: Mapping[float, float], unit: str = "None") -> None:
            if values:
                cloudwatch.store(NAMESPACE, name, dimensions, at, unit, values.keys(), values.values())

        def shares(name: str, hits: int) -> None:
            """SageMaker sends 1 or 0 per request: Sum counts, Average is a share."""
            put(name, {v: n for v, n in ((1.0, hits), (0.0, meter.invocations - hits)) if n})

        count = float(meter.invocations)
        put("Invocations", {1.0: count} if count else {0.0: 1.0})
        shares("Invocation4XXErrors", meter.client_errors)
        shares("Invocation5XXErrors", meter.server_errors)
        put("ModelLatency", meter.model_latency, "Microseconds")
        put("OverheadLatency", meter.overhead_latency, "Microseconds")
        if not isinstance(fleet, Pool):
            put("InvocationsPerInstance", {count / max(1, fleet.count): 1.0})
            shares("InvocationModelErrors", meter.model_errors)
            return
        # The developer guide lists what serverless endpoints publish, "exhaustively".
        put("ModelSetupTime", meter.setup_time, "Microseconds")
        executions = dict(meter.executions) or {0.0: 1}
        maximum, provisioned = fleet.concurrency.maximum, fleet.concurrency.provisioned
        put("ServerlessConcurrentExecutionsUtilization", _over(executions, maximum))
        if provisioned:
            put("ServerlessProvisionedConcurrencyExecutions", executions, "Count")
            put("ServerlessProvisionedConcurrencyUtilization", _over(executions, provisioned))
            put("ServerlessProvisionedConcurrencyInvocations", {float(meter.provisioned): 1.0}, "Count")
            put(
                "ServerlessProvisionedConcurrencySpilloverInvocations", {float(meter.spillover): 1.0}, "Count"
            )

    def _instances(self, variant: Variant, dimensions: Dimensions, at: float) -> None:
        """CPUUtilization (100 is one core) and MemoryUtilization (of the machine, of MemorySizeInMB)."""
        cpu, memory = [], []
        fleet = variant.fleet
        for instance in fleet.healthy:
            used = usage(instance.pid)
            if used is None:
                continue
            before = self._cpu.get(instance.id)
            self._cpu[instance.id] = used.cpu
            limit = fleet.concurrency.memory << 20 if isinstance(fleet, Pool) else _MEMORY
            memory.append(100 * used.resident / limit)
            if before is not None and not isinstance(fleet, Pool):
                cpu.append(100 * (used.cpu - before) / self._minute)
        for name, values in (("CPUUtilization", cpu), ("MemoryUtilization", memory)):
            if values:
                cloudwatch.store(
                    INSTANCE_NAMESPACE, name, dimensions, at, "Percent", values, [1.0] * len(values)
                )


def _dimensions(
    endpoint: Endpoint, generation: Generation, variant: Variant
) -> tuple[Dimensions, Dimensions]:
    """Each metric comes twice: for the variant, and once more for its endpoint config."""
    own = {"EndpointName": endpoint.name, "VariantName": variant.name}
    return own, {**own, "EndpointConfigName": generation.config_name}


def _over(counts: Mapping[float, float], capacity: int) -> dict[float, float]:
    """Values as shares of a capacity."""
    return {value / capacity: count for value, count in counts.items()}
