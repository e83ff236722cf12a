"""A server as a tree of processes: started, loaded by wrk, its CPU and memory read from /proc."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
DEADLINE_SECONDS = 60

# wrk calls `done` at the end: one line of JSON on its error output.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "{kind}"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
{delay}
function done(summary, latency, requests)
  local e = summary.errors
  io.stderr:write(string.format('{{"requests": %d, "seconds": %.4f, "bad": %d, "p50": %.4f, "p99": %.4f}}',
    summary.requests, summary.duration / 1000000, e.status + e.connect + e.read + e.write + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""

# Connections that come back after a while of their own, PAUSE_MS on average: so short that half of any server's rate
# takes fewer of them than the requests that ours lets in at once.
PAUSE_MS = 4
DELAY = f"function delay() return math.random(0, {2 * PAUSE_MS}) end"


@dataclass(frozen=True)
class Candidate:
    """How a server is started; its command and variables may name {port}."""

    name: str
    command: Sequence[object]
    variables: dict[str, str] = field(default_factory=dict)
    ping: str = "/ping"
    path: str = "/invocations"


@dataclass(frozen=True)
class Load:
    """A body sent by some connections at once, for as long as a round takes."""

    name: str
    kind: str
    body: Path
    connections: int


OVER = 0.3  # seconds: the request that wrk breaks off at its end is over by then, and its body's room free


@dataclass(frozen=True)
class Cost:
    """CPU in microseconds a request, answers a second, latency in milliseconds."""

    cpu: float
    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Running:
    process: subprocess.Popen[bytes]
    address: str
    candidate: Candidate
    seconds: float  # from its start to its first 200 on /ping

    def load(self, load: Load, seconds: float, folder: Path, *, paced: bool = False) -> Cost:
        """After a short time to warm up; `paced` clients pause between their requests.

        Raises RuntimeError when an answer was not 200.
        """
        script = folder / f"{load.name}.lua"
        script.write_text(SCRIPT.format(kind=load.kind, body=load.body, delay=DELAY if paced else ""))
        self._wrk(script, load, 0.7)
        time.sleep(OVER)
        before = cpu_seconds(self.process.pid)
        done = self._wrk(script, load, seconds)
        used = cpu_seconds(self.process.pid) - before
        if done["bad"] or not done["requests"]:
            raise RuntimeError(f"{self.candidate.name} failed {load.name}: {done}")
        rate = done["requests"] / done["seconds"]
        return Cost(used / done["requests"] * 1e6, rate, done["p50"], done["p99"])

    def _wrk(self, script: Path, load: Load, seconds: float) -> dict[str, float]:
        # Whole seconds only; wrk waits no longer than this for what is under way.
        command = ["wrk", "-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "20s"]
        url = self.address + self.candidate.path
        ran = subprocess.run([*command, "-s", script, url], capture_output=True, text=True, check=True)
        return json.loads(ran.stderr.strip().splitlines()[-1])


def tree(root: int) -> list[int]:
    """A process and all below it."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int(_stat(int(entry.name))[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            below.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(below.get(pid, []))
    return found


def _stat(pid: int) -> list[str]:
    """The fields after the name, from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(root: int) -> float:
    """User and system time of a whole tree, with that of its children that have ended."""
    return sum(sum(map(int, _stat(pid)[11:15])) for pid in tree(root)) * TICK


def megabytes(root: int) -> float:
    """Proportional set size of a whole tree."""
    rollups = (Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in tree(root))
    sizes = (re.search(r"^Pss: +(\d+) kB", rollup, re.MULTILINE) for rollup in rollups)
    return sum(int(size[1]) for size in sizes if size) / 1000


def free_port() -> int:
    """One that the next two are free behind, too: MLServer listens on three."""
    while True:
        with socket.socket() as first, socket.socket() as second, socket.socket() as third:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
                third.bind(("127.0.0.1", port + 2))
            except (OSError, OverflowError):
                continue
            return port


@contextmanager
def running(candidate: Candidate, folder: Path) -> Iterator[Running]:
    """The server, until the end of the `with`; it and all its children are killed then."""
    port = free_port()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    variables = {key: value.format(port=port) for key, value in candidate.variables.items()}
    log = (folder / f"{candidate.name}.log").open("wb")
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(part).format(port=port) for part in candidate.command],
        env={**kept, "PORT": str(port), **variables},
        cwd=folder,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address + candidate.ping, process, folder / f"{candidate.name}.log")
        yield Running(process, address, candidate, time.perf_counter() - began)
    finally:
        for pid in reversed(tree(process.pid)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        log.close()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.perf_counter() + DEADLINE_SECONDS
    while time.perf_counter() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise RuntimeError(f"no answer from {url}:\n{log.read_text(errors='replace')[-2000:]}")
