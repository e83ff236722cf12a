"""No process outlives the twin, whatever is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from twin import children as module
from twin.children import Children

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


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Children, subprocess.Popen[bytes]]]:
    """The leader of a group whose number a process had before that was adopted, and has ended."""
    children = Children()
    with subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    ) as process:
        with monkeypatch.context() as earlier:
            earlier.setattr(module, "born", lambda pid: "1")
            children.adopt(process.pid)
        yield children, process
        process.kill()


@pytest.mark.parametrize("forgotten", [True, False])
def test_a_number_that_is_a_strangers_by_now_is_left_alone(
    stranger: tuple[Children, subprocess.Popen[bytes]], forgotten: bool
) -> None:
    """Process numbers come round: what ended long ago is neither signalled nor killed under its number's next owner."""
    children, process = stranger
    if forgotten:
        children.forget(process.pid)
    children.stop_all()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)


def test_an_adopted_group_ends_with_what_it_started() -> None:
    """Also what is left of it when its leader has ended."""
    children = Children()
    leader = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", leader], start_new_session=True, stdout=subprocess.PIPE, text=True
    ) as process:
        children.adopt(process.pid)
        assert process.stdout is not None
        left = int(process.stdout.readline())
        process.wait()
    children.stop_all()
    deadline = time.monotonic() + 30
    while not _ended(left) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _ended(left)
