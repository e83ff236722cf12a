"""Docker or Podman, and the options with which it runs here: machines within machines refuse some defaults."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from stack.console import Trouble

ANSWER_SECONDS = 60
# Podman raises these above what a confined machine allows, unless told.
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
NO_ENGINE = """\
There is no container engine: neither `docker info` nor `podman info` succeeds.
Docker's daemon must run, or Podman be installed; on Debian and Ubuntu: apt-get install podman buildah runc
(`make image-prerequisites` does that, as root). Everything but the image's own tests works without: make test"""


@dataclass(frozen=True)
class Engine:
    """How to call the engine (`podman --runtime runc`), and what `run` and `build` need here."""

    command: tuple[str, ...]
    run_options: tuple[str, ...] = ()
    build_options: tuple[str, ...] = ()

    @property
    def is_podman(self) -> bool:
        return "podman" in self.command[0]

    def call(self, *arguments: str, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
        """Runs an engine's command to its end, whatever comes of it."""
        return subprocess.run(
            [*self.command, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def has(self, image: str) -> bool:
        return self.call("image", "inspect", image).returncode == 0

    def size(self, image: str) -> int:
        """Bytes of an image with all its layers."""
        return int(self.call("image", "inspect", "--format", "{{.Size}}", image).stdout)


def find(asked: Mapping[str, str] = os.environ) -> Engine:
    """The engine that ENGINE names, else Docker or Podman, whichever answers; raises Trouble if none does."""
    options = tuple(shlex.split(asked.get("ENGINE_OPTIONS", "")))
    named = asked.get("ENGINE")
    for command in [shlex.split(named)] if named else [["docker"], ["podman"]]:
        if answers(command):
            return Engine(tuple(command), options)
    raise Trouble(f"`{named} info` does not succeed: is it installed, and running?" if named else NO_ENGINE)


def answering() -> bool:
    """Whether there is an engine at all."""
    try:
        return bool(find())
    except Trouble:
        return False


def answers(command: Sequence[str]) -> bool:
    if not shutil.which(command[0]):
        return False
    try:
        return Engine(tuple(command)).call("info", seconds=ANSWER_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def fitted(engine: Engine, image: str) -> Engine:
    """The engine with the first options by which a container of this image runs at all."""
    return first_that_runs(candidates(engine), lambda each: attempt(each, image))


def attempt(engine: Engine, image: str) -> str:
    """Empty when a container runs, else what the engine said."""
    done = engine.call("run", "--rm", "--network", "none", *engine.run_options, image, "true")
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit code {done.returncode}"


def candidates(engine: Engine) -> list[Engine]:
    """From what works on most machines to what works on the most confined."""
    if not engine.is_podman:
        return [engine]
    plain = replace(engine, build_options=("--network", "host"))
    confined = replace(
        plain,
        run_options=(*LIMITS, *engine.run_options),
        build_options=("--network", "host", "--isolation", "chroot"),
    )
    base = confined.command
    return [
        plain,
        confined,
        replace(confined, command=(*base, "--cgroup-manager", "cgroupfs")),
        replace(confined, command=(*base, "--runtime", "runc", "--cgroup-manager", "cgroupfs")),
    ]


def first_that_runs(engines: Sequence[Engine], trial: Callable[[Engine], str]) -> Engine:
    """The first engine whose trial has no complaint; raises Trouble with the last complaint otherwise."""
    complaint = ""
    for engine in engines:
        complaint = trial(engine)
        if not complaint:
            return engine
    raise Trouble(f"{engines[0].command[0]} is here, but runs no container:\n{complaint}")
