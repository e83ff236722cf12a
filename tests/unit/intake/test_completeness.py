"""When is a drop complete, and what is it made of?"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from perennial.intake.completeness import assess, manifest_key

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PREFIX = "models/m/drops/monday/"


@dataclass(frozen=True)
class Stored:
    key: str
    size: int
    etag: str
    last_modified: datetime
    version_id: str | None = None


def stored(name, minutes_ago=1.0, size=100, etag="e", prefix=PREFIX):
    return Stored(prefix + name, size, etag, NOW - timedelta(minutes=minutes_ago))


def look(objects, manifest=None, prefix=PREFIX):
    body = (
        None
        if manifest is None
        else manifest
        if isinstance(manifest, bytes)
        else json.dumps(manifest).encode()
    )
    return assess(prefix, objects, NOW, quiet_minutes=10, manifest=body)


@pytest.mark.parametrize(
    ("objects", "state", "parts"),
    [
        pytest.param([], "empty", [], id="nothing there"),
        pytest.param(
            [stored("a.csv"), stored("_SUCCESS", 0)], "complete", ["a.csv"], id="closed by a marker"
        ),
        pytest.param(
            [stored("_SUCCESS"), stored("a.csv")], "complete", ["a.csv"], id="marker in the same second"
        ),
        pytest.param(
            [stored("_SUCCESS", 2), stored("a.csv", 3), stored("b.csv", 1)],
            "waiting",
            [],
            id="a part came late",
        ),
        pytest.param(
            [stored("_SUCCESS", 30), stored("a.csv", 11)], "complete", ["a.csv"], id="late, but quiet since"
        ),
        pytest.param([stored("_SUCCESS")], "waiting", [], id="a marker before all parts"),
        pytest.param([stored("_SUCCESS", 11)], "refused", [], id="a marker and nothing else"),
        pytest.param(
            [stored("_SUCCESS", 11), stored("_a.csv", 11)], "refused", [], id="a marker and hidden files"
        ),
        pytest.param([stored("a.csv", 9.9)], "waiting", [], id="no marker, not quiet"),
        pytest.param([stored("a.csv", 10)], "complete", ["a.csv"], id="no marker, quiet"),
        pytest.param([stored("a.csv", 30), stored("b.csv", 5)], "waiting", [], id="the newest file counts"),
        pytest.param(
            [stored("y=1/a.CSV"), stored("b.csv"), stored("_SUCCESS")],
            "complete",
            ["b.csv", "y=1/a.CSV"],
            id="folders",
        ),
        pytest.param(
            [
                stored("a.csv"),
                stored("_SUCCESS"),
                stored("", size=0),
                stored("_temporary/0/b.csv"),
                stored(".a.csv.crc"),
                stored("sub/", size=0),
                stored("sub_$folder$", size=0),
                stored("_started_17"),
            ],
            "complete",
            ["a.csv"],
            id="what writers leave beside the data does not count",
        ),
        pytest.param(
            [stored("a.csv"), stored("b.txt"), stored("_SUCCESS")], "refused", [], id="unknown ending"
        ),
        pytest.param(
            [stored("a.csv"), stored("b.txt")], "waiting", [], id="not refused before it is complete"
        ),
        pytest.param(
            [stored("a.csv"), stored("b.parquet"), stored("_SUCCESS")], "refused", [], id="mixed formats"
        ),
        pytest.param([stored("a.csv", size=0), stored("_SUCCESS")], "refused", [], id="empty part"),
        pytest.param([stored("a.csv.gz"), stored("_SUCCESS")], "refused", [], id="compressed part"),
    ],
)
def test_a_drop_without_manifest(objects, state, parts):
    """A marker or silence completes a drop; only then is something wrong with it a refusal."""
    found = look(objects)
    assert (state, parts) == (found.state, [part.name for part in found.parts]), found.reason


@pytest.mark.parametrize(
    ("manifest", "files", "state", "parts"),
    [
        pytest.param(["a.csv"], {"a.csv": 1}, "complete", ["a.csv"], id="a plain list of names"),
        pytest.param({"files": ["./a.csv"]}, {"a.csv": 1}, "complete", ["a.csv"], id="a relative name"),
        pytest.param(
            {"files": [{"name": "a.csv", "size": 100}]}, {"a.csv": 1}, "complete", ["a.csv"], id="right size"
        ),
        pytest.param(
            {"files": [{"name": "a.csv", "size": 99}]},
            {"a.csv": 1},
            "waiting",
            [],
            id="wrong size, not quiet",
        ),
        pytest.param(
            {"files": [{"name": "a.csv", "size": 99}]}, {"a.csv": 20}, "refused", [], id="wrong size, quiet"
        ),
        pytest.param(["a.csv", "b.csv"], {"a.csv": 1}, "waiting", [], id="a file is missing, not quiet"),
        pytest.param(["a.csv", "b.csv"], {"a.csv": 20}, "refused", [], id="a file is missing, quiet"),
        pytest.param(["a.csv"], {}, "waiting", [], id="all files are missing, not quiet"),
        pytest.param(
            ["a.csv"], {"a.csv": 1, "b.csv": 1, "notes.txt": 1}, "complete", ["a.csv"], id="others left out"
        ),
        pytest.param(["a.csv", "a.csv"], {"a.csv": 1}, "refused", [], id="listed twice"),
        pytest.param([], {"a.csv": 1}, "refused", [], id="lists nothing"),
        pytest.param(["a.txt"], {"a.txt": 1}, "refused", [], id="lists no data file"),
        pytest.param({"file": ["a.csv"]}, {"a.csv": 1}, "refused", [], id="misspelt key"),
        pytest.param(b"\xff{", {"a.csv": 1}, "refused", [], id="no JSON"),
        pytest.param([{"name": "a.csv", "sha256": "abc"}], {"a.csv": 1}, "refused", [], id="no SHA-256"),
    ],
)
def test_a_drop_with_manifest(manifest, files, state, parts):
    """The files listed are the drop; what is not there yet is waited for until it is quiet."""
    age = 20 if set(files.values()) == {20} else 0
    found = look(
        [stored("manifest.json", age), *(stored(name, ago) for name, ago in files.items())], manifest
    )
    assert (state, parts) == (found.state, [part.name for part in found.parts]), found.reason


def test_a_missing_file_is_named():
    """A refusal says which file of the manifest is not there, and a wait until when it lasts."""
    refused = look([stored("manifest.json", 20), stored("a.csv", 20)], ["a.csv", "b.csv"])
    assert "'b.csv'" in refused.problems[0].sentence
    waiting = look([stored("manifest.json", 1), stored("a.csv", 20)], ["a.csv", "b.csv"])
    assert (waiting.due, True) == (NOW + timedelta(minutes=9), "'b.csv'" in waiting.reason)


def test_promised_checksums_come_with_the_parts():
    """What a manifest says of a file's content is checked when the file is read."""
    digest = "AB" * 32
    found = look([stored("manifest.json"), stored("a.csv")], [{"name": "a.csv", "sha256": digest}])
    assert [digest.lower()] == [part.sha256 for part in found.parts]


