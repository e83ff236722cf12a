"""The processes of one job: a container per host, its log, its end.

A host is a folder in place of `/opt/ml` and a process group in place of the container.
"""

import asyncio
import shutil
import signal
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twin import seams
from twin.sagemaker.dataplane.process import pump, spawn
from twin.world import World

STOP_SECONDS = 120  # what AWS gives a training container between SIGTERM and SIGKILL
FAILURE_CHARACTERS = 1024
LAST_LINES_SECONDS = 5  # a process that left its group could keep the log open for ever


@dataclass
class Host:
    """One container of a job."""

    name: str
    base: Path
    process: asyncio.subprocess.Process | None = None
    lines: int = 0


@dataclass(frozen=True)
class Outcome:
    """How the containers of a job ended: `why` is empty unless the platform ended them."""

    exit_code: int
    failure: str
    why: str = ""


@dataclass
class Run:
    """The containers of one job while they run."""

    world: World
    name: str
    role: str
    group: str
    hosts: list[Host]
    on_line: Callable[[str], None] = lambda _line: None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""

    @classmethod
    def of(cls, world: World, name: str, role: str, group: str, count: int) -> "Run":
        """Fresh folders for the hosts `algo-1` to `algo-n`."""
        root = world.home / "jobs" / name
        shutil.rmtree(root, ignore_errors=True)
        hosts = [Host(f"algo-{index + 1}", root / f"algo-{index + 1}") for index in range(count)]
        return cls(world, name, role, group, hosts)

    @property
    def root(self) -> Path:
        return self.hosts[0].base.parent

    def stop(self, why: str) -> None:
        """Ask the containers to end: SIGTERM, SIGKILL after 120 (scaled) seconds."""
        self.why = self.why or why
        self.stopping.set()

    async def execute(
        self,
        commands: list[list[str]],
        environment: Mapping[str, str],
        limit: float,
        watch: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> Outcome:
        """Run every container until all end, one fails, `limit` seconds pass, or `stop`.

        `commands` are the hosts', in their order.
        """
        started = int(time.time())
        waits = []
        for host, command in zip(self.hosts, commands, strict=True):
            own = {**environment, "SAGEMAKER_BASE_DIR": str(host.base)}
            host.process = await spawn(command, own, host.base, self.world.children)
            waits.append(asyncio.create_task(self._wait(host, host.process, started)))
        stop = asyncio.create_task(self.stopping.wait())
        aside = asyncio.create_task(watch()) if watch else None
        failed = 0
        try:
            pending: set[asyncio.Task[int]] = set(waits)
            deadline = time.monotonic() + limit
            while pending and not stop.done():
                timeout = deadline - time.monotonic()
                done, _ = await asyncio.wait(
                    {*pending, stop}, timeout=max(timeout, 0), return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    self.stop("MaxRuntimeExceeded")
                    break
                pending -= done
                failed = next((task.result() for task in waits if task in done and task.result()), 0)
                if failed:
                    break
            if pending:
                await self._terminate(pending)
            code = failed or next((task.result() for task in waits if task.result()), 0)
        finally:
            stop.cancel()
            if aside:
                aside.cancel()
                with suppress(asyncio.CancelledError):
                    await aside
        return Outcome(code if code >= 0 else 128 - code, self._failure(), self.why)

    async def _terminate(self, pending: set["asyncio.Task[int]"]) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for host in self.hosts:
                if host.process and host.process.returncode is None:
                    self.world.children.signal(host.process.pid, number)
            _, left = await asyncio.wait(pending, timeout=self.world.scaled(STOP_SECONDS))
            if not left:
                return

    async def _wait(self, host: Host, process: asyncio.subprocess.Process, started: int) -> int:
        stream = f"{self.name}/{host.name}-{started}"
        logs_allowed = seams.role_allows(self.role, "logs:PutLogEvents", _log_arn(self.group, stream))

        async def write(lines: list[str]) -> None:
            host.lines += len(lines)
            for line in lines:
                self.on_line(line)
            if logs_allowed:
                self.world.logs.write(self.group, stream, lines)

        reading = asyncio.create_task(pump(process, write))
        code = await process.wait()
        # A grandchild may hold the pipe open; the container is gone all the same.
        self.world.children.forget(process.pid)
        await asyncio.wait({reading}, timeout=LAST_LINES_SECONDS)
        reading.cancel()
        return code

    def _failure(self) -> str:
        for host in self.hosts:
            path = host.base / "output" / "failure"
            if path.is_file():
                return path.read_text(errors="replace")[:FAILURE_CHARACTERS].strip()
        return ""


def _log_arn(group: str, stream: str) -> str:
    account, region = seams.here()
    return f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:{stream}"


def algorithm_error(outcome: Outcome) -> str:
    """AWS's FailureReason for a container that ended by itself, but not with 0."""
    if outcome.exit_code == 137 and not outcome.failure:
        return (
            "ClientError: Please use an instance type with more memory, or reduce the size of training data "
            "processed on an instance., exit code: 137"
        )
    told = outcome.failure or "See job logs for more information"
    return f"AlgorithmError: {told}, exit code: {outcome.exit_code}"
