"""`/_twin/...`: what tests and tools may ask of the twin, and AWS would not answer."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from twin.autoscaling import scaler, schedules
from twin.sagemaker import capture, hosting_state
from twin.world import World

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """One request to `/_twin/...`; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ValueError."""
        value = json.loads(self.body or b"{}")
        if not isinstance(value, dict):
            raise ValueError("the body must be a JSON object")
        return value


@dataclass(frozen=True)
class Answer:
    """What goes back; `content` is JSON unless it is bytes already."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


Route = Callable[[Request], Awaitable[Answer]]


class Admin:
    """An ASGI application in front of MiniStack's: answers `/_twin/...`, passes on the rest.

    `routes` maps a path, or with a `/` at its end all paths below it, to what answers it.
    """

    def __init__(self, app: App, world: World, routes: Mapping[str, Route] | None = None) -> None:
        self._app = app
        self._world = world
        self._capture = capture.of(world)
        self._requests: Counter[str] = Counter()
        self._routes: dict[str, Route] = {
            "/_twin/status": self._status,
            "/_twin/requests": self._asked,
            "/_twin/faults": self._faults,
            "/_twin/model-monitor": self._model_monitor,
            "/_twin/serverless": self._serverless,
            "/_twin/servers": self._servers,
            "/_twin/schedule-clock": self._schedule_clock,
            "/_twin/capture-clock": self._capture_clock,
            "/_twin/capture/flush": self._flush_capture,
            **(routes or {}),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/_twin/"):
            if scope["type"] == "http" and (service := _asked_by_a_function(scope)):
                self._requests[service] += 1
            await self._app(scope, receive, send)
            return
        answer = await self._answer(_request(scope, await _body(receive)))
        headers = {"content-type": "application/json", **answer.headers}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, request: Request) -> Answer:
        route = self._route(request.path)
        if route is None:
            known = ", ".join(sorted(self._routes))
            return Answer({"message": f"{request.path} is not known; there are {known}"}, 404)
        try:
            return await route(request)
        except (KeyError, TypeError, ValueError) as error:
            return Answer({"message": str(error)}, 400)

    def _route(self, path: str) -> Route | None:
        if path in self._routes:
            return self._routes[path]
        below = [prefix for prefix in self._routes if prefix.endswith("/") and path.startswith(prefix)]
        return self._routes[max(below, key=len)] if below else None

    async def _status(self, _request: Request) -> Answer:
        world = self._world
        return Answer({"status": "running", "time_scale": world.time_scale, "slots": world.slots})

    async def _asked(self, _request: Request) -> Answer:
        return Answer({"of functions": dict(self._requests)})

    async def _faults(self, request: Request) -> Answer:
        faults = self._world.faults
        if request.method == "POST":
            faults.arm(**request.json())
        elif request.method == "DELETE":
            faults.clear()
        return Answer({"faults": faults.listed()})

    async def _model_monitor(self, request: Request) -> Answer:
        if request.method == "POST":
            self._world.model_monitor = bool(request.json()["open"])
        return Answer({"open": self._world.model_monitor})

    async def _servers(self, _request: Request) -> Answer:
        """The servers that run now, whose processes a test may end."""
        found = [
            {
                "endpoint": endpoint.name,
                "config": generation.config_name,
                "variant": variant.name,
                "health": instance.health.value,
                "pid": instance.pid,
            }
            for endpoint in hosting_state.of(self._world).endpoints
            for generation in endpoint.generations
            for variant in generation.everything
            for instance in variant.fleet.instances
        ]
        return Answer({"servers": found})

    async def _serverless(self, request: Request) -> Answer:
        if request.method == "POST":
            self._world.serverless_idle = float(request.json()["idle_seconds"])
        return Answer({"idle_seconds": self._world.serverless_idle})

    async def _schedule_clock(self, request: Request) -> Answer:
        scaling = scaler.of(self._world)
        if request.method == "POST":
            schedules.move_clock(scaling, float(request.json()["offset_seconds"]))
        return Answer({"offset_seconds": scaling.clock_offset.total_seconds()})

    async def _capture_clock(self, request: Request) -> Answer:
        if request.method == "POST":
            await self._capture.shift(float(request.json()["offset_seconds"]))
        return Answer({"offset_seconds": self._capture.clock.offset.total_seconds()})

    async def _flush_capture(self, _request: Request) -> Answer:
        await self._capture.flush()
        return Answer({"flushed": True})


def _asked_by_a_function(scope: Scope) -> str | None:
    """The service that a Lambda function's SDK asks, by what the SDK says of itself and what it signed."""
    headers = dict(scope["headers"])
    if b"exec-env/AWS_Lambda" not in headers.get(b"user-agent", b""):
        return None
    signed = headers.get(b"authorization", b"").decode("latin-1").partition("Credential=")[2].split(",")[0]
    parts = signed.split("/")
    return parts[3] if len(parts) > 3 else "unsigned"


def _request(scope: Scope, body: bytes) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = dict(parse_qsl(scope.get("query_string", b"").decode()))
    return Request(scope["method"], scope["path"], headers, query, body)


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
