"""The instances of one production variant: kept at the desired count, replaced when they fall ill."""

import asyncio
import itertools
import logging
import os
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from twin.sagemaker.dataplane.instance import Health, Host, Instance, Recipe, StartError

logger = logging.getLogger(__name__)

# Servers start a core each: more at once would only make every start-up slower.
_starts = asyncio.Semaphore(max(2, os.cpu_count() or 1))
START_TURN = 5.0  # seconds; who needs longer lets others start, too
REPLACE_EVERY = 1.0  # seconds between two tries to replace an instance


@dataclass(eq=False)
class Fleet:
    """Instances made from one recipe; `routing` is SageMaker's RoutingStrategy."""

    recipe: Recipe
    host: Host
    routing: str = "LEAST_OUTSTANDING_REQUESTS"
    desired: int = 0
    instances: list[Instance] = field(default_factory=list)
    _starting: int = 0
    _watches: set[asyncio.Task[None]] = field(default_factory=set)
    _farewells: set[asyncio.Task[None]] = field(default_factory=set)
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)
    _closed: bool = False

    @property
    def healthy(self) -> list[Instance]:
        return [instance for instance in self.instances if instance.health is Health.HEALTHY]

    @property
    def count(self) -> int:
        """Instances that can answer now."""
        return len(self.healthy)

    def pick(self, avoid: frozenset[str] = frozenset()) -> Instance | None:
        """The next instance for a request, or None. It counts as outstanding until released."""
        candidates = [instance for instance in self.healthy if instance.id not in avoid]
        if not candidates:
            return None
        if self.routing == "RANDOM":
            chosen = random.choice(candidates)
        else:
            turn = next(self._turn) % len(candidates)
            rotated = candidates[turn:] + candidates[:turn]
            chosen = min(rotated, key=lambda instance: instance.outstanding)
        chosen.outstanding += 1
        return chosen

    async def scale(self, count: int) -> None:
        """Add or remove instances until `count` serve. Raises StartError; then nothing was added."""
        before, self.desired = self.desired, count
        missing = count - len(self.instances) - self._starting
        if missing > 0:
            results = await asyncio.gather(*(self._add() for _ in range(missing)), return_exceptions=True)
            if failures := [result for result in results if isinstance(result, BaseException)]:
                self.desired = before
                await self._remove([result for result in results if isinstance(result, Instance)])
                raise failures[0]
        elif missing < 0:
            # The newest go first; AWS does not say which, and the oldest are the warmest.
            await self._remove(self.instances[missing:])

    async def close(self, *, drain: float | None = None) -> None:
        """Retire every instance, now and for good."""
        self._closed = True
        self.desired = 0
        for task in self._watches:
            task.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        await self._remove(list(self.instances), drain)
        await asyncio.gather(*self._farewells)

    async def _add(self) -> Instance:
        instance = Instance(self.recipe, self.host)
        self._starting += 1
        start: asyncio.Task[None] | None = None
        try:
            async with _starts:
                start = asyncio.create_task(instance.start())
                await asyncio.wait({start}, timeout=START_TURN)
            await start
        except BaseException:
            if start is not None:
                start.cancel()
                await asyncio.wait({start})
            await instance.abandon()
            raise
        finally:
            self._starting -= 1
        self.instances.append(instance)
        _keep(self._watches, self._tend(instance))
        return instance

    async def _remove(self, instances: list[Instance], drain: float | None = None) -> None:
        self.instances = [instance for instance in self.instances if instance not in instances]
        await asyncio.gather(
            *(one.retire() if drain is None else one.retire(drain=drain) for one in instances)
        )

    async def _tend(self, instance: Instance) -> None:
        """Watch an instance; when it falls ill, put another in its place."""
        reason = await instance.watch()
        if instance not in self.instances:
            return
        instance.health = Health.DRAINING
        self.instances.remove(instance)
        await self.recipe.log(instance.id, [f"instance {instance.id} is replaced: {reason}"])
        logger.warning("instance %s is replaced: %s", instance.id, reason)
        _keep(self._farewells, instance.retire(drain=0))
        await self._refill()

    async def _refill(self) -> None:
        """After a loss: bring the fleet back to its count."""
        while not self._closed and len(self.instances) + self._starting < self.desired:
            try:
                await self._add()
            except StartError:
                await asyncio.sleep(REPLACE_EVERY)
        if surplus := self.instances[self.desired :]:
            await self._remove(surplus)


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    """Run `work` on its own; asyncio itself holds tasks only weakly."""
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
