"""Which instance answers a request, and what its answer was."""

import asyncio
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp

from twin.sagemaker.capture import Recorder
from twin.sagemaker.dataplane.fleet import Fleet
from twin.sagemaker.dataplane.instance import Instance, StartError
from twin.sagemaker.dataplane.meter import Gauge, Meter
from twin.sagemaker.dataplane.pool import Pool

TIMEOUT = 60.0  # seconds a container has for its answer


@dataclass(eq=False)
class Variant:
    """One production variant in service."""

    name: str
    fleet: Fleet
    weight: float
    meter: Meter = field(default_factory=Meter)
    gauge: Gauge = field(default_factory=Gauge)
    recorder: Recorder | None = None


@dataclass(eq=False)
class Generation:
    """The fleets of one endpoint config. `share` of the endpoint's traffic goes to them."""

    config_name: str
    variants: dict[str, Variant]
    share: float = 1.0
    shadow: Variant | None = None  # gets copies of the requests
    shadow_count: int = 0  # instances that it is to have

    @property
    def everything(self) -> list[Variant]:
        """Production variants, and the shadow."""
        return [*self.variants.values(), *([self.shadow] if self.shadow else [])]

    @property
    def healthy(self) -> int:
        return sum(variant.fleet.count for variant in self.variants.values())

    @property
    def able(self) -> bool:
        """Whether a request can be answered: serverless variants start what they need."""
        return self.healthy > 0 or any(isinstance(one.fleet, Pool) for one in self.variants.values())

    def choose(self) -> Variant | None:
        """A variant by its weight, or None when all weights are zero."""
        variants = list(self.variants.values())
        weights = [variant.weight for variant in variants]
        return random.choices(variants, weights)[0] if sum(weights) > 0 else None


def choose(generations: list[Generation], target: str | None) -> Variant | None:
    """The variant for a request: the generation by its share, then the target or one by weight."""
    having = [one for one in generations if one.share > 0 and (target is None or target in one.variants)]
    if not having:
        return None
    generation = random.choices(having, [one.share for one in having])[0]
    return generation.variants[target] if target else generation.choose()


@dataclass(frozen=True)
class Reply:
    """A container's answer; status 0 when there was none, with the reason as `body`. Latency in seconds."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    latency: float
    instance: str


class NoCapacity(Exception):
    """The variant has no healthy instance."""


async def forward(variant: Variant, body: bytes, headers: Mapping[str, str], slower: float = 0) -> Reply:
    """Send a request to the variant. Raises NoCapacity, and Throttled when a serverless one has its fill.

    The model takes `slower` seconds more than it does.
    """
    variant.gauge.move(1)
    try:
        if isinstance(variant.fleet, Pool):
            return await _without_server(variant, variant.fleet, body, headers, slower)
        return await _to_instance(variant, body, headers, slower)
    finally:
        variant.gauge.move(-1)


async def _without_server(
    variant: Variant, pool: Pool, body: bytes, headers: Mapping[str, str], slower: float
) -> Reply:
    """Start an environment where none is warm, then ask it."""
    admission = pool.admit()
    variant.meter.admit(admission.concurrent, provisioned=admission.provisioned)
    started = time.perf_counter()
    try:
        for _ in range(2):  # once more when the environment that seemed warm has died
            setup = await pool.warm()
            if setup:
                variant.meter.cold_start(setup)
            with suppress(NoCapacity):
                return await _to_instance(variant, body, headers, slower)
        raise NoCapacity(variant.name)
    except StartError:
        return Reply(0, _NOT_STARTED, {}, time.perf_counter() - started, variant.name)
    finally:
        pool.leave()


async def _to_instance(variant: Variant, body: bytes, headers: Mapping[str, str], slower: float) -> Reply:
    """Send a request to an instance of the variant. Raises NoCapacity.

    Another instance is tried only when the request cannot have reached the first: its process
    refused the connection, or closed an idle one while the process lives on.
    """
    tried: set[str] = set()
    while instance := variant.fleet.pick(frozenset(tried)):
        started = time.perf_counter()
        try:
            async with variant.fleet.host.session.post(
                f"{instance.url}/invocations",
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(TIMEOUT),
                allow_redirects=False,
            ) as answer:
                payload = await answer.read()
                await asyncio.sleep(slower)
                return Reply(
                    answer.status, payload, answer.headers, time.perf_counter() - started, instance.id
                )
        except TimeoutError:
            return _lost(instance, _TIMED_OUT, started)
        except aiohttp.ClientConnectorError:
            tried.add(instance.id)
        except (aiohttp.ClientError, OSError) as error:
            if not (isinstance(error, aiohttp.ServerDisconnectedError) and await instance.ping()):
                return _lost(instance, _EXITED, started)
            tried.add(instance.id)
        finally:
            instance.release()
    raise NoCapacity(variant.name)


_NOT_STARTED = (
    b"The model container did not start: it did not pass the ping health check. Please check CloudWatch logs."
)
_EXITED = b"An error occurred while handling request as the model process exited."
_TIMED_OUT = (
    b"Your invocation timed out while waiting for a response from container primary. Review the latency metrics "
    b"for each container in Amazon CloudWatch, resolve the issue, and try again."
)


def _lost(instance: Instance, reason: bytes, started: float) -> Reply:
    return Reply(0, reason, {}, time.perf_counter() - started, instance.id)
