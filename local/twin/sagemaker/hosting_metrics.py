"""What endpoints measure, published to CloudWatch once per (scaled) minute.

A minute of endpoints is 60 / time_scale seconds; each datum carries the real time it was measured at,
so that the counts per real minute are the real ones.
"""

import asyncio
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path

from twin import alarms, seams
from twin import seams_cloudwatch as cloudwatch
from twin.sagemaker.dataplane.meter import Meter
from twin.sagemaker.dataplane.router import Generation, Variant
from twin.sagemaker.hosting_state import Endpoint, Hosting

NAMESPACE = "AWS/SageMaker"
INSTANCE_NAMESPACE = "/aws/sagemaker/Endpoints"
SHORTEST_MINUTE = 0.5
# SageMaker keeps sending zeros when traffic stops. After so many minutes one per real minute is enough.
IDLE_MINUTES = 30
KEEP = 3 * 3600.0  # seconds; a laptop's memory is finite

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MEMORY = _PAGE * os.sysconf("SC_PHYS_PAGES")

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
        """At the end of each minute: publish, let alarms look, let scaling react."""
        while True:
            now = time.time()
            end = (math.floor(now / self._minute) + 1) * self._minute
            await asyncio.sleep(end - now)
            self.publish(end)
            self._alarms.tick(end)
            for react in self._hosting.on_minute:
                react()

    def publish(self, end: float) -> None:
        at = end - self._minute / 2
        for also in self._hosting.on_publish:
            also(at, self._minute)
        alive = set()
        for endpoint in self._hosting.endpoints:
            with seams.scope(endpoint.call.account, endpoint.call.region):
                for generation in endpoint.generations:
                    for variant in generation.variants.values():
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
        dimensions = {"EndpointName": endpoint.name, "VariantName": variant.name}
        for one in (dimensions, {**dimensions, "EndpointConfigName": generation.config_name}):
            self._traffic(meter, max(1, variant.fleet.count), one, at)
        if idle == IDLE_MINUTES:
            for namespace in (NAMESPACE, INSTANCE_NAMESPACE):
                cloudwatch.forget_before(namespace, at - KEEP)
        self._instances(variant, dimensions, at)

    def _traffic(self, meter: Meter, instances: int, dimensions: Dimensions, at: float) -> None:
        def put(name: str, values: Mapping[float, float], unit: str = "None") -> None:
            if values:
                cloudwatch.store(NAMESPACE, name, dimensions, at, unit, values.keys(), values.values())

        def shares(name: str, hits: int) -> None:
            """SageMaker sends 1 or 0 per request: Sum counts, Average is a share."""
            put(name, {v: n for v, n in ((1.0, hits), (0.0, meter.invocations - hits)) if n})

        count = float(meter.invocations)
        put("Invocations", {1.0: count} if count else {0.0: 1.0})
        put("InvocationsPerInstance", {count / instances: 1.0})
        put("ConcurrentRequestsPerModel", {meter.busy / self._minute / instances: 1.0})
        shares("Invocation4XXErrors", meter.client_errors)
        shares("Invocation5XXErrors", meter.server_errors)
        shares("InvocationModelErrors", meter.model_errors)
        put("ModelLatency", meter.model_latency, "Microseconds")
        put("OverheadLatency", meter.overhead_latency, "Microseconds")

    def _instances(self, variant: Variant, dimensions: Dimensions, at: float) -> None:
        """CPUUtilization (100 is one core) and MemoryUtilization (of the machine) of every server."""
        cpu, memory = [], []
        for instance in variant.fleet.healthy:
            usage = _usage(instance.pid)
            if usage is None:
                continue
            seconds, resident = usage
            before = self._cpu.get(instance.id)
            self._cpu[instance.id] = seconds
            memory.append(100 * resident / _MEMORY)
            if before is not None:
                cpu.append(100 * (seconds - before) / self._minute)
        for name, values in (("CPUUtilization", cpu), ("MemoryUtilization", memory)):
            if values:
                cloudwatch.store(
                    INSTANCE_NAMESPACE, name, dimensions, at, "Percent", values, [1.0] * len(values)
                )


def _usage(pid: int | None) -> tuple[float, int] | None:
    """CPU seconds and resident bytes of a process; None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS, int(fields[21]) * _PAGE
