"""A window may be split over workers, in any way, and gives what one worker gives: the same bytes each time."""

import json
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loans import captured, known_files, labelled, request, rows, source

from perennial_analysis.window import (
    Analysis,
    Part,
    Request,
    Source,
    UnreadablePart,
    UnreadableRequest,
    analyze,
    collect,
    finish,
)

MONITORS = ("data_quality", "model_quality", "bias")
FILES = 6


@cache
def shards() -> tuple[list[Source], list[Source]]:
    """Six capture files in mixed forms, with broken lines, and six label files with repeated labels."""
    captures, labels = [], []
    for k, form in enumerate(("csv", "objects", "header", "csv to json", "base64", "csv")):
        found = rows(120, 10 + k, shift=0.4, unfair=1.0)
        lines: list[Any] = [*captured(found, form=form, batch=1 + k, seed=f"f{k}"), b"broken", b"{}"]
        captures.append(source(lines, f"capture/{k}.jsonl"))
        labels.append(source([*labelled(found, batch=1 + k, seed=f"f{k}"), b"?"], f"labels/{k}.jsonl"))
        turned = labelled(rows(120, 30 + k), batch=1 + k, seed=f"f{k}", share=0.2)
        labels.append(source(turned, f"labels/{k}-again.jsonl"))
    return captures, labels


@cache
def by_one(monitor: str) -> Analysis:
    return analyze(request(monitor), known_files(), *shards())


def near(one: Any, other: Any) -> bool:
    """Equal but for the rounding of sums."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(near(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(near, one, other))
    return one == (pytest.approx(other, rel=1e-9, abs=1e-12) if isinstance(one, float) else other)


@pytest.mark.parametrize("monitor", MONITORS)
@settings(max_examples=8)
@given(
    split=st.lists(st.integers(0, 3), min_size=FILES, max_size=FILES),
    apart=st.lists(st.integers(0, 3), min_size=2 * FILES, max_size=2 * FILES),
)
def test_parts_are_the_whole(monitor, split, apart):
    """However files are spread over workers, labels even to others than their captures, the analysis is that of one
    worker."""
    asked, files = request(monitor), known_files()
    captures, labels = shards()
    whole = by_one(monitor)
    parts = [
        collect(
            asked,
            files,
            [each for each, place in zip(captures, split, strict=True) if place == worker],
            [each for each, place in zip(labels, apart, strict=True) if place == worker],
        )
        for worker in range(4)
    ]
    found = finish(asked, files, [Part.from_bytes(part.to_bytes()) for part in parts])
    assert found.summary == whole.summary
    assert found.files.keys() == whole.files.keys()
    for name in found.files:
        if name.endswith(".json"):
            assert near(json.loads(found.files[name]), json.loads(whole.files[name])), name


@pytest.mark.parametrize("monitor", MONITORS)
def test_the_same_window_gives_the_same_bytes(monitor, files):
    """Nothing depends on the clock, on chance, or on an order that sets have."""
    captures, labels = shards()
    one, other = (analyze(request(monitor), files, captures, labels) for _ in range(2))
    assert one.files == other.files
    assert one.datapoints == other.datapoints


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_window_of_no_parts_is_empty(monitor, files):
    """No worker, or workers without files, are a window without traffic."""
    asked = request(monitor)
    assert finish(asked, files, []).summary.status == "empty"
    assert finish(asked, files, [collect(asked, files, [], [])] * 2).summary.status == "empty"


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\x80", msgspec.msgpack.encode({"monitor": "bias", "version": 99})]
)
def test_other_bytes_are_no_part(data):
    """What is not a part of this version is refused with a reason."""
    with pytest.raises(UnreadablePart):
        Part.from_bytes(data)


@pytest.mark.parametrize("monitor", MONITORS)
def test_a_request_travels_as_json(monitor):
    """A request is the same after a round trip, and the same bytes."""
    asked = request(monitor, metrics=["DI"])
    again = Request.from_json(asked.to_json())
    assert again == asked
    assert again.to_json() == asked.to_json()


@pytest.mark.parametrize(
    "data", [b"", b"{}", b'{"model": 3}', request("bias").to_json().replace(b"T04:", b"T06:")]
)
def test_other_documents_are_no_request(data):
    """What is not a request, or a window that ends before it starts, is refused with a reason."""
    with pytest.raises(UnreadableRequest):
        Request.from_json(data)
