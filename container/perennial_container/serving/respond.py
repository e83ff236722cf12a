"""Sends an answer, as ASGI wants it."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

LINGER_SECONDS = 2

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def respond(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def closes(scope: Scope) -> bool:
    """Whether the connection ends with this answer while its client may still be sending."""
    headers = dict(scope["headers"])
    closes = headers.get(b"connection", b"").lower() == b"close" or scope.get("http_version") == "1.0"
    return closes and b"expect" not in headers


async def respond_and_linger(
    send: Send, receive: Receive, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Answer, and read on for a while: a connection that is closed with something unread is reset, and its
    client never sees the answer."""
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (message := await receive())["type"] == "http.request" and message.get("more_body"):
                continue
    await send({"type": "http.response.body", "body": b""})
