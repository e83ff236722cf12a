"""Processes that must not outlive the twin: jobs, model servers, Lambda workers.

Each child leads a process group of its own. A guard process holds the other end of a pipe: when
the twin is gone, however it went, the pipe closes and the guard kills what is left. A guard that was
killed is replaced when it is next needed.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_GUARD = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
children = {}
for line in sys.stdin:
    pid, _, born = line.strip().partition(' ')
    if born == 'gone':
        children.pop(int(pid), None)
    else:
        children[int(pid)] = born
for pid, born in children.items():
    try:
        with open(f'/proc/{pid}/stat') as stat:
            reused = stat.read().rpartition(')')[2].split()[19] != born
    except OSError:
        reused = False
    if not reused:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
"""


def born(pid: int) -> str:
    """When a process started, in the kernel's ticks: tells a child from a stranger with its number."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "unknown"


class Children:
    """The live process groups of this twin."""

    def __init__(self) -> None:
        self._groups: dict[int, str] = {}  # when each began
        self._lock = threading.Lock()
        self._start_guard()

    def _start_guard(self) -> None:
        end, self._pipe = os.pipe()
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARD],
            stdin=end,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={},
        )
        os.close(end)

    def adopt(self, pid: int) -> None:
        """Watch over a process that was started with `start_new_session=True`."""
        self._groups[pid] = born(pid)
        self._tell(f"{pid} {self._groups[pid]}")

    def forget(self, pid: int) -> None:
        """The group's leader has been waited for; what it left behind goes with it."""
        self.signal(pid, signal.SIGKILL)
        self._groups.pop(pid, None)
        self._tell(f"{pid} gone")

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a whole group; a group that is gone is no error, and its number may be a stranger's by now."""
        if self._reused(pid):
            return
        try:
            os.killpg(pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def stop_all(self, grace: float = 2.0) -> None:
        """SIGTERM every group, SIGKILL after `grace` seconds, then let the guard go."""
        for pid in list(self._groups):
            self.signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and any(
            _alive(pid) for pid in list(self._groups) if not self._reused(pid)
        ):
            time.sleep(0.02)
        for pid in list(self._groups):
            self.signal(pid, signal.SIGKILL)
        os.close(self._pipe)
        self._guard.wait()

    def _reused(self, pid: int) -> bool:
        """Whether a process runs under that number, and is another than the one that was adopted."""
        return born(pid) not in ("unknown", self._groups.get(pid))

    def _tell(self, line: str) -> None:
        with self._lock:
            try:
                os.write(self._pipe, f"{line}\n".encode())
            except BrokenPipeError:
                os.close(self._pipe)
                self._guard.wait()
                self._start_guard()
                for pid, began in list(self._groups.items()):
                    os.write(self._pipe, f"{pid} {began}\n".encode())


def _alive(pid: int) -> bool:
    """Whether any process of the group still runs; a zombie nobody waited for does not count."""
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True
