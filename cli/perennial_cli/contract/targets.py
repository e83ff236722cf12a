"""Serving containers to check: an image run by Docker or Podman, or a plain process that stands for one."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from perennial_cli.contract.asking import Server

PORT = 8080
LABEL = "com.amazonaws.sagemaker.capabilities.accept-bind-to-port"
VARIABLE = "SAGEMAKER_BIND_TO_PORT"
PAUSE = 0.05  # seconds between two looks
LOG_LINES = 15
READ_ONLY = ("--read-only", "--tmpfs", "/tmp")  # noqa: S108 - inside the container
SOMEBODY = ("--user", "10001:10001")


class CannotRun(Exception):
    """The container could not even be started; the message says why."""


class Running(Protocol):
    """A container that was started."""

    @property
    def server(self) -> Server: ...

    def ended(self) -> int | None:
        """The exit code, or None while it runs."""

    def memory(self) -> int | None:
        """Bytes in memory of all its processes, or None where they can't be seen."""

    def terminate(self) -> None:
        """Sends SIGTERM."""

    def log(self) -> str:
        """The end of what it printed."""


class Target(Protocol):
    """What is checked."""

    @property
    def name(self) -> str: ...

    @property
    def is_image(self) -> bool: ...

    @property
    def takes_port(self) -> bool:
        """Whether it promises to listen where SAGEMAKER_BIND_TO_PORT says."""

    def start(self, port: int, *options: str) -> AbstractContextManager[Running]:
        """Starts it; another port than 8080 is told by SAGEMAKER_BIND_TO_PORT. Ends it at the end."""


@dataclass(frozen=True)
class RunningCommand:
    """A process that we started, in a session of its own."""

    server: Server
    process: subprocess.Popen[bytes]
    output: IO[bytes]

    def ended(self) -> int | None:
        return self.process.poll()

    def memory(self) -> int | None:
        return memory_of_session(self.process.pid)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def log(self) -> str:
        return ending(Path(self.output.name).read_text(errors="replace"))


@dataclass(frozen=True)
class Command:
    """A plain process that serves as the container would; `{port}` in its text becomes the port."""

    text: str

    @property
    def name(self) -> str:
        return self.text

    @property
    def is_image(self) -> bool:
        return False

    @property
    def takes_port(self) -> bool:
        return "{port}" not in self.text

    @contextmanager
    def start(self, port: int, *_options: str) -> Iterator[RunningCommand]:
        demand_free(port)
        told = {VARIABLE: str(port)} if port != PORT else {}
        command = shlex.split(self.text.replace("{port}", str(port)))
        with tempfile.NamedTemporaryFile(prefix="perennial-check-") as output:
            try:
                process = subprocess.Popen(
                    command,
                    env=os.environ | told,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise CannotRun(f"{command[0]}: {error}") from error
            try:
                yield RunningCommand(Server(f"http://127.0.0.1:{port}"), process, output)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@dataclass(frozen=True)
class RunningImage:
    """A container that we started."""

    server: Server
    image: Image
    container: str

    def ended(self) -> int | None:
        told = self.image.call(
            "inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}", self.container
        )
        running, _, code = told.stdout.strip().partition(" ")
        return None if running == "true" else int(code or 1)

    def memory(self) -> int | None:
        told = self.image.call("inspect", "--format", "{{.State.Pid}}", self.container).stdout.strip()
        return memory_of_tree(int(told)) if told.isdigit() else None

    def terminate(self) -> None:
        self.image.call("kill", "--signal", "TERM", self.container)

    def log(self) -> str:
        told = self.image.call("logs", self.container)
        return ending(told.stdout + told.stderr)


@dataclass(frozen=True)
class Image:
    """An image, run as SageMaker runs it: `docker run IMAGE serve`, its artefact at /opt/ml/model."""

    reference: str
    engine: tuple[str, ...]
    options: tuple[str, ...] = ()
    model: Path | None = None
    host_network: bool = False

    @property
    def name(self) -> str:
        return self.reference

    @property
    def is_image(self) -> bool:
        return True

    @property
    def takes_port(self) -> bool:
        told = self.call(
            "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', self.reference
        )
        if told.returncode != 0:
            raise CannotRun(f"{self.engine[0]} has no image {self.reference}: {told.stderr.strip()}")
        return told.stdout.strip() == "true"

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self.engine, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise CannotRun(f"{self.engine[0]}: {error}") from error

    @contextmanager
    def start(self, port: int, *options: str) -> Iterator[RunningImage]:
        name = f"perennial-check-{uuid.uuid4().hex[:12]}"
        outside = port if self.host_network else free_port()
        network = ("--network", "host") if self.host_network else ("--publish", f"127.0.0.1:{outside}:{port}")
        if self.host_network:
            demand_free(port)
        told = ("--env", f"{VARIABLE}={port}") if port != PORT else ()
        mounted = ("--volume", f"{self.model.resolve()}:/opt/ml/model:ro") if self.model else ()
        try:
            given = (*network, *self.options, *mounted, *told, *options)
            started = self.call(
                "run", "--detach", "--no-healthcheck", "--name", name, *given, self.reference, "serve"
            )
            if started.returncode != 0:
                raise CannotRun(f"{self.engine[0]} run {self.reference}: {started.stderr.strip()}")
            yield RunningImage(Server(f"http://127.0.0.1:{outside}"), self, name)
        finally:
            self.call("rm", "--force", "--volumes", name)


def wait_for_end(running: Running, seconds: float) -> int | None:
    """The exit code, or None if it has not ended in time."""
    deadline = time.monotonic() + seconds
    while (code := running.ended()) is None and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return code


def memory_of_session(leader: int) -> int | None:
    return memory_of({pid for pid, (_, session) in processes().items() if session == leader})


def memory_of_tree(root: int) -> int | None:
    known, found = processes(), {root}
    while more := {pid for pid, (parent, _) in known.items() if parent in found} - found:
        found |= more
    return memory_of(found & set(known))


def processes() -> dict[int, tuple[int, int]]:
    """Process -> its parent and its session, of all that this machine shows."""
    listed = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid=,sid="], capture_output=True, text=True, check=False
    ).stdout
    rows = [[int(cell) for cell in line.split()] for line in listed.splitlines()]
    return {pid: (parent, session) for pid, parent, session in rows}


def memory_of(pids: Sequence[int] | set[int]) -> int | None:
    """Resident bytes; what processes share is counted in each."""
    if not pids:
        return None
    listed = subprocess.run(
        ["ps", "-o", "rss=", "-p", ",".join(map(str, pids))], capture_output=True, text=True, check=False
    ).stdout.split()
    return sum(map(int, listed)) * 1024 if listed else None


def demand_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotRun(f"port {port} on 127.0.0.1 is taken; choose another: --port") from error


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ending(text: str) -> str:
    return "\n".join(text.splitlines()[-LOG_LINES:])
