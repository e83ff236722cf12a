"""One instance: a server process, healthy when its `/ping` answers 200, and its outstanding requests."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from uuid import uuid4

import aiohttp

from twin.children import Children
from twin.sagemaker.dataplane.process import free_port, pump, spawn, stop

PING_TIMEOUT = 2.0  # AWS's
PING_EVERY = 1.0
PINGS_MISSED = 3  # in a row: the instance is unhealthy
STARTS = 3  # of a process that ends before it was ever healthy
GRACE = 30.0  # between SIGTERM and SIGKILL, AWS's
DRAIN = 60.0  # an invocation's longest time


class Health(Enum):
    """Where an instance is in its life; only HEALTHY ones get requests."""

    STARTING = "starting"
    HEALTHY = "healthy"
    DRAINING = "draining"
    GONE = "gone"


@dataclass(frozen=True)
class Recipe:
    """How to start one server: everything but its port and its own folder.

    `model` is the folder with the unpacked artefact, shared by instances that only read it;
    `start_limit` is in seconds of the twin.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    model: Path
    home: Path
    start_limit: float
    log: Callable[[str, list[str]], Awaitable[None]]


@dataclass(frozen=True)
class Host:
    """What instances share with the twin: one HTTP client and the processes to take down with it."""

    session: aiohttp.ClientSession
    children: Children


class StartError(Exception):
    """The server was not healthy within its start-up limit."""


@dataclass(eq=False)
class Instance:
    """One server process on a loopback port."""

    recipe: Recipe
    host: Host
    id: str = field(default_factory=lambda: f"i-{uuid4().hex[:17]}")
    health: Health = Health.STARTING
    outstanding: int = 0
    port: int = 0
    process: asyncio.subprocess.Process | None = None
    _pump: asyncio.Task[None] | None = None
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.returncode is None else None

    @property
    def alive(self) -> bool:
        return self.pid is not None

    async def start(self) -> None:
        """Return when `/ping` answers 200. Raises StartError after the start-up limit or too many exits."""
        deadline = time.monotonic() + self.recipe.start_limit
        for _ in range(STARTS):
            await self._spawn()
            while self.alive and time.monotonic() < deadline:
                if await self.ping():
                    self.health = Health.HEALTHY
                    return
                await asyncio.sleep(0.1)
            await self._end(grace=1.0)
            if time.monotonic() >= deadline:
                break
        self.health = Health.GONE
        raise StartError(self.id)

    async def _spawn(self) -> None:
        base = self.recipe.home / self.id
        base.mkdir(parents=True, exist_ok=True)
        link = base / "model"
        if not link.is_symlink():
            link.symlink_to(self.recipe.model, target_is_directory=True)
        self.port = free_port()
        environment = {
            **self.recipe.environment,
            "SAGEMAKER_BASE_DIR": str(base),
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
        }
        self.process = await spawn(self.recipe.command, environment, base, self.host.children)
        self._pump = asyncio.create_task(pump(self.process, lambda lines: self.recipe.log(self.id, lines)))

    async def ping(self) -> bool:
        """Does the server say that it is ready?"""
        try:
            async with self.host.session.get(
                f"{self.url}/ping", timeout=aiohttp.ClientTimeout(PING_TIMEOUT)
            ) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def watch(self) -> str:
        """Return why the instance is no longer fit to serve: its process ended, or pings went unanswered."""
        if self.process is None:
            return "the server was never started"
        exited = asyncio.create_task(self.process.wait())
        missed = 0
        try:
            while missed < PINGS_MISSED:
                done, _ = await asyncio.wait({exited}, timeout=PING_EVERY)
                if done:
                    return f"the server process ended with code {self.process.returncode}"
                missed = 0 if await self.ping() else missed + 1
        finally:
            exited.cancel()
        return f"the server missed {PINGS_MISSED} pings"

    def release(self) -> None:
        """A request has ended."""
        self.outstanding -= 1
        if self.outstanding == 0:
            self._idle.set()

    async def retire(self, *, drain: float = DRAIN) -> None:
        """Take no more requests, let the present ones end, then stop the process."""
        self.health = Health.DRAINING
        if self.outstanding and self.alive:
            self._idle.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), drain)
        self.health = Health.GONE
        await self._end(grace=GRACE)

    async def abandon(self) -> None:
        """Stop a server that never served."""
        self.health = Health.GONE
        await self._end(grace=1.0)

    async def _end(self, grace: float) -> None:
        if self.process is not None:
            await stop(self.process, grace, self.host.children)
        if self._pump is not None:
            await self._pump
        await asyncio.to_thread(shutil.rmtree, self.recipe.home / self.id, ignore_errors=True)
