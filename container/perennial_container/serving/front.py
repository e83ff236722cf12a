"""`/invocations` and `/ping`, answered before any framework sees them; everything else is passed on.

A framework's router, request and response objects cost more than the prediction of one row.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import orjson

from perennial_container.cpu import available_cpus, give_way
from perennial_container.errors import RequestError
from perennial_container.predictor import Predictions
from perennial_container.serving.admission import RETRY_AFTER_SECONDS, Admission, Ticket
from perennial_container.serving.answers import write_error
from perennial_container.serving.asked import (
    INFERENCE,
    Asked,
    Limits,
    answer_headers,
    answer_lines,
    read_headers,
    too_large,
)
from perennial_container.serving.batching import Batcher
from perennial_container.serving.direct import Exchange
from perennial_container.serving.meter import Meter
from perennial_container.serving.model import Served, ServedModel
from perennial_container.serving.respond import Receive, Scope, Send, closes, respond, respond_and_linger

log = logging.getLogger(__name__)

INLINE_BYTES = 32 * 1024  # smaller bodies are not worth a thread
JSON = (b"content-type", b"application/json")

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Front:
    """The ASGI application in front of the control plane `app`."""

    def __init__(
        self, app: App, model: ServedModel, limits: Limits, admission: Admission, meter: Meter
    ) -> None:
        self._app = app
        self._model = model
        self._limits = limits
        self._admission = admission
        self._meter = meter
        self._batcher: Batcher | None = None
        self._in_flight = 0
        self._closing = False
        self._threads = ThreadPoolExecutor(
            available_cpus(), thread_name_prefix="large-body", initializer=give_way
        )

    def close(self) -> None:
        """No more requests will come; those in flight are still answered, and the last of them ends the threads."""
        self._closing = True
        if not self._in_flight:
            self._end()

    def _end(self) -> None:
        self._threads.shutdown(wait=False)
        self._model.close()

    def _done(self) -> None:
        self._in_flight -= 1
        if self._closing and not self._in_flight:
            self._end()

    def answer_at_once(self, exchange: Exchange) -> bool:
        """Take a small request whose rows can be read the quick way; whatever is to be said of others, ASGI tells."""
        scope = exchange.scope
        path, method = scope["path"], scope["method"]
        if path == "/invocations" and method == "POST":
            return len(exchange.body) <= INLINE_BYTES and self._take(exchange)
        if path == "/ping" and method == "GET" and self._model.is_ready():
            exchange.answer(b"", b"")
            return True
        return False

    def _take(self, exchange: Exchange) -> bool:
        try:
            served = self._model.ready()
            asked = read_headers(exchange.scope["headers"], self._limits)
            if served.worker is not None:
                return False
            head = answer_lines(asked, served.version, self._limits.stamp)
            rows = served.decoder.quick(exchange.body, asked.kind)
            if rows is None:
                return False
            ticket = self._admission.admit_at_once(len(exchange.body) + rows.nbytes)
        except Exception:  # noqa: BLE001 - it comes again the ordinary way, where it is told
            return False
        self._in_flight += 1
        self._batch(served).add(rows, _Taken(self, exchange, served, asked, head, ticket))
        return True

    def _batch(self, served: Served) -> Batcher:
        if self._batcher is None:
            self._batcher = Batcher(served.predict, asyncio.get_running_loop())
        return self._batcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path, method = scope["path"], scope["method"]
            if path == "/invocations" and method == "POST":
                self._in_flight += 1
                try:
                    await self._invoke(scope, receive, send)
                finally:
                    self._done()
                return
            if path == "/ping" and method in ("GET", "HEAD"):
                await self._ping(send)
                return
        await self._app(scope, receive, send)

    async def _ping(self, send: Send) -> None:
        try:
            self._model.ready()
        except RequestError as error:
            await respond(send, error.status, [JSON], write_error(error))
        else:
            await respond(send, 200, [], b"")

    async def _invoke(self, scope: Scope, receive: Receive, send: Send) -> None:
        whole = False
        try:
            served = self._model.ready()
            asked = read_headers(scope["headers"], self._limits)
            with self._admission.admit(asked.length or 0) as ticket:
                body = await self._body(asked, ticket, receive)
                whole = True
                content = await self._answer(served, body, asked)
        except RequestError as error:
            self._meter.answered(error.status)
            _log_refusal(error, scope["headers"])
            headers = [JSON]
            if error.status in (503, 408):
                headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
            if whole or not closes(scope):
                await respond(send, error.status, headers, write_error(error))
            else:
                await respond_and_linger(send, receive, error.status, headers, write_error(error))
        except ClientGone:
            self._meter.answered(499)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            _log_failure(error, scope["headers"])
            self._meter.answered(500)
            failure = RequestError(
                500, "internal_error", "the prediction failed; the server's log has the reason"
            )
            await respond(send, 500, [JSON], write_error(failure))
        else:
            self._meter.answered(200)
            await respond(send, 200, answer_headers(asked, served.version, self._limits.stamp), content)

    async def _body(self, asked: Asked, ticket: Ticket, receive: Receive) -> bytes:
        """Raises RequestError 408 and 413, and ClientGone."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body: bytes = message.get("body", b"")
        if len(body) > self._limits.size:
            raise too_large(self._limits)
        if not message.get("more_body", False):
            return body
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._rest(body, asked, ticket, receive)
        except TimeoutError:
            raise RequestError(
                408, "body_timeout", f"the body did not arrive within {self._limits.seconds:g} seconds"
            ) from None

    async def _rest(self, begun: bytes, asked: Asked, ticket: Ticket, receive: Receive) -> bytes:
        body = bytearray(begun)  # grows in place: pieces kept until they are joined would be held twice
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            piece = message.get("body", b"")
            if len(body) + len(piece) > self._limits.size:
                raise too_large(self._limits)
            if asked.length is None:
                ticket.add(len(piece))
            body += piece
            if not message.get("more_body", False):
                return cast(bytes, body)  # every reader takes it as bytes

    async def _answer(self, served: Served, body: bytes, asked: Asked) -> bytes:
        if served.worker is not None:
            return await served.answer_apart(
                served.worker, self._threads, body, asked.kind, asked.form, asked.parts
            )
        if len(body) > INLINE_BYTES or asked.kind.form == "parquet":
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._threads, served.answer, body, asked.kind, asked.form, asked.parts
            )
        rows = served.decoder.decode(body, asked.kind)
        predictions = await self._batch(served).submit(rows)
        return served.writer.write(predictions, asked.form, asked.parts)


