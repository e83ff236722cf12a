"""`/invocations` and `/ping`, answered before any framework sees them; everything else is passed on.

A framework's router, request and response objects cost more than the prediction of one row.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import orjson

from perennial_container.cpu import available_cpus
from perennial_container.errors import RequestError
from perennial_container.serving.admission import RETRY_AFTER_SECONDS, Admission, Ticket
from perennial_container.serving.answers import write_error
from perennial_container.serving.batching import Batcher
from perennial_container.serving.media import (
    NAMES,
    ContentType,
    Form,
    choose_answer,
    parse_content_type,
    refuse_encoding,
)
from perennial_container.serving.meter import Meter
from perennial_container.serving.model import Served, ServedModel
from perennial_container.serving.respond import Receive, Scope, Send, closes, respond, respond_and_linger
from perennial_container.serving.wishes import Parts, parts_wished, stamped

log = logging.getLogger(__name__)

INLINE_BYTES = 32 * 1024  # smaller bodies are not worth a thread
ATTRIBUTES = b"x-amzn-sagemaker-custom-attributes"
INFERENCE = b"x-amzn-sagemaker-inference-id"
JSON = (b"content-type", b"application/json")

App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class Limits:
    """Of one body: its size in bytes, and how long it may take once it has begun; and what is answered unasked."""

    size: int
    seconds: float
    parts: Parts = "both"
    stamp: bytes = b""  # an attribute for every answer: SageMaker lets no other header through


@dataclass(frozen=True)
class Asked:
    """What a request's headers say; `length` is None where none was declared."""

    kind: ContentType
    form: Form
    length: int | None
    attributes: bytes | None
    inference: bytes | None
    parts: Parts


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
        self._threads = ThreadPoolExecutor(available_cpus(), thread_name_prefix="large-body")

    def close(self) -> None:
        """No more requests will come; those in flight are still answered, and the last of them ends the threads."""
        self._closing = True
        if not self._in_flight:
            self._end()

    def _end(self) -> None:
        self._threads.shutdown(wait=False)
        self._model.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path, method = scope["path"], scope["method"]
            if path == "/invocations" and method == "POST":
                self._in_flight += 1
                try:
                    await self._invoke(scope, receive, send)
                finally:
                    self._in_flight -= 1
                    if self._closing and not self._in_flight:
                        self._end()
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
            asked = self._asked(scope["headers"])
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
            headers = [
                (b"content-type", NAMES[asked.form].encode()),
                (b"x-model-version", served.version.encode()),
            ]
            stamp = self._limits.stamp
            if asked.attributes is not None:
                headers.append((ATTRIBUTES, stamped(asked.attributes, stamp)))
            elif stamp:
                headers.append((ATTRIBUTES, stamp))
            if asked.inference is not None:
                headers.append((INFERENCE, asked.inference))
            await respond(send, 200, headers, content)

    def _asked(self, headers: list[tuple[bytes, bytes]]) -> Asked:
        """Raises RequestError 406, 413 or 415."""
        content_type = accept = encoding = length = attributes = inference = None
        for name, value in headers:
            if name == b"content-type":
                content_type = value
            elif name == b"accept":
                accept = value if accept is None else accept + b"," + value
            elif name == b"content-length":
                length = value
            elif name == b"content-encoding":
                encoding = value
            elif name == ATTRIBUTES:
                attributes = value
            elif name == INFERENCE:
                inference = value
        if encoding:
            refuse_encoding(encoding.decode("latin-1"))
        kind, form = _media(content_type, accept)
        declared = int(length.lstrip(b"0") or b"0") if length and length.isdigit() else None
        if declared is not None and declared > self._limits.size:
            raise self._too_large()
        parts = parts_wished(attributes, self._limits.parts)
        return Asked(kind, form, declared, attributes, inference, parts)

    async def _body(self, asked: Asked, ticket: Ticket, receive: Receive) -> bytes:
        """Raises RequestError 408 and 413, and ClientGone."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body: bytes = message.get("body", b"")
        if len(body) > self._limits.size:
            raise self._too_large()
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
                raise self._too_large()
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
        if self._batcher is None:
            self._batcher = Batcher(served.predict)
        predictions = await self._batcher.submit(rows)
        return served.writer.write(predictions, asked.form, asked.parts)

    def _too_large(self) -> RequestError:
        return RequestError(
            413, "body_too_large", f"the body is larger than {self._limits.size} bytes; send fewer rows"
        )


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


@lru_cache(maxsize=256)
def _media(content_type: bytes | None, accept: bytes | None) -> tuple[ContentType, Form]:
    kind = parse_content_type(content_type.decode("latin-1") if content_type else None)
    return kind, choose_answer(accept.decode("latin-1") if accept else None, kind.form)
