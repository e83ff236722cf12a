"""The twin as a background process."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import twin_process
from stack.console import Trouble
from stack.twin_process import Twin


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[Twin]:
    """A twin of the test's own."""
    started = twin_process.start(tmp_path, twin_process.any_free_port())
    yield started
    twin_process.stop(started)


def test_a_twin_that_was_started_is_found_and_answers(twin: Twin) -> None:
    """Whoever knows the folder finds process and port again."""
    assert twin_process.find(twin.home) == twin
    assert twin_process.answers(twin)
    assert not twin_process.crashed(twin.home)


def test_a_stopped_twin_leaves_nothing(twin: Twin) -> None:
    """No process, no port, no trace that looks like a crash."""
    twin_process.stop(twin)

    assert twin_process.find(twin.home) is None
    assert twin_process.port_is_free(twin.port)
    assert not twin_process.crashed(twin.home)


def test_a_killed_twin_is_a_crash_and_not_a_running_twin(twin: Twin) -> None:
    """The lock dies with the process, so nobody takes the record for a live twin."""
    os.kill(twin.pid, signal.SIGKILL)

    assert twin_process.wait(lambda: twin_process.gone(twin), 10)
    assert twin_process.crashed(twin.home)


def test_a_port_that_a_stranger_holds_is_said(tmp_path: Path) -> None:
    """The message names the port and what to do; nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(Trouble, match=f"Port {port} .* taken by another program"):
            twin_process.start(tmp_path, port)

    assert not twin_process.crashed(tmp_path)


def test_a_twin_that_cannot_start_shows_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end of its log is in the message, and nothing is left running."""
    monkeypatch.setattr(
        twin_process, "command", lambda home, port: ["/bin/sh", "-c", "echo the disk is full; exit 3"]
    )

    with pytest.raises(Trouble, match="the disk is full"):
        twin_process.start(tmp_path, twin_process.any_free_port())

    assert twin_process.find(tmp_path) is None
    assert not twin_process.crashed(tmp_path)
