"""The HTTP side of serving."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from perennial_container.cpu import available_cpus
from perennial_container.errors import RequestError
from perennial_container.serving.answers import write_error
from perennial_container.serving.media import NAMES, choose_answer, parse_content_type, refuse_encoding
from perennial_container.serving.model import ServedModel, answer

log = logging.getLogger(__name__)

INLINE_BYTES = 32 * 1024
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"


def create_app(model: ServedModel, *, body_limit: int) -> FastAPI:
    """The application; it starts to load the model when it starts. `body_limit` is in bytes."""
    large_bodies = anyio.CapacityLimiter(available_cpus())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        model.start_loading()
        yield

    app = FastAPI(title="Perennial model server", lifespan=lifespan, openapi_url=None)

    @app.get("/ping")
    async def ping() -> Response:
        """Whether the model can answer; the reason in the body if it cannot."""
        model.ready()
        return Response()

    @app.post("/invocations")
    async def invocations(request: Request) -> Response:
        """Predict a batch of rows."""
        artefact = model.ready()
        refuse_encoding(request.headers.get("content-encoding"))
        kind = parse_content_type(request.headers.get("content-type"))
        form = choose_answer(request.headers.get("accept"), kind.form)
        body = await _read_body(request, body_limit)
        if len(body) <= INLINE_BYTES:
            content = answer(artefact, body, kind, form)
        else:
            content = await anyio.to_thread.run_sync(answer, artefact, body, kind, form, limiter=large_bodies)
        attributes = request.headers.get(ATTRIBUTES)
        headers = {ATTRIBUTES: attributes} if attributes else None
        return Response(content, media_type=NAMES[form], headers=headers)

    @app.exception_handler(RequestError)
    async def request_error(_: Request, error: RequestError) -> Response:
        return Response(write_error(error), error.status, media_type="application/json")

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> Response:
        refusal = RequestError(
            error.status_code, "not_found" if error.status_code == 404 else "refused", error.detail
        )
        return Response(write_error(refusal), error.status_code, error.headers, media_type="application/json")

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> Response:
        log.error("an invocation failed", exc_info=error)
        failure = RequestError(
            500, "internal_error", "the prediction failed; the server's log has the reason"
        )
        return Response(write_error(failure), 500, media_type="application/json")

    return app


async def _read_body(request: Request, limit: int) -> bytes:
    """The body, refused with 413 as soon as it is known to be too large."""
    too_large = RequestError(413, "body_too_large", f"the body is larger than {limit} bytes; send fewer rows")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise too_large
        pieces.append(piece)
    return b"".join(pieces)
