"""What the analysis of traffic asks of the world: how far a monitor has come, and what a window reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from perennial import layout
from perennial.config import ModelConfig
from perennial.deployment import EndpointState
from perennial.errors import Conflict
from perennial.intake.completeness import Listed
from perennial.intake.schema import Schema
from perennial.monitoring import monitors, windows
from perennial.monitoring.analysis import Request, Source, request_of
from perennial.monitoring.baselines import Version, serving_at, version_of
from perennial.monitoring.monitors import MonitorName
from perennial.monitoring.sources import capture_prefixes, fresh, label_prefixes
from perennial.monitoring.windows import Window
from perennial.ports import World
from perennial.route import serving

SERVING = frozenset({"InService", "Updating", "SystemUpdating", "RollingBack"})
FIRST_LOOK_BACK = timedelta(days=1)  # a monitor that is new begins at most so long ago
VERSIONS_LOOKED_AT = 10


@dataclass(frozen=True)
class Watch:
    """One monitor of one model."""

    config: ModelConfig
    monitor: MonitorName
    every: timedelta
    delay: timedelta

    @property
    def model(self) -> str:
        return self.config.model

    @property
    def document(self) -> str:
        """Its state: `since` when it watches and `through` when everything is analysed."""
        return f"monitor#{self.monitor}"


def watches_of(config: ModelConfig) -> list[Watch]:
    """What is watched of the captured traffic. Without capture there is nothing to watch."""
    if not monitors.is_captured(config):
        return []
    return [
        Watch(config, monitor, section.period, monitors.delay(config, monitor))
        for monitor, section in monitors.monitors_of(config).items()
    ]


def in_service_since(config: ModelConfig, endpoint: EndpointState | None, world: World) -> datetime | None:
    """When the endpoint came into service, as far as is known; None while it does not serve."""
    if endpoint is None or endpoint.status not in SERVING:
        return None
    rollout = world.state.rollout(config.model)
    known = rollout.started_at if rollout and rollout.status == "succeeded" else world.now()
    return max(known, world.now() - FIRST_LOOK_BACK)


def begun(watch: Watch, since: datetime, world: World) -> datetime:
    """Everything before the time returned is analysed, or was before the monitor's time."""
    through = windows.begin(since, watch.every)
    document = {"since": windows.iso(since), "through": windows.iso(through)}
    try:
        world.state.put(watch.model, watch.document, document, expected=None)
    except Conflict:
        return through_of(watch, world) or through
    return through


def through_of(watch: Watch, world: World) -> datetime | None:
    """How far the monitor has come; None before its first look."""
    known = world.state.get(watch.model, watch.document)
    return datetime.fromisoformat(known["through"]) if known else None


def passed(watch: Watch, through: datetime, world: World) -> None:
    """Everything before `through` is done. A monitor never goes back."""
    known = world.state.get(watch.model, watch.document) or {"since": windows.iso(through)}
    if "through" in known and datetime.fromisoformat(known["through"]) >= through:
        return
    moved = {**known, "through": windows.iso(through)}
    world.state.put(watch.model, watch.document, moved, expected=known if "through" in known else None)


@dataclass(frozen=True)
class Material:
    """Everything that one window's analysis needs, nothing of it read yet but the schema."""

    request: Request
    version: Version
    captures: Sequence[Listed]
    labels: Sequence[Listed]

    @property
    def captured(self) -> int:
        """Bytes of captured traffic."""
        return sum(found.size for found in self.captures)


def asked_of(watch: Watch, window: Window, world: World) -> tuple[Request, Version]:
    """The analysis of a window, of the version that served then."""
    version = _version(watch, window, world)
    schema = _schema(watch.model, version, world)
    endpoint = serving(watch.model, world).endpoint
    asked = request_of(watch.config, watch.monitor, window, version, schema, world.names, endpoint)
    return asked, version


def gather(watch: Watch, window: Window, world: World) -> Material:
    """List what the window reads. Nothing captured, and no labels, are no errors."""
    model = watch.model
    captures = _listed(served_prefixes(model, window, world), window, world)
    wanted = watch.monitor != "data_quality"
    labels = _listed(label_prefixes(model, window, world.now()), window, world) if wanted else []
    return Material(*asked_of(watch, window, world), captures, labels)


def served_prefixes(model: str, window: Window, world: World) -> list[str]:
    """Where a window's requests were captured: if the route moved since, of two endpoints."""
    endpoints = serving(model, world).serving_since(window.start)
    return [prefix for endpoint in endpoints for prefix in capture_prefixes(model, endpoint, window)]


def sources(found: Sequence[Listed], world: World, under: str = "") -> Iterator[Source]:
    """The files in order, each opened when its turn comes. Named by their place `under` a folder, which for labels
    tells the hour of their collection; without one by their name alone."""
    for item in found:
        name = item.key.removeprefix(under) if under else item.key.rpartition("/")[2]
        yield Source(name, partial(world.bucket.open, item.key))


def baseline_files(uris: Mapping[str, str], world: World) -> Mapping[str, bytes]:
    """The baseline files that there are; those in other buckets are not ours to read."""
    found = {}
    for name, uri in uris.items():
        key = uri.removeprefix(f"s3://{world.bucket.name}/")
        body = world.bucket.read(key) if key != uri else None
        if body is not None:
            found[name] = body
    return found


def _listed(prefixes: Sequence[str], window: Window, world: World) -> list[Listed]:
    found = [item for prefix in prefixes for item in world.bucket.list(prefix)]
    return fresh(sorted(found, key=lambda item: item.key), window)


def _version(watch: Watch, window: Window, world: World) -> Version:
    """The version that served in the middle of the window."""
    endpoint = world.endpoints.get(serving(watch.model, world).endpoint)
    parsed = world.names.parse_endpoint_config(endpoint.config_name) if endpoint else None
    number = parsed.version if parsed else None
    described = world.registry.describe(watch.model, number) if number is not None else None
    if described is None:
        return Version(number or 0)
    return serving_at(window.middle, version_of(described), _older(watch.model, number, world))


def _older(model: str, serving: int | None, world: World) -> Iterator[Version]:
    numbers = sorted((found.version for found in world.registry.versions(model)), reverse=True)
    for number in [number for number in numbers if number != serving][:VERSIONS_LOOKED_AT]:
        if described := world.registry.describe(model, number):
            yield version_of(described)


def _schema(model: str, version: Version, world: World) -> Schema | None:
    if not version.dataset:
        return None
    body = world.bucket.read(layout.dataset_prefix(model, version.dataset) + "schema.json")
    return Schema.from_json(body) if body else None
