"""A server process: started, stopped, and its lines read as they come."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from twin.children import Children

_LINE_LIMIT = 256 * 1024  # CloudWatch Logs' limit of one event
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    """What a process has used: seconds of CPU, and bytes in memory now."""

    cpu: float
    resident: int


def usage(pid: int | None) -> Usage | None:
    """None where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return Usage((int(fields[11]) + int(fields[12])) / _CLOCK_TICKS, int(fields[21]) * _PAGE)


async def spawn(
    command: Sequence[str], environment: Mapping[str, str], cwd: Path, children: Children
) -> asyncio.subprocess.Process:
    """Start `command` as the leader of its own process group, standard error joined to standard output."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=_LINE_LIMIT,
    )
    children.adopt(process.pid)
    return process


async def stop(process: asyncio.subprocess.Process, grace: float, children: Children) -> None:
    """SIGTERM, then SIGKILL after `grace` seconds; what the process started goes with it."""
    if process.returncode is None:
        children.signal(process.pid, signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            children.signal(process.pid, signal.SIGKILL)
            await process.wait()
    children.forget(process.pid)


async def pump(
    process: asyncio.subprocess.Process, write: Callable[[list[str]], Awaitable[None]], *, every: float = 0.2
) -> None:
    """Hand the process's lines to `write` in batches until its output ends."""
    if process.stdout is None:
        return
    clock = asyncio.get_running_loop().time
    while line := await _line(process.stdout):
        lines, deadline = [line], clock() + every
        while (remaining := deadline - clock()) > 0:
            try:
                line = await asyncio.wait_for(_line(process.stdout), remaining)
            except TimeoutError:
                break
            if not line:
                break
            lines.append(line)
        await write([text.decode(errors="replace").rstrip("\r\n") for text in lines])


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line; empty at the end. What is longer than the limit is cut."""
    try:
        return await stream.readline()
    except ValueError:
        return b"(a line longer than 256 KiB was dropped)\n"


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
