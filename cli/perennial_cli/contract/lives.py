"""Checks of how a container starts, ends, and what it needs meanwhile."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from perennial_cli.contract import answers
from perennial_cli.contract.answers import CODE, PIPELINES, Case, Seen
from perennial_cli.contract.asking import Sample, Server
from perennial_cli.contract.findings import Finding, Rule
from perennial_cli.contract.targets import (
    PAUSE,
    READ_ONLY,
    SOMEBODY,
    CannotRun,
    Running,
    Target,
    free_port,
    wait_for_end,
)

STOP_SECONDS = 30.0
NOTICE_SECONDS = 1.0
MEBIBYTE = 1024 * 1024

STARTS = Rule(
    "starts",
    "must",
    "/ping must answer 200 within 8 minutes of the start; an instance that does not fails.",
    CODE,
)
MEMORY = Rule(
    "memory",
    "should",
    "The instance's memory, or a serverless endpoint's MemorySizeInMB, holds it before and after load.",
    "serverless-endpoints.html",
)
IN_FLIGHT = Rule(
    "SIGTERM: requests in flight",
    "should",
    "SIGTERM comes 30 seconds before SIGKILL: time to answer what has been asked.",
    CODE,
)
EXIT = Rule(
    "SIGTERM: exit",
    "must",
    "SIGKILL follows 30 seconds after SIGTERM: the container ends itself, with 0.",
    CODE,
)
BIND = Rule(
    "SAGEMAKER_BIND_TO_PORT",
    "should",
    "In a pipeline or with several containers, a container listens on the port in this variable, and its image says "
    "so by the label com.amazonaws.sagemaker.capabilities.accept-bind-to-port=true.",
    PIPELINES,
)
ROOT = Rule(
    "read-only root",
    "should",
    "Nothing but /tmp and what is mounted need be written to: less to break, to fill, to attack.",
    CODE,
)
USER = Rule(
    "another user than root",
    "should",
    "SageMaker starts containers as root; one that also runs as anybody needs no trust.",
    CODE,
)
LIFE = (STARTS, MEMORY, IN_FLIGHT, EXIT, BIND, ROOT, USER)


def check_address(case: Case) -> Iterator[Finding]:
    """A server that runs somewhere: all that can be asked."""
    yield from ask_all(case)
    for rule in LIFE:
        yield Finding(rule, "not checked", "an address shows no process: use --image or --command")


def check_target(
    target: Target, port: int, sample: Sample | None, largest: int, patience: float, memory_limit: int | None
) -> Iterator[Finding]:
    """Starts, asks and ends a container, several times. Raises CannotRun if it can't be started at all."""
    with target.start(port) as running:
        began = time.monotonic()
        started = started_in_time(running, began, patience)
        yield finding(STARTS, started)
        if not started.kept:
            return
        before = running.memory()
        case = Case(running.server, sample, largest)
        for found in ask_all(case):
            yield found
            if running.ended() is not None:
                yield finding(
                    EXIT, Seen(False, f"it ended by itself with {running.ended()}: {running.log()[-300:]}")
                )
                return
        yield finding(MEMORY, weighed(before, running.memory(), memory_limit))
        yield from stopped(running, sample)
    yield other_port(target, port, patience)
    for rule, options in ((ROOT, READ_ONLY), (USER, SOMEBODY)):
        yield other_start(target, port, patience, rule, options)


def ask_all(case: Case) -> Iterator[Finding]:
    for rule, check in answers.CHECKS:
        yield finding(rule, check(case))


def finding(rule: Rule, seen: Seen) -> Finding:
    status = "not checked" if seen.kept is None else "passed" if seen.kept else "failed"
    return Finding(rule, status, seen.detail)  # type: ignore[arg-type]


def started_in_time(running: Running, began: float, patience: float) -> Seen:
    """Polls /ping until it is 200."""
    while time.monotonic() - began < patience:
        answer = running.server.ping()
        if answer.status == 200:
            return Seen(True, f"first 200 after {time.monotonic() - began:.1f} s")
        if (code := running.ended()) is not None:
            return Seen(False, f"it ended with {code}: {running.log()}")
        time.sleep(PAUSE)
    return Seen(False, f"/ping is {running.server.ping().told} after {patience:.0f} s: {running.log()}")


def weighed(before: int | None, after: int | None, limit: int | None) -> Seen:
    if before is None or after is None:
        return Seen(None, "its processes can't be seen from here")
    text = f"{before / MEBIBYTE:.0f} MiB, {after / MEBIBYTE:.0f} MiB after these checks"
    if limit is None:
        return Seen(True, text)
    return Seen(max(before, after) <= limit, f"{text}, limit {limit / MEBIBYTE:.0f} MiB")


def stopped(running: Running, sample: Sample | None) -> Iterator[Finding]:
    """SIGTERM while the second half of a request's body is on its way."""
    if sample is None:
        yield finding(IN_FLIGHT, answers.NO_SAMPLE)
        began = time.monotonic()
        running.terminate()
    else:
        with_request = half_sent(running.server, sample)
        # Whoever has answered a ping sent later has met the request.
        running.server.ping()
        began = time.monotonic()
        running.terminate()
        noticed(running)
        yield finding(IN_FLIGHT, with_request())
    code = wait_for_end(running, STOP_SECONDS - (time.monotonic() - began))
    seconds = time.monotonic() - began
    if code is None:
        yield finding(EXIT, Seen(False, f"it still runs {STOP_SECONDS:.0f} s after SIGTERM"))
    else:
        yield finding(EXIT, Seen(code == 0, f"exit code {code} after {seconds:.1f} s"))


def noticed(running: Running) -> None:
    """Waits until the container has ended or refuses connections; one that shows nothing has a moment."""
    deadline = time.monotonic() + NOTICE_SECONDS
    while (
        time.monotonic() < deadline and running.ended() is None and running.server.connect(PAUSE) is not None
    ):
        time.sleep(PAUSE)


def half_sent(server: Server, sample: Sample) -> Callable[[], Seen]:
    """Sends half of a request; the function that is returned sends the other half, and says what came of it."""
    place, middle = urlsplit(server.url), len(sample.body) // 2
    connection = http.client.HTTPConnection(
        place.hostname or "127.0.0.1", place.port or 80, timeout=STOP_SECONDS
    )
    connection.putrequest("POST", "/invocations")
    connection.putheader("Content-Type", sample.content_type)
    connection.putheader("Content-Length", str(len(sample.body)))
    connection.endheaders(sample.body[:middle])

    def finish() -> Seen:
        try:
            connection.send(sample.body[middle:])
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return Seen(False, f"cut off: {type(error).__name__}")
        finally:
            connection.close()
        return Seen(status == 200, f"{status}")

    return finish


def other_port(target: Target, port: int, patience: float) -> Finding:
    if not target.takes_port:
        return finding(
            BIND,
            Seen(None, "the image has no such label" if target.is_image else "the port is in the command"),
        )
    other = free_port()
    while other == port:
        other = free_port()
    with target.start(other) as running:
        return finding(BIND, started_in_time(running, time.monotonic(), patience))


def other_start(target: Target, port: int, patience: float, rule: Rule, options: tuple[str, ...]) -> Finding:
    if not target.is_image:
        return finding(rule, Seen(None, "only an image has this: use --image"))
    try:
        with target.start(port, *options) as running:
            return finding(rule, started_in_time(running, time.monotonic(), patience))
    except CannotRun as error:
        return finding(rule, Seen(False, str(error)))