class _Taken:
    """A request that is answered at once, with its batch."""

    __slots__ = ("_asked", "_exchange", "_front", "_head", "_served", "_ticket")

    def __init__(
        self, front: Front, exchange: Exchange, served: Served, asked: Asked, head: bytes, ticket: Ticket
    ) -> None:
        self._front, self._exchange, self._served = front, exchange, served
        self._asked, self._head, self._ticket = asked, head, ticket

    def answer(self, predictions: Predictions) -> None:
        front, asked = self._front, self._asked
        try:
            content = self._served.writer.write(predictions, asked.form, asked.parts)
            self._exchange.answer(self._head, content)
        except Exception as error:  # noqa: BLE001 - handed on
            self.fail(error)
            return
        front._meter.answered(200)
        self._ticket.give_back()
        front._done()

    def fail(self, _: Exception) -> None:
        """The ordinary way meets the error again, and tells it."""
        self._ticket.give_back()
        self._exchange.otherwise()
        self._front._done()


class ClientGone(Exception):
    """The client hung up before its request was whole."""


def _log_refusal(error: RequestError, headers: list[tuple[bytes, bytes]]) -> None:
    """The place but not the message, which may quote the payload."""
    place = {"line": error.line, "column": error.column}
    _log(logging.WARNING, headers, status=error.status, code=error.code, **place)


def _log_failure(error: Exception, headers: list[tuple[bytes, bytes]]) -> None:
    """Where it happened but not its message, which may quote the payload."""
    where = "".join(traceback.format_tb(error.__traceback__))
    _log(logging.ERROR, headers, status=500, code="internal_error", error=type(error).__name__, where=where)


def _log(level: int, headers: list[tuple[bytes, bytes]], **found: object) -> None:
    """One line of JSON, for CloudWatch Logs Insights to take apart."""
    inference = dict(headers).get(INFERENCE, b"").decode("latin-1") or None
    document = {"event": "invocation", "inference_id": inference, **found}
    log.log(
        level,
        "%s",
        orjson.dumps({key: value for key, value in document.items() if value is not None}).decode(),
    )
