"""The HTTP side of serving: the front, and behind it the control plane."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from perennial_container.cpu import available_cpus
from perennial_container.errors import RequestError
from perennial_container.serving.admission import MOST_BYTES, Admission
from perennial_container.serving.answers import write_error
from perennial_container.serving.asked import Limits
from perennial_container.serving.bounds import sure_megabytes
from perennial_container.serving.front import Front
from perennial_container.serving.meter import CONTENT_TYPE, Meter
from perennial_container.serving.model import ServedModel
from perennial_container.serving.openapi import describe
from perennial_container.serving.wishes import Parts

MEBIBYTE = 1024 * 1024
FRONT = {
    "/invocations": "POST",
    "/ping": "GET",
}  # answered before any route is looked for: with these methods


def create_app(
    model: ServedModel,
    *,
    body_limit: int,
    body_seconds: float,
    parts: Parts = "both",
    version: str = "",
    transforms: int = 1,
) -> Front:
    """The application; it starts to load the model when it starts. `body_limit` is in bytes, `body_seconds` what the
    rest of a body may take, `version` what the registry calls the model, `transforms` how many requests a transform
    job sends at once."""
    admission = Admission(body_limit, transforms)
    meter = Meter()
    control = control_plane(model.start_loading, admission, meter)

    @control.get("/execution-parameters")
    async def execution_parameters() -> dict[str, int | str]:
        """For batch transform: what is let in at once, and never has too many rows or cells."""
        columns = len(model.ready().artefact.encodings)
        megabytes = max(1, min(body_limit // MEBIBYTE, sure_megabytes(columns)))
        concurrent = max(1, min(available_cpus(), MOST_BYTES // MEBIBYTE // megabytes))
        return {
            "MaxConcurrentTransforms": concurrent,
            "BatchStrategy": "MULTI_RECORD",
            "MaxPayloadInMB": megabytes,
        }

    @control.get("/openapi.json")
    async def openapi() -> Response:
        """What the server takes and gives, with the model's own features."""
        served = model.ready()
        document = describe(served.artefact.schema, served.artefact.encodings, served.version)
        return Response(orjson.dumps(document), media_type="application/json")

    limits = Limits(body_limit, body_seconds, parts, f"model-version={version}".encode() if version else b"")
    return Front(control, model, limits, admission, meter)


def control_plane(start: Callable[[], None], admission: Admission, meter: Meter) -> FastAPI:
    """Everything but `/invocations` and `/ping`; `start` is called when the server starts."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        start()
        yield

    app = FastAPI(title="Perennial model server", lifespan=lifespan, openapi_url=None, redirect_slashes=False)

    @app.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus, and for SageMaker's detailed observability."""
        text = meter.text(requests_in_flight=admission.requests, bytes_in_flight=admission.bytes)
        return Response(text, media_type=CONTENT_TYPE)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        """Nobody hears it: a client that hangs up is no error of ours."""
        return Response(status_code=499)

    @app.exception_handler(RequestError)
    async def refused(_: Request, error: RequestError) -> Response:
        return Response(write_error(error), error.status, media_type="application/json")

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        allowed = FRONT.get(request.url.path)
        if error.status_code == 404 and allowed:
            error = HTTPException(405, f"use {allowed}", {"allow": allowed})
        refusal = RequestError(
            error.status_code, "not_found" if error.status_code == 404 else "refused", error.detail
        )
        return Response(write_error(refusal), error.status_code, error.headers, media_type="application/json")

    return app
