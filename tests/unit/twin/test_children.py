"""No process outlives the twin, whatever is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

TWIN = """
import os, signal, subprocess, sys
from twin.children import Children

children = Children()
for number in range(2):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    children.adopt(child.pid)
    print(child.pid, flush=True)
    children._guard.kill()
    children._guard.wait()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
children.adopt(child.pid)
print(child.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_guard_that_is_killed_is_replaced() -> None:
    """The next process is adopted all the same, and with the twin everything ends that it started before, too."""
    run = subprocess.run(
        [sys.executable, "-c", TWIN],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "local")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    pids = [int(line) for line in run.stdout.split()]
    assert (run.returncode, len(pids)) == (-signal.SIGKILL, 3), run.stderr
    deadline = time.monotonic() + 30
    while (left := [pid for pid in pids if not _ended(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
