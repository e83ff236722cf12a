"""Captured requests are written as Data Capture writes them, each once, whoever dies on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes import InMemoryBucket, InMemoryWorld
from hypothesis import given
from hypothesis import strategies as st

from perennial.prediction.capture import Captured, Payload, by_folder, file_name, overflow_key, record
from perennial.reactions.write_capture import Message, write_capture

AT = datetime(2026, 3, 1, 11, 59, 59, 250000, tzinfo=UTC)  # before NOW, at which the fake bucket writes
FOLDER = "models/mortgage/capture/perennial-mortgage/AllTraffic/2026/03/01/11/"


def line(event_id="e1"):
    return record(
        Payload(b"1,2\n", "text/csv; charset=utf-8"),
        Payload(b'{"score": 1}', "application/json"),
        event_id=event_id,
        inference_id="i1",
        at=AT,
    )


def captured(event_id="e1", at=AT):
    return Captured("mortgage", "perennial-mortgage", at.isoformat(), event_id, line(event_id))


def message(found, number=1, again=False):
    return Message(f"m{number}", found.body(), again)


def written(world):
    """Event ids by folder, of every line in the bucket's captures."""
    return [
        (key.rpartition("/")[0] + "/", json.loads(text)["eventMetadata"]["eventId"])
        for key, body in sorted(world.bucket.bodies.items())
        if "/capture/" in key
        for text in body.splitlines()
    ]


def test_the_record():
    """Input and output with their content types and encodings, both ids, and the time in whole seconds."""
    assert json.loads(line()) == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv; charset=utf-8",
                "mode": "INPUT",
                "data": "1,2\n",
                "encoding": "CSV",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": '{"score": 1}',
                "encoding": "JSON",
            },
        },
        "eventMetadata": {"eventId": "e1", "inferenceId": "i1", "inferenceTime": "2026-03-01T11:59:59Z"},
        "eventVersion": "0",
    }


@pytest.mark.parametrize(
    ("body", "content_type"), [(b"\xff\xfe", "text/csv"), (b"ab", "application/x-npy"), (b"a", "")]
)
def test_what_is_no_listed_text(body, content_type):
    """A body of another content type, or of bytes that are no text, is kept as BASE64."""
    found = json.loads(
        record(Payload(body, content_type), Payload(b"", "text/csv"), event_id="e", inference_id="i", at=AT)
    )
    assert found["captureData"]["endpointInput"]["encoding"] == "BASE64"


def test_one_object_an_hour_of_an_endpoint():
    """A batch becomes one object for each hour of the requests, in Data Capture's layout."""
    world = InMemoryWorld()
    later = AT + timedelta(seconds=1)
    batch = [message(captured("a"), 1), message(captured("b", later), 2), message(captured("c"), 3)]
    assert write_capture(batch, world) == []
    hours = [folder.removesuffix("/").rpartition("/")[2] for folder, _ in written(world)]
    assert hours == ["11", "11", "12"]
    assert len(world.bucket.bodies) == 2
    [name] = [key.rpartition("/")[2] for key in world.bucket.bodies if key.startswith(FOLDER)]
    assert name.startswith("59-59-250-")


@given(st.permutations("abc"))
def test_the_same_records_make_the_same_object(order):
    """In whatever order they come: written twice, it is one object."""
    names = {file_name(by_folder(captured(one) for one in [*order, "a"])[FOLDER])}
    assert names == {file_name([captured("a"), captured("b"), captured("c")])}


@given(st.data())
def test_nothing_is_lost_or_doubled(data):
    """Batches are cut anew with every delivery, handlers die before or after they write, and each record is there
    once in the end."""
    world = InMemoryWorld()
    waiting = dict.fromkeys("abcdef", False)
    for _ in range(20):
        if not waiting:
            break
        names = data.draw(st.lists(st.sampled_from(sorted(waiting)), unique=True, min_size=1))
        fate = data.draw(st.sampled_from(["done", "died before", "died after", "answer lost"]))
        if fate != "died before":
            batch = [message(captured(name), name, again=waiting[name]) for name in names]
            assert write_capture(batch, world) == []
        for name in names:
            if fate == "done":
                del waiting[name]
            else:
                waiting[name] = True
    write_capture([message(captured(name), name, again=again) for name, again in waiting.items()], world)
    assert sorted(found for _, found in written(world)) == list("abcdef")


def test_a_large_record_lies_elsewhere():
    """The queue holds where it is; the line is read from the bucket."""
    world = InMemoryWorld()
    key = overflow_key("mortgage", "e1")
    world.bucket.write(key, line().encode())
    assert write_capture([message(replace(captured(), line="", elsewhere=key))], world) == []
    assert written(world) == [(FOLDER, "e1")]


class Refusing(InMemoryBucket):
    def write(self, key, body, content_type="application/json"):
        if "/12/" in key:
            raise OSError("no more")
        super().write(key, body, content_type)


def test_a_part_of_a_batch_fails():
    """Only what could not be read or written comes again."""
    world = InMemoryWorld(bucket=Refusing())
    batch = [
        message(captured("a"), 1),
        message(captured("b", AT + timedelta(seconds=1)), 2),
        Message("m3", '{"detail": 1}'),
        Message("m4", "no JSON"),
        message(replace(captured("c"), line="", elsewhere="gone"), 5),
    ]
    assert sorted(write_capture(batch[:4], world)) == ["m2", "m3", "m4"]
    assert written(world) == [(FOLDER, "a")]
    assert write_capture(batch[4:], world) == ["m5"]