def test_a_single_file_is_a_drop():
    """A file without a folder is complete at once, whatever shares the beginning of its name."""
    drops = "models/m/drops/"
    objects = [
        stored("a.csv", prefix=drops),
        stored("a.csv.bak", prefix=drops),
        stored("a.csv/part.csv", prefix=drops),
    ]
    found = look(objects, prefix=f"{drops}a.csv")
    assert ("complete", ["a.csv"]) == (found.state, [part.name for part in found.parts])


def test_a_folder_may_be_named_like_a_file():
    """Spark writes a folder called data.csv; its prefix may come with or without a slash."""
    objects = [
        stored("part-0.csv", prefix="models/m/drops/data.csv/"),
        stored("_SUCCESS", prefix="models/m/drops/data.csv/"),
    ]
    for prefix in ("models/m/drops/data.csv", "models/m/drops/data.csv/"):
        found = look(objects, prefix=prefix)
        assert ("complete", ["part-0.csv"]) == (found.state, [part.name for part in found.parts])


def test_the_fingerprint_changes_with_the_objects():
    """What was judged once need not be read again until an object comes, goes or is replaced."""
    first = [stored("a.csv"), stored("_SUCCESS")]
    same = look([*reversed(first), stored("_started", 0)])
    others = [
        look([stored("a.csv", etag="f"), stored("_SUCCESS")]),
        look([stored("b.csv"), stored("_SUCCESS")]),
        look([*first, stored("b.csv")]),
        look([*first, stored("b.txt")]),
    ]
    assert look(first).fingerprint == same.fingerprint
    assert 5 == len({look(first).fingerprint, *(other.fingerprint for other in others)})


def test_the_manifest_is_the_one_beside_the_data():
    """A manifest.json deeper in the drop is not its manifest."""
    assert PREFIX + "manifest.json" == manifest_key(PREFIX, [stored("manifest.json")])
    assert manifest_key(PREFIX, [stored("sub/manifest.json")]) is None


def test_version_ids_are_kept():
    """In a bucket with versions, the version seen is the version pinned."""
    found = look([Stored(PREFIX + "a.csv", 1, "e", NOW, "v7"), stored("_SUCCESS", 0)])
    assert ["v7"] == [part.version_id for part in found.parts]
