"""Send a version its own sample rows before it counts as in service."""

from __future__ import annotations

import tarfile
import zlib
from dataclasses import dataclass

from perennial.deployment import EndpointState
from perennial.errors import EndpointRefused
from perennial.ports import World
from perennial.smoke_test import Sample, nonsense
from perennial.words import counted

DESCRIPTION = "model.json"
LARGEST = 16 << 20  # bytes of model.json


@dataclass(frozen=True)
class Tested:
    """`failure` is a clause; None when the version passed, or when there was nothing to test it with."""

    failure: str | None
    words: str


def smoke_test(model: str, version: int, world: World, *, endpoint: EndpointState) -> Tested:
    """Invoke an endpoint with the golden sample of this version's artefact."""
    package = world.registry.get(model, version)
    sample = _sample(package.artefact if package else None, world)
    if sample is None:
        return Tested(None, "not made: the artefact holds no sample rows")
    try:
        failure = nonsense(sample, _ask(endpoint, sample.request(), world))
    except EndpointRefused as error:
        failure = f"it refuses its own sample rows: {error}"
    return Tested(failure, failure or f"{counted(len(sample.rows), 'sample row')} answered")


def _ask(endpoint: EndpointState, request: str, world: World) -> str:
    """Once more after a refusal: one error in so many requests is for the alarms to judge."""
    component = endpoint.name if endpoint.host_config else None
    try:
        return world.endpoints.invoke(endpoint.name, request, component=component)
    except EndpointRefused:
        world.wait(1)
        return world.endpoints.invoke(endpoint.name, request, component=component)


def _sample(artefact: str | None, world: World) -> Sample | None:
    """Read as a stream, and only in our own bucket: another team's artefact is not ours to read."""
    root = f"s3://{world.bucket.name}/"
    if artefact is None or not artefact.startswith(root):
        return None
    key = artefact.removeprefix(root)
    if not world.bucket.list(key):
        return None
    try:
        with tarfile.open(fileobj=world.bucket.open(key), mode="r|gz") as archive:
            for member in archive:
                if member.name.removeprefix("./") == DESCRIPTION and member.size <= LARGEST:
                    file = archive.extractfile(member)
                    return Sample.read(file.read()) if file else None
    except (tarfile.TarError, EOFError, zlib.error):
        return None
    return None
