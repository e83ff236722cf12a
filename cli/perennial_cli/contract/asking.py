"""Requests as SageMaker makes them, with how long they took. Whatever goes wrong is an answer, too."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

INVOCATION_SECONDS = 60.0  # SageMaker's own limits
PING_SECONDS = 2.0


@dataclass(frozen=True)
class Answer:
    """Status, headers in lower case, body and seconds; status 0 and `error` if there was none."""

    status: int
    seconds: float
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    error: str = ""

    @property
    def told(self) -> str:
        """The answer in a few words."""
        return f"{self.status}" if self.status else f"no answer ({self.error})"


@dataclass(frozen=True)
class Sample:
    """A request that the container should answer."""

    body: bytes
    content_type: str


@dataclass(frozen=True)
class Server:
    """A serving container's address. What is no URL of HTTP raises ValueError when it is asked."""

    url: str

    def ping(self) -> Answer:
        return self.ask("GET", "/ping", seconds=PING_SECONDS * 2)

    def invoke(self, sample: Sample, **headers: str) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", "/invocations", sample.body, {"Content-Type": sample.content_type, **given})

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = INVOCATION_SECONDS,
    ) -> Answer:
        """One request on a connection of its own; `seconds` bounds connecting and each wait for bytes."""
        kind = http.client.HTTPSConnection if self._place.scheme == "https" else http.client.HTTPConnection
        connection = kind(*self._address, timeout=seconds)
        started = time.monotonic()
        try:
            connection.request(method, self._place.path.rstrip("/") + path, body, dict(headers or {}))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return Answer(
                0, time.monotonic() - started, error=f"{type(error).__name__}: {error}".rstrip(": ")
            )
        finally:
            connection.close()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, time.monotonic() - started, content, told)

    def connect(self, seconds: float) -> float | None:
        """Seconds until a connection is accepted; None if none is in time."""
        started = time.monotonic()
        try:
            socket.create_connection(self._address, seconds).close()
        except OSError:
            return None
        return time.monotonic() - started

    @property
    def _place(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def _address(self) -> tuple[str, int]:
        place = self._place
        if place.scheme not in ("http", "https") or not place.hostname:
            raise ValueError(f"{self.url!r} is no address such as http://127.0.0.1:8080")
        return place.hostname, place.port or (443 if place.scheme == "https" else 80)
