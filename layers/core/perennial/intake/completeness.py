"""Is a drop complete, and which parts is it made of? Pure: a listing and the time in, a frozen answer out.

    a single file                 complete at once: S3 shows an object only when all of it is there
    _SUCCESS                      complete, with every part that is there
    manifest.json                 complete once every file listed is there with the size listed; others are left out
    neither                       complete after `quiet_minutes` without a new object

Parts that come after `_SUCCESS` open the drop again: it is complete when the marker is written anew or the
quiet minutes are over, and then is another dataset version. Files that a manifest lists may come after it, too:
they are waited for as long, then the drop is refused, naming them. Whatever is no data (an unknown ending, CSV
beside Parquet) refuses a drop that is otherwise complete, since leaving it out silently could lose data. So does a
marker that no data follows within the quiet minutes: whoever wrote it believes that there is some.
Names that begin with `_` or `.` (files or folders) and empty folder markers never count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from perennial.intake.drop_manifest import EXAMPLE, BadManifest, ListedFile, parse_manifest
from perennial.intake.problem import Problem
from perennial.intake.schema import Format, some
from perennial.words import counted

FORMATS: dict[str, Format] = {".csv": "csv", ".parquet": "parquet"}
SUCCESS, MANIFEST = "_SUCCESS", "manifest.json"
COMPRESSED = (".gz", ".bz2", ".xz", ".zip", ".zst", ".tgz", ".7z")


class Listed(Protocol):
    """An object as a listing shows it; `version_id` may be an attribute, too, where the bucket has versions."""

    @property
    def key(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def etag(self) -> str: ...
    @property
    def last_modified(self) -> datetime: ...


@dataclass(frozen=True)
class Part:
    """A file to read. `name` is relative to the drop; `sha256` is what the manifest promises, if it does."""

    key: str
    name: str
    size: int
    etag: str
    version_id: str | None
    format: Format
    sha256: str | None = None


@dataclass(frozen=True)
class Completeness:
    """`parts` are all there are when complete. `due`: when to look again if nothing new comes, while waiting.

    `fingerprint` (12 hex digits) changes when a file of the drop or a marker comes, goes or is replaced: what
    was inspected under one fingerprint need not be read again.
    """

    state: Literal["complete", "waiting", "empty", "refused"]
    reason: str
    parts: tuple[Part, ...] = ()
    due: datetime | None = None
    problems: tuple[Problem, ...] = ()
    fingerprint: str = ""


def manifest_key(prefix: str, objects: Sequence[Listed]) -> str | None:
    """The manifest.json to read before `assess`, if the drop has one."""
    key = f"{prefix.rstrip('/')}/{MANIFEST}"
    return next((key for found in objects if found.key == key), None)


def assess(
    prefix: str,
    objects: Sequence[Listed],
    now: datetime,
    *,
    quiet_minutes: float,
    manifest: bytes | None = None,
) -> Completeness:
    """Judge the drop under `prefix` (a folder, or a single file's key) by its listing.

    `manifest` is the body of the object that `manifest_key` names. `now` and the listing's times are aware.
    """
    single = next((found for found in objects if found.key == prefix), None)
    if single and _format(prefix):
        whole = _conclude([single], prefix.rpartition("/")[0] + "/", "a single file is complete")
        return replace(whole, fingerprint=_fingerprint([single]))
    folder = prefix.rstrip("/") + "/"
    data = [found for found in objects if found.key.startswith(folder) and _counts(found, folder)]
    markers = {
        found.key[len(folder) :]: found
        for found in objects
        if found.key in (folder + SUCCESS, folder + MANIFEST)
    }
    judged = _assess_folder(folder, data, markers, now, quiet_minutes, manifest)
    return replace(judged, fingerprint=_fingerprint([*data, *markers.values()]))


def _assess_folder(
    folder: str,
    data: Sequence[Listed],
    markers: Mapping[str, Listed],
    now: datetime,
    quiet_minutes: float,
    manifest: bytes | None,
) -> Completeness:
    if not data and not markers:
        return Completeness("empty", "there is no data file yet")
    quiet_at = max(found.last_modified for found in [*data, *markers.values()]) + timedelta(
        minutes=quiet_minutes
    )
    quiet = now >= quiet_at
    if manifest is not None and MANIFEST in markers:
        return _by_manifest(manifest, data, folder, quiet, quiet_at)
    if not data:
        if not quiet:
            return Completeness(
                "waiting", f"the marker is there, but no data file yet{_until(quiet_at)}", due=quiet_at
            )
        return _refuse([_nothing_came(folder, quiet_minutes)])
    if marker := markers.get(SUCCESS):
        late = [found for found in data if found.last_modified > marker.last_modified]
        if late and not quiet:
            names = some([found.key[len(folder) :] for found in late])
            reason = (
                f"{names} came after {SUCCESS}: waiting for a new {SUCCESS}, or for quiet{_until(quiet_at)}"
            )
            return Completeness("waiting", reason, due=quiet_at)
        return _conclude(data, folder, f"{SUCCESS} is there" if not late else _quiet(quiet_minutes))
    if not quiet:
        reason = f"{_files(len(data))}, but no {SUCCESS} or {MANIFEST}{_until(quiet_at)}"
        return Completeness("waiting", reason, due=quiet_at)
    return _conclude(data, folder, _quiet(quiet_minutes))


def _by_manifest(
    body: bytes, data: Sequence[Listed], folder: str, quiet: bool, quiet_at: datetime
) -> Completeness:
    try:
        listed = parse_manifest(body)
    except BadManifest as error:
        return _refuse([Problem(str(error), "Write it anew.", MANIFEST, expected=EXAMPLE)])
    present = {found.key[len(folder) :]: found for found in data}
    problems = [problem for file in listed if (problem := _against(file, present.get(file.name)))]
    if problems and not quiet:
        first = problems[0].sentence
        return Completeness(
            "waiting", f"{first}: waiting for the upload to end{_until(quiet_at)}", due=quiet_at
        )
    if problems:
        return _refuse(problems)
    left_out = len(data) - len(listed)
    reason = f"all files of {MANIFEST} are there" + (
        f"; {_files(left_out)} not in it left out" if left_out else ""
    )
    promised = {file.name: file.sha256 for file in listed}
    return _conclude([present[file.name] for file in listed], folder, reason, promised)


def _against(file: ListedFile, found: Listed | None) -> Problem | None:
    if found is None:
        return Problem(
            f"{MANIFEST} lists {file.name!r}, which is not there",
            f"Upload it, or correct {MANIFEST}.",
            file.name,
            expected="the file",
        )
    if file.size is not None and file.size != found.size:
        return Problem(
            f"it has {counted(found.size, 'byte')}, {MANIFEST} says {file.size:,}",
            f"Upload it again, or correct {MANIFEST}.",
            file.name,
            value=str(found.size),
            expected=counted(file.size, "byte"),
        )
    return None


def _conclude(
    found: Sequence[Listed], folder: str, reason: str, promised: dict[str, str | None] | None = None
) -> Completeness:
    problems = [problem for each in found if (problem := _unreadable(each, each.key[len(folder) :]))]
    formats = sorted({kind for each in found if (kind := _format(each.key))})
    if len(formats) > 1:
        problems.append(
            Problem("the drop has CSV and Parquet files", "Drop one format at a time.", expected="one format")
        )
    if problems:
        return _refuse(problems)
    parts = tuple(
        Part(
            each.key,
            name := each.key[len(folder) :],
            each.size,
            each.etag,
            getattr(each, "version_id", None),
            FORMATS[_ending(each.key)],
            (promised or {}).get(name),
        )
        for each in sorted(found, key=lambda each: each.key)
    )
    return Completeness("complete", f"{reason}: {_files(len(parts))}", parts)


def _refuse(problems: Sequence[Problem]) -> Completeness:
    return Completeness("refused", problems[0].sentence, problems=tuple(problems))


def _nothing_came(folder: str, quiet_minutes: float) -> Problem:
    return Problem(
        f"it closes a drop without data: {_quiet(quiet_minutes)}",
        f"Upload the files to {folder} and write {SUCCESS} again. Names that begin with _ or . do not count.",
        SUCCESS,
        value="no data file",
        expected="at least one .csv or .parquet file beside it",
    )


def _unreadable(found: Listed, name: str) -> Problem | None:
    if _format(name) is None:
        compressed = name.lower().endswith(COMPRESSED)
        advice = (
            "Upload it uncompressed." if compressed else "Remove it, or name data files .csv or .parquet."
        )
        return Problem("it is neither CSV nor Parquet by its name", advice, name, expected=".csv or .parquet")
    if found.size == 0:
        return Problem("it is empty", "Leave empty parts out.", name, value="0 bytes", expected="data")
    return None


def _counts(found: Listed, folder: str) -> bool:
    """Whether an object is one of the drop's files: not a marker, hidden, or a stand-in for a folder."""
    name = found.key[len(folder) :]
    hidden = any(step.startswith(("_", ".")) for step in name.split("/"))
    return bool(name) and not hidden and not name.endswith(("/", "_$folder$")) and name != MANIFEST


def _fingerprint(objects: Sequence[Listed]) -> str:
    told = sorted(f"{found.key}\t{found.size}\t{found.etag}" for found in objects)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


def _ending(key: str) -> str:
    dot = key.rfind(".")
    return key[dot:].lower() if dot >= 0 else ""


def _format(key: str) -> Format | None:
    return FORMATS.get(_ending(key))


def _files(count: int) -> str:
    return counted(count, "file")


def _quiet(minutes: float) -> str:
    return f"nothing new for {counted(minutes, 'minute')}"


def _until(moment: datetime) -> str:
    return f" (until {moment:%Y-%m-%d %H:%M:%S} UTC)"
