"""Answer a request for predictions: checked, sent to the endpoint that serves, captured, and told by whom it was answered."""

from __future__ import annotations

import logging
import random
import re
import time
from dataclasses import dataclass, field, replace
from uuid import uuid4

from perennial import layout, route
from perennial.config import ModelConfig
from perennial.errors import EndpointMissing, RequestRefused
from perennial.intake.schema import Schema
from perennial.kinds import Route, place_of
from perennial.monitoring.baselines import version_of
from perennial.ports import World
from perennial.prediction.capture import LARGEST_MESSAGE, Captured, Payload, overflow_key, record
from perennial.prediction.checks import check
from perennial.prediction.invocation import Invocation, Reply

logger = logging.getLogger(__name__)
KNOWN_FOR = 5.0  # seconds
LARGEST_SERVERLESS = 4 << 20  # bytes: SageMaker's limit
LARGEST = 6 << 20  # bytes: what a function URL takes
LARGEST_ANSWER = 4_400_000  # bytes: 6 MB as Base64
_VERSION = re.compile(r"\bmodel-version=(\d+)")
_INFERENCE_ID = re.compile(r"[\x21-\x7e]{1,64}")


@dataclass(frozen=True)
class Served:
    """What is known of a model that serves. `versions` are two while a rollout shifts traffic."""

    config: ModelConfig
    route: Route
    versions: tuple[int, ...]
    schema: Schema | None


@dataclass(frozen=True)
class Answered:
    """A prediction, and who made it."""

    reply: Reply
    inference_id: str
    versions: tuple[int, ...]


@dataclass
class Directory:
    """What predictions need to know of the models, for some seconds: no look-up with every request."""

    known: dict[str, tuple[float, Served]] = field(default_factory=dict)
    schemas: dict[tuple[str, int], Schema | None] = field(default_factory=dict)

    def served(self, model: str, world: World, *, anew: bool = False) -> Served:
        """Raises RequestRefused 404 for a model that does not exist, and 503 for one that does not serve yet."""
        until, found = self.known.get(model, (0.0, None))
        now = time.monotonic()
        if found is None or anew or now >= until:
            found = self._look(model, world)
            self.known[model] = (now + KNOWN_FOR, found)
        return found

    def _look(self, model: str, world: World) -> Served:
        config = world.catalog.get(model)
        if config is None:
            raise RequestRefused(404, "no_such_model", f"there is no model {model}")
        serving = route.serving(model, world)
        versions = _versions(model, serving, world)
        return Served(config, serving, versions, self._schema(model, versions[0], world))

    def _schema(self, model: str, version: int, world: World) -> Schema | None:
        """The schema of the dataset that a version was trained on; None when we know of none."""
        if (model, version) not in self.schemas:
            described = world.registry.describe(model, version)
            dataset = version_of(described).dataset if described else ""
            body = (
                world.bucket.read(layout.dataset_prefix(model, dataset) + "schema.json") if dataset else None
            )
            self.schemas[model, version] = Schema.from_json(body) if body else None
        return self.schemas[model, version]


def predict(model: str, asked: Invocation, directory: Directory, world: World) -> Answered:
    """Raises RequestRefused. The record of a captured request is in the queue before the answer is given."""
    served = directory.served(model, world)
    _fits(asked, served)
    check(asked.body, asked.content_type, served.schema)
    try:
        reply = _invoke(asked, served, world)
    except EndpointMissing:
        reply, served = _elsewhere(model, asked, directory, world)
    if len(reply.body) > LARGEST_ANSWER:
        raise RequestRefused(
            502, "answer_too_large", f"the answer has {len(reply.body)} bytes: send fewer rows"
        )
    _capture(asked, reply, served, world)
    return Answered(reply, asked.inference_id, _answered_by(reply) or served.versions)


def inference_id(given: str | None) -> str:
    """The caller's own, or a new one. Raises RequestRefused 400."""
    if not given:
        return str(uuid4())
    if not _INFERENCE_ID.fullmatch(given):
        raise RequestRefused(
            400, "invalid_inference_id", "an inference id has 1 to 64 printable ASCII characters, no blanks"
        )
    return given


def _answered_by(reply: Reply) -> tuple[int, ...]:
    """Our container names its version in the custom attributes, which SageMaker passes on; others may not."""
    named = _VERSION.search(reply.attributes or "")
    return (int(named[1]),) if named else ()


def _versions(model: str, serving: Route, world: World) -> tuple[int, ...]:
    """Whoever may answer a request now."""
    rollout = world.state.rollout(model)
    here = rollout if rollout and place_of(rollout, serving) == serving.endpoint else None
    if here and here.status == "succeeded":
        return (here.version,)
    endpoint = world.endpoints.get(serving.endpoint)
    parsed = world.names.parse_endpoint_config(endpoint.config_name) if endpoint else None
    if (
        endpoint is None
        or parsed is None
        or endpoint.status in ("Creating", "Failed", "OutOfService", "Deleting")
    ):
        raise RequestRefused(
            503, "not_in_service", f"model {model} has no version in service", retry_after=10
        )
    new = (here.version,) if here and here.status == "started" and here.version != parsed.version else ()
    return (parsed.version, *new)


def _fits(asked: Invocation, served: Served) -> None:
    most = LARGEST_SERVERLESS if served.route.kind == "serverless" else LARGEST
    if len(asked.body) > most:
        raise RequestRefused(
            413,
            "body_too_large",
            f"the body has {len(asked.body)} bytes, a {served.route.kind} endpoint takes {most}: send fewer rows",
        )


def _invoke(asked: Invocation, served: Served, world: World) -> Reply:
    """An inference component is named like its endpoint."""
    endpoint = served.route.endpoint
    component = endpoint if served.route.kind == "components" else None
    return world.predictions.invoke(endpoint, replace(asked, component=component))


def _elsewhere(model: str, asked: Invocation, directory: Directory, world: World) -> tuple[Reply, Served]:
    """The route has moved since we looked."""
    served = directory.served(model, world, anew=True)
    try:
        return _invoke(asked, served, world), served
    except EndpointMissing as error:
        raise RequestRefused(503, "not_in_service", str(error), retry_after=10) from error


def _capture(asked: Invocation, reply: Reply, served: Served, world: World) -> None:
    """SageMaker captures what an endpoint with a model does; a request that it did not let us keep is still answered."""
    if served.route.kind == "realtime" or random.random() * 100 >= served.config.capture.percent:
        return
    model, at, event_id = served.config.model, world.now(), str(uuid4())
    line = record(
        Payload(asked.body, asked.content_type),
        Payload(reply.body, reply.content_type),
        event_id=event_id,
        inference_id=asked.inference_id,
        at=at,
        attributes=asked.attributes,
    )
    found = Captured(model, served.route.endpoint, at.isoformat(), event_id, line)
    if len(found.body().encode()) > LARGEST_MESSAGE:
        key = overflow_key(model, event_id)
        world.bucket.write(key, line.encode())
        found = Captured(model, served.route.endpoint, at.isoformat(), event_id, elsewhere=key)
    world.captures.send(found.body())
