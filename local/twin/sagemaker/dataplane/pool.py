"""The execution environments of a serverless variant: started by a request, kept while it is warm, then gone.

An environment is one server process. Beyond ENVIRONMENTS of them a laptop would suffer, so further concurrent
requests share the ones that run; MaxConcurrency and provisioned concurrency count requests all the same.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from twin.sagemaker.dataplane.fleet import REPLACE_EVERY, Fleet
from twin.sagemaker.dataplane.instance import DRAIN, Instance, StartError
from twin.sagemaker.dataplane.process import usage

ENVIRONMENTS = min(8, max(4, os.cpu_count() or 1))
LOOK_EVERY = 0.25  # seconds between two looks for environments that have been idle too long
SHORTEST_IDLE = 0.2  # seconds: who started an environment gets to use it
INVOCATION_LIMIT = 60.0  # seconds; a cold start counts


class Throttled(Exception):
    """MaxConcurrency requests are being answered already."""


@dataclass(frozen=True)
class Concurrency:
    """What a ServerlessConfig allows: requests at a time, how many of them find a warm environment, and memory."""

    maximum: int = 1
    provisioned: int = 0
    memory: int = 6144  # MB of one environment

    @property
    def kept(self) -> int:
        """Environments that are to stay warm."""
        return min(self.provisioned, ENVIRONMENTS)


@dataclass(frozen=True)
class Admission:
    """One admitted request: how many are under way with it, and whether provisioned concurrency has it."""

    concurrent: int
    provisioned: bool


@dataclass(eq=False)
class Pool(Fleet):
    """A fleet that follows the requests. `idle_limit` tells how long (s) an unused environment stays."""

    idle_limit: Callable[[], float] = lambda: 10.0
    concurrency: Concurrency = Concurrency()
    executing: int = 0
    _proven: bool = False  # an environment has passed its health check once
    _used: dict[str, float] = field(default_factory=dict)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)
    _growing: set[asyncio.Task[Instance]] = field(default_factory=set)
    _reaper: asyncio.Task[None] | None = None

    @property
    def kept(self) -> int:
        """Environments that provisioned concurrency keeps warm."""
        return self.concurrency.kept

    async def resize(self, wanted: Concurrency) -> None:
        """Provision what is asked for; it is in effect once its environments are warm. Raises StartError.

        A new pool starts one environment in any case: SageMaker checks the container's health first.
        """
        missing = max(wanted.kept, 0 if self._proven else 1) - self._coming
        results = await asyncio.gather(*(self._begin() for _ in range(missing)), return_exceptions=True)
        if failures := [one for one in results if isinstance(one, BaseException)]:
            raise failures[0]
        self.concurrency = wanted
        self.desired = self.kept
        if self._reaper is None:
            self._reaper = asyncio.create_task(self._reap())

    def pick(self, avoid: frozenset[str] = frozenset()) -> Instance | None:
        """The idlest environment, of several the one used last: the others may go cold."""
        candidates = [one for one in self.healthy if one.id not in avoid and one.alive]
        if not candidates:
            return None
        chosen = min(candidates, key=lambda one: (one.outstanding, -self._used.get(one.id, 0.0)))
        chosen.outstanding += 1
        self._used[chosen.id] = time.monotonic()
        return chosen

    def admit(self) -> Admission:
        """Count a request in, until `leave`. Raises Throttled at MaxConcurrency."""
        if self.executing >= self.concurrency.maximum:
            raise Throttled
        self.executing += 1
        return Admission(self.executing, self.executing <= self.concurrency.provisioned)

    def leave(self) -> None:
        """A request has ended."""
        self.executing -= 1
        if self.executing == 0:
            self._quiet.set()

    async def warm(self) -> float:
        """Have an environment that can take a request; seconds of the cold start that it took, 0 without.

        Raises StartError when the container does not start, or not within an invocation's limit.
        """
        if any(one.outstanding == 0 and one.alive for one in self.healthy):
            return 0.0
        if self._coming < ENVIRONMENTS:
            started = time.monotonic()
            start = self._begin()
            await asyncio.wait({start}, timeout=INVOCATION_LIMIT)
            if not start.done() or start.cancelled():
                raise StartError("the cold start took longer than an invocation may, or came too late")
            await start
            return time.monotonic() - started
        with suppress(TimeoutError):
            async with asyncio.timeout(INVOCATION_LIMIT), self._changed:
                await self._changed.wait_for(lambda: self.healthy)
        return 0.0

    async def close(self, *, drain: float | None = None) -> None:
        """Let the requests end that came before, also those that wait for a cold start; then end everything."""
        if self.executing:
            self._quiet.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), DRAIN if drain is None else drain)
        if self._reaper is not None:
            self._reaper.cancel()
        for start in list(self._growing):
            start.cancel()
        if self._growing:
            await asyncio.wait(set(self._growing))
        await super().close(drain=drain)

    @property
    def _coming(self) -> int:
        """Environments, with those that were asked for."""
        return len(self.instances) + len(self._growing)

    def _begin(self) -> "asyncio.Task[Instance]":
        """Ask for one more. It counts from here on: of requests that come at once, none has seen its task run."""
        start = asyncio.create_task(self._grow())
        self._growing.add(start)
        start.add_done_callback(self._grown)
        return start

    def _grown(self, start: "asyncio.Task[Instance]") -> None:
        self._growing.discard(start)
        if not start.cancelled():
            start.exception()  # told in the endpoint's log, also when nobody waits for it any more

    async def _grow(self) -> Instance:
        instance = await self._add()
        self._growing.discard(
            cast("asyncio.Task[Instance]", asyncio.current_task())
        )  # an instance from here on
        self._proven = True
        self._used[instance.id] = time.monotonic()
        async with self._changed:
            self._changed.notify_all()
        return instance

    async def _refill(self) -> None:
        """After a loss: only provisioned environments are replaced at once, others by the next request."""
        while not self._closed and self._coming < self.kept:
            try:
                await self._begin()
            except StartError:
                await asyncio.sleep(REPLACE_EVERY)

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = time.monotonic()
            for one in self.healthy:
                await self._limit_memory(one)
                if one.outstanding:
                    self._used[one.id] = now
            self._used = {one.id: self._used.get(one.id, now) for one in self.instances}
            limit = max(SHORTEST_IDLE, self.idle_limit())
            cold = [one for one in self.healthy if not one.outstanding and now - self._used[one.id] >= limit]
            if surplus := cold[: max(0, len(self.instances) - self.kept)]:
                await self._remove(surplus)

    async def _limit_memory(self, instance: Instance) -> None:
        """End an environment that outgrew MemorySizeInMB."""
        used = usage(instance.pid)
        if used is not None and instance.pid is not None and used.resident > self.concurrency.memory << 20:
            told = (
                f"out of memory: {used.resident >> 20} MB used, MemorySizeInMB is {self.concurrency.memory}"
            )
            await self.recipe.log(instance.id, [told])
            self.host.children.signal(instance.pid, signal.SIGKILL)
