"""Windows too large for a Lambda: the Processing job that analyses one, and what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial.errors import PerennialError
from perennial.monitoring.analysis import DATAPOINTS, SUMMARY, Analyzed, datapoints_of
from perennial.monitoring.claims import Document
from perennial.monitoring.monitors import MonitorName, is_monitor
from perennial.monitoring.processing import (
    DOCUMENT,
    IN_PROGRESS,
    MODEL,
    PARTS,
    RETRIES,
    job_request,
    manifest,
)
from perennial.monitoring.windows import iso
from perennial.ports import World
from perennial.reactions.traffic import Material, baseline_files

REQUEST = "request.json"


class ResultsMissing(PerennialError):
    """A job completed and left something out: its container is not ours, or another version of it."""


@dataclass(frozen=True)
class Owner:
    """Whose window a job analyses."""

    model: str
    monitor: MonitorName
    document: str


@dataclass(frozen=True)
class Seen:
    """How a window's job stands. `failure` is None when it completed; `again` is the next attempt, if there is one."""

    name: str
    in_progress: bool
    failure: str | None = None
    again: int | None = None


def owner(name: str, world: World) -> Owner | None:
    """None while the job runs, and for jobs that are not ours."""
    job = world.processing.get(name)
    if job is None or job.status in IN_PROGRESS:
        return None
    document = job.environment.get(DOCUMENT, "")
    monitor = document.partition("#")[2].partition("#")[0]
    return Owner(job.environment[MODEL], monitor, document) if is_monitor(monitor) else None


def look(known: Document, world: World) -> Seen:
    """The job that a window waits for."""
    name, tries = known["job"], known["tries"]
    job = world.processing.get(name)
    if job and job.status in IN_PROGRESS:
        return Seen(name, in_progress=True)
    if job and job.status == "Completed":
        return Seen(name, in_progress=False)
    why = job.failure_reason or job.exit_message or f"it ended as {job.status}" if job else "it is gone"
    again = tries + 1 if tries < RETRIES else None
    return Seen(name, in_progress=False, failure=f"Processing job {name}: {why}", again=again)


def start(
    document: str, folder: str, material: Material, instances: int, claim: Document, world: World
) -> dict[str, Any]:
    """Lay out the job's inputs and start it, or adopt the one of that name; the window's next document."""
    request, bucket = material.request, world.bucket.name
    for name, found in (("capture", material.captures), ("labels", material.labels)):
        if found:
            body = json.dumps(manifest(bucket, [item.key for item in found])).encode()
            world.bucket.write(f"{folder}{name}.manifest", body)
    world.bucket.write(folder + REQUEST, world.analyst.document(request))
    files = dict(material.version.files)
    folders = {uri.rpartition("/")[0] + "/" for uri in files.values()}
    given = {
        "document": document,
        "model": request.model,
        "report_uri": f"s3://{bucket}/{folder}",
        "baseline_uri": folders.pop() if len(folders) == 1 else None,
        "labels": bool(material.labels),
        "instances": instances,
    }
    running = {**claim, "start": iso(request.start), "given": given, "files": files}
    return _create(running, 0, world)


def restart(seen: Seen, claim: Document, world: World) -> dict[str, Any]:
    """The same job once more, under the next name; the window's next document."""
    return _create(claim, seen.again or 0, world)


def result(folder: str, claim: Document, world: World) -> Analyzed:
    """What a job left: of one instance all results, of several their parts, which are put together here."""
    instances = claim["given"]["instances"]
    if instances == 1:
        summary, datapoints = (_left(folder + name, claim, world) for name in (SUMMARY, DATAPOINTS))
        return Analyzed({SUMMARY: summary}, datapoints_of(datapoints))
    document = _left(folder + REQUEST, claim, world)
    hosts = [f"{folder}{PARTS}algo-{number + 1}.part" for number in range(instances)]
    parts = [_left(key, claim, world) for key in hosts]
    return world.analyst.finish(document, baseline_files(claim["files"], world), parts)


def _left(key: str, claim: Document, world: World) -> bytes:
    body = world.bucket.read(key)
    if body is None:
        raise ResultsMissing(f"job {claim['job']} completed and left no {key}")
    return body


def _create(running: Mapping[str, Any], tries: int, world: World) -> dict[str, Any]:
    given = running["given"]
    name = world.names.analysis_job(given["model"], [given["document"], running["request"]], tries)
    world.processing.create(job_request(name=name, platform=world.platform, **given))
    return {**running, "status": "running", "job": name, "tries": tries}
