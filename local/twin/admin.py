"""`/_twin/...`: what tests and tools may ask of the twin, and AWS would not answer."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from twin.world import World

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Admin:
    """An ASGI application in front of MiniStack's: answers `/_twin/...`, passes on the rest."""

    def __init__(self, app: App, world: World) -> None:
        self._app = app
        self._world = world
        self._requests: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/_twin/"):
            if scope["type"] == "http" and (service := _asked_by_a_function(scope)):
                self._requests[service] += 1
            await self._app(scope, receive, send)
            return
        status, answer = self._answer(scope["method"], scope["path"], await _body(receive))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        faults = self._world.faults
        if path == "/_twin/status":
            return 200, {
                "status": "running",
                "time_scale": self._world.time_scale,
                "slots": self._world.slots,
            }
        if path == "/_twin/requests":
            return 200, {"of functions": dict(self._requests)}
        if path != "/_twin/faults":
            known = "/_twin/status, /_twin/requests and /_twin/faults"
            return 404, {"message": f"{path} is not known; there are {known}"}
        if method == "POST":
            try:
                faults.arm(**json.loads(body))
            except (TypeError, ValueError) as error:
                return 400, {"message": str(error)}
        elif method == "DELETE":
            faults.clear()
        return 200, {"faults": faults.listed()}


def _asked_by_a_function(scope: Scope) -> str | None:
    """The service that a Lambda function's SDK asks, by what the SDK says of itself and what it signed."""
    headers = dict(scope["headers"])
    if b"exec-env/AWS_Lambda" not in headers.get(b"user-agent", b""):
        return None
    signed = headers.get(b"authorization", b"").decode("latin-1").partition("Credential=")[2].split(",")[0]
    parts = signed.split("/")
    return parts[3] if len(parts) > 3 else "unsigned"


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
