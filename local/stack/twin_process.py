"""The twin as a background process: started, found again, stopped.

A twin holds a lock on `<home>/running` for as long as it lives, so a crash is noticed at once and no recycled
process number is ever mistaken for it. The file's text is what it runs as: `{"pid": 1, "port": 4566}`.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stack.console import Trouble
from stack.places import ROOT, clean_environment, python, shown

START_SECONDS = 60.0
STOP_SECONDS = 20.0
HEALTH = "/_ministack/health"


@dataclass(frozen=True)
class Twin:
    """A running twin: its process, its port on 127.0.0.1, its folder."""

    pid: int
    port: int
    home: Path
    process: subprocess.Popen[bytes] | None = field(
        default=None, compare=False, repr=False
    )  # if we started it

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def find(home: Path) -> Twin | None:
    """The live twin of this folder, or None; a twin that died without being stopped is None, too."""
    record = home / "running"
    if not record.exists():
        return None
    with record.open() as held:
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            known = json.loads(held.read())
            return Twin(known["pid"], known["port"], home)
    return None


def crashed(home: Path) -> bool:
    """Whether a twin was started here, and ended without `stop`."""
    return (home / "running").exists() and find(home) is None


def start(home: Path, port: int) -> Twin:
    """Starts a twin and returns once it answers; raises Trouble with the end of its log if it does not.

    The folder must have no live twin (`find` says so).
    """
    if not port_is_free(port):
        raise Trouble(
            f"Port {port} on 127.0.0.1 is taken by another program, which is not this checkout's twin.\n"
            f"Stop that program, or choose another port: make up PORT={port + 1}"
        )
    home.mkdir(parents=True, exist_ok=True)
    (home / "deployed").unlink(missing_ok=True)
    log = home / "console.log"
    with (home / "running").open("w") as record, log.open("w") as output:
        fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process = subprocess.Popen(
            [str(part) for part in command(home, port)],
            cwd=ROOT / "local",
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[record.fileno()],
            start_new_session=True,
        )
        record.write(json.dumps({"pid": process.pid, "port": port}))
    twin = Twin(process.pid, port, home, process)
    try:
        wait(lambda: process.poll() is not None or answers(twin), START_SECONDS)
        if process.poll() is not None or not answers(twin):
            raise Trouble(f"The twin did not start.\n{last_words(home)}")
    except BaseException:
        stop(twin)
        raise
    return twin


def command(home: Path, port: int) -> list[str | Path]:
    return [
        *(python("twin"), "-m", "twin"),
        *("--port", str(port), "--home", home),
        *("--container", f"{ROOT / 'container'}{os.pathsep}{ROOT / 'layers/analysis'}"),
        *("--container-python", python("container")),
        *("--lambda-python", python("lambda")),
        *real_containers(os.environ),
    ]


def real_containers(asked: Mapping[str, str]) -> list[str]:
    """`make up IMAGE=... [ENGINE=podman] [ENGINE_OPTIONS=...]`: jobs and servers run in the real image."""
    if not asked.get("IMAGE"):
        return []
    options = asked.get("ENGINE_OPTIONS", "")
    return [
        "--image",
        asked["IMAGE"],
        "--engine",
        asked.get("ENGINE", "docker"),
        f"--engine-options={options}",
    ]


def stop(twin: Twin) -> None:
    """Ends the twin and all it started, by force if it does not go by itself; raises Trouble if that fails."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        if find(twin.home):  # otherwise the number may be another's by now
            with contextlib.suppress(ProcessLookupError):
                os.kill(twin.pid, sign)
        if wait(lambda: gone(twin), STOP_SECONDS):
            (twin.home / "running").unlink(missing_ok=True)
            return
    raise Trouble(f"The twin (process {twin.pid}, port {twin.port}) does not stop.")


def gone(twin: Twin) -> bool:
    """Whether the process has ended, and let go of its lock and its port."""
    if twin.process and twin.process.poll() is None:
        return False
    return find(twin.home) is None and port_is_free(twin.port)


def answers(twin: Twin) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            twin.endpoint + HEALTH, timeout=5
        ) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def any_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(done: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def last_words(home: Path, count: int = 15) -> str:
    """The end of what the twin printed and logged, for a person to read."""
    words = []
    for log in (home / "twin.log", home / "console.log"):
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        if lines:
            words += [f"The end of {shown(log)}:", *("  " + line for line in lines[-count:])]
    return "\n".join(words)
