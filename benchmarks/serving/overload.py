"""A hundred large bodies at once, while `/ping` is asked by a process of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

from processes import Running, megabytes

REQUESTS = 100
PINGS = Path(__file__).with_name("pings.py")


def overload(server: Running, body: Path) -> tuple[float, float]:
    """The worst answer to /ping in seconds, and how many MB more the server held at most."""
    host = server.address.removeprefix("http://")
    content, before = body.read_bytes(), megabytes(server.process.pid)
    highest, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            highest.append(megabytes(server.process.pid))

    def ask(_: int) -> int:
        connection = HTTPConnection(host, timeout=60)
        connection.request("POST", "/invocations", content, {"Content-Type": "text/csv"})
        answer = connection.getresponse()
        answer.read()
        return answer.status

    watcher = threading.Thread(target=watch, daemon=True)
    with (
        # A session of its own: Linux gives it its own share of the CPU, beside the clients' hundred threads.
        subprocess.Popen(
            [sys.executable, PINGS, *host.split(":")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as pings,
        ThreadPoolExecutor(REQUESTS) as clients,
    ):
        if pings.stdout is None or pings.stdout.readline() != "begun\n":
            raise RuntimeError("/ping was not answered before the bodies came")
        watcher.start()
        answers = list(clients.map(ask, range(REQUESTS)))
        slowest = float(pings.communicate("enough")[0])
    done.set()
    watcher.join()
    if not set(answers) <= {200, 503} or 200 not in answers:
        raise RuntimeError(f"answers under overload: {sorted(set(answers))}")
    return slowest, max(highest) - before
