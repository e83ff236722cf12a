"""Several models in one container, loaded and unloaded by SageMaker: the `/models` API of multi-model endpoints.

Contract: https://docs.aws.amazon.com/sagemaker/latest/dg/mms-container-apis.html
"""

import asyncio
import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.responses import Response

from perennial_container.errors import RequestError
from perennial_container.paths import Paths
from perennial_container.serving.admission import Admission
from perennial_container.serving.answers import write_error
from perennial_container.serving.app import control_plane
from perennial_container.serving.asked import Limits
from perennial_container.serving.front import App, Front
from perennial_container.serving.meter import Meter
from perennial_container.serving.model import ServedModel
from perennial_container.serving.respond import Receive, Scope, Send
from perennial_container.serving.room import Room

log = logging.getLogger(__name__)

PAGE = 100  # models in one answer
LARGEST_REQUEST = 64 * 1024
JSON = "application/json"


@dataclass(frozen=True)
class Loaded:
    """One model that answers; `url` is where SageMaker put it."""

    name: str
    url: str
    front: Front

    def to_json(self) -> dict[str, str]:
        return {"modelName": self.name, "modelUrl": self.url}


class Models:
    """The models that are loaded. For one event loop: nothing here is locked.

    `open_model` makes a model of a folder, not yet loaded, `front` what answers for it, `room` tells what memory
    a folder's model would need.
    """

    def __init__(
        self,
        paths: Paths,
        open_model: Callable[[Path], ServedModel],
        front: Callable[[ServedModel], Front],
        room: Callable[[Path], Room],
    ) -> None:
        self._paths = paths
        self._open = open_model
        self._front = front
        self._room = room
        self._loaded: dict[str, Loaded] = {}
        self._loading: set[str] = set()

    def get(self, name: str) -> Loaded:
        """Raises RequestError 404."""
        try:
            return self._loaded[name]
        except KeyError:
            raise RequestError(404, "model_not_loaded", "there is no loaded model of this name") from None

    def page(self, token: str | None) -> dict[str, Any]:
        """Some of the models, in the order of their names, and where the next ones begin. Raises RequestError 400."""
        if token is not None and not (token.isascii() and token.isdigit() and len(token) < 10):
            raise RequestError(400, "unknown_token", "next_page_token is none that was given out")
        start = int(token or 0)
        names = sorted(self._loaded)
        document: dict[str, Any] = {
            "models": [self._loaded[name].to_json() for name in islice(names, start, start + PAGE)]
        }
        if start + PAGE < len(names):
            document["nextPageToken"] = str(start + PAGE)
        return document

    async def load(self, name: str, url: str) -> None:
        """Raises RequestError: 409 if it is there, 507 if it does not fit, 400 if it cannot be served."""
        if name in self._loaded or name in self._loading:
            raise RequestError(409, "model_already_loaded", "a model of this name is loaded already")
        folder = self._folder(url)
        self._loading.add(name)
        try:
            model = await asyncio.to_thread(self._load, folder)
        finally:
            self._loading.discard(name)
        self._loaded[name] = Loaded(name, url, self._front(model))
        log.info("loaded a model from %s; there are %d", url, len(self._loaded))

    def unload(self, name: str) -> None:
        """Requests in flight are still answered. Raises RequestError 404."""
        self.get(name).front.close()
        del self._loaded[name]
        gc.collect()
        log.info("unloaded a model; there are %d", len(self._loaded))

    def _folder(self, url: str) -> Path:
        """SageMaker's folders lie under /opt/ml; nothing else of the container is anybody's model."""
        try:
            folder = self._paths.local(url).resolve()
            there = folder.is_relative_to(self._paths.base.resolve()) and folder.is_dir()
        except (OSError, RuntimeError, ValueError):  # too long a name, links in a circle
            there = False
        if not there:
            raise RequestError(400, "unknown_url", "the url is no folder under /opt/ml")
        return folder

    def _load(self, folder: Path) -> ServedModel:
        room = self._room(folder)
        if not room.enough:
            raise RequestError(507, "insufficient_memory", room.reason)
        model = self._open(folder)
        try:
            model.load()
        except MemoryError as error:
            raise RequestError(
                507, "insufficient_memory", "memory ran out while the model was loaded"
            ) from error
        if model.served is None:
            raise RequestError(400, "model_not_servable", model.reason[:400])
        return model


class ManyFront:
    """The ASGI application in front of the control plane: `/ping`, and each model's `invoke`."""

    def __init__(self, app: App, models: Models) -> None:
        self._app = app
        self._models = models

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            name, invoke = invoked(scope["path"])
            if invoke:
                try:
                    front = self._models.get(name).front
                except RequestError as error:
                    await refusal(error)(scope, receive, send)
                    return
                await front({**scope, "path": "/invocations"}, receive, send)
                return
        await self._app(scope, receive, send)


def invoked(path: str) -> tuple[str, bool]:
    """The model that a path asks, and whether it asks one; a name is opaque and may have slashes."""
    start, end = "/models/", "/invoke"
    asks = path.startswith(start) and path.endswith(end) and len(path) > len(start) + len(end)
    return (path[len(start) : -len(end)], True) if asks else ("", False)


def refusal(error: RequestError) -> Response:
    return Response(write_error(error), error.status, media_type=JSON)


def answer(document: dict[str, Any]) -> Response:
    return Response(orjson.dumps(document), media_type=JSON)


def add_routes(app: FastAPI, models: Models) -> None:
    """Load, list, describe and unload."""

    @app.api_route("/ping", methods=["GET", "HEAD"])
    async def ping() -> Response:
        """Ready for models, with or without any."""
        return Response()

    @app.post("/invocations")
    async def unnamed() -> Response:
        raise RequestError(404, "model_not_loaded", "name a model: POST /models/{model_name}/invoke")

    @app.post("/models")
    async def load(request: Request) -> Response:
        name, url = load_request(await bounded_body(request))
        await models.load(name, url)
        return answer({"modelName": name, "modelUrl": url})

    @app.get("/models")
    async def page(next_page_token: str | None = None) -> Response:
        return answer(models.page(next_page_token))

    @app.get("/models/{name:path}")
    async def describe(name: str) -> Response:
        return answer(models.get(name).to_json())

    @app.delete("/models/{name:path}")
    async def unload(name: str) -> Response:
        models.unload(name)
        return answer({})


async def bounded_body(request: Request) -> bytes:
    """Raises RequestError 413."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_REQUEST:
            raise RequestError(413, "body_too_large", f"the body is larger than {LARGEST_REQUEST} bytes")
    return body


def load_request(body: bytes) -> tuple[str, str]:
    """The name and the url of the model to load. Raises RequestError 400."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(
            400, "malformed_json", f"the JSON cannot be read: {error}", line=error.lineno
        ) from error
    values = [document.get(key) if isinstance(document, dict) else None for key in ("model_name", "url")]
    name, url = values
    if not isinstance(name, str) or not isinstance(url, str) or not name or not url or "\0" in url:
        raise RequestError(
            400, "malformed_request", 'expected {"model_name": "...", "url": "/opt/ml/models/..."}'
        )
    return name, url


def create_app_of_many(
    paths: Paths, open_model: Callable[[Path], ServedModel], room: Callable[[Path], Room], limits: Limits
) -> ManyFront:
    """The application for a multi-model endpoint: it starts without models, and is asked to load them."""
    admission, meter = Admission(limits.size), Meter()
    control = control_plane(lambda: None, admission, meter)
    models = Models(paths, open_model, lambda model: Front(control, model, limits, admission, meter), room)
    add_routes(control, models)
    return ManyFront(control, models)
