"""Captured requests with their labels become rows as they were sent."""

import base64
import io
import json
from datetime import UTC, datetime

import pytest

from perennial_analysis.traffic_rows import Counts, labelled_rows

FEATURES, CLASSES = ("pirat", "name"), ("no", "yes")
START, END = datetime(2026, 3, 1, 10, tzinfo=UTC), datetime(2026, 3, 1, 12, tzinfo=UTC)


def capture(event, data, encoding="CSV", content="text/csv", at="2026-03-01T11:00:00Z", inference=None):
    side = {"observedContentType": content, "mode": "INPUT", "data": data, "encoding": encoding}
    meta = {"eventId": event, "inferenceTime": at} | ({"inferenceId": inference} if inference else {})
    return json.dumps({"captureData": {"endpointInput": side}, "eventMetadata": meta, "eventVersion": "0"})


def label(event, data, encoding="CSV"):
    truth = {"groundTruthData": {"data": data, "encoding": encoding}, "eventMetadata": {"eventId": event}}
    return json.dumps(truth | {"eventVersion": "0"})


def joined(captures, labels, classes=CLASSES):
    """Rows and counts."""
    counts = Counts()
    files = ["\n".join(captures).encode()]
    truth = ["\n".join(labels).encode()]
    opened = (lambda body=body: io.BytesIO(body) for body in files)
    named = (("labels.jsonl", lambda body=body: io.BytesIO(body)) for body in truth)
    return list(labelled_rows(opened, named, FEATURES, classes, START, END, counts)), counts


@pytest.mark.parametrize(
    ("data", "encoding", "content", "expected"),
    [
        pytest.param("0.30,anna\n", "CSV", "text/csv", ["0.30", "anna"], id="CSV stays as it was written"),
        pytest.param('0.3,"a, b"', "CSV", "text/csv", ["0.3", "a, b"], id="quoted"),
        pytest.param(
            "name,pirat\nanna,0.3", "CSV", "text/csv", ["0.3", "anna"], id="header in another order"
        ),
        pytest.param(
            '{"instances": [[0.3, null]]}', "JSON", "application/json", ["0.3", ""], id="JSON by position"
        ),
        pytest.param(
            '{"instances": [{"name": "anna", "pirat": 1}]}',
            "JSON",
            "application/json",
            ["1", "anna"],
            id="by name",
        ),
        pytest.param(
            base64.b64encode(b"0.3,anna").decode(), "BASE64", "text/csv", ["0.3", "anna"], id="BASE64"
        ),
    ],
)
def test_inputs(data, encoding, content, expected):
    """Whatever the encoding, cells come in the schema's order with the label last."""
    rows, _ = joined([capture("e1", data, encoding, content)], [label("e1", "yes")])
    assert [[*expected, "yes"]] == rows


def test_many_rows_a_request():
    """A request of many rows has as many labels."""
    rows, counts = joined([capture("e1", "1,a\n2,b\n")], [label("e1", "yes,no")])
    assert [["1", "a", "yes"], ["2", "b", "no"]] == rows
    assert 0 == counts.losses.count


def test_the_callers_own_id_comes_first():
    """A label names the inferenceId where there is one."""
    rows, _ = joined([capture("e1", "1,a", inference="loan-7")], [label("loan-7", "yes"), label("e1", "no")])
    assert [["1", "a", "yes"]] == rows


def test_what_is_left_out_is_counted():
    """No label, a label that is no class, another number of cells, another time, a line that is no record."""
    rows, counts = joined(
        [
            capture("e1", "1,a"),
            capture("e2", "1,a"),
            capture("e3", "1,a,b"),
            capture("e4", "1,a", at="2026-03-01T12:00:00Z"),
            capture("e5", "1,a\n2,b"),
            "{broken",
        ],
        [label("e2", "maybe"), label("e3", "yes"), label("e4", "yes"), label("e5", "yes"), "{broken"],
    )
    assert [] == rows
    assert (4, 1, 1) == (counts.records, counts.unlabelled, counts.unknown_labels)
    assert 4 == counts.losses.count  # two of rows, one of captures, one of labels


@pytest.mark.parametrize(
    ("classes", "given", "expected"),
    [
        (("0", "1"), "1.0", "1"),
        (("0", "1"), "1", "1"),
        (("no", "yes"), "yes", "yes"),
        (("False", "True"), "true", "True"),
        (("A", "a"), "a", "a"),
        ((), "12.5", "12.5"),
    ],
)
def test_labels_are_spelt_as_the_classes_are(classes, given, expected):
    """1.0 and 1 are the same class; a number to predict stays as it is."""
    rows, _ = joined([capture("e1", "1,a")], [label("e1", given)], classes)
    assert [["1", "a", expected]] == rows
