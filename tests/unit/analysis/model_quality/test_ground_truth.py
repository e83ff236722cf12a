"""Labels read from Model Monitor's ground truth files, and joined to captured predictions."""

import base64
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial_analysis.ground_truth import GroundTruth, LabelFile, join, read_labels


def record(event, data, encoding="CSV", **metadata):
    return {
        "groundTruthData": {"data": data, "encoding": encoding},
        "eventMetadata": {"eventId": event, **metadata},
        "eventVersion": "0",
    }


def lines(*records):
    return LabelFile("\n".join(json.dumps(item) for item in records).encode() + b"\n")


@pytest.mark.parametrize(
    ("data", "encoding", "labels"),
    [
        pytest.param("1", "CSV", ("1",), id="one"),
        pytest.param("1\n0\n", "CSV", ("1", "0"), id="lines"),
        pytest.param("1,0,1", "CSV", ("1", "0", "1"), id="cells of one line"),
        pytest.param('"yes, sure"\nno', "CSV", ("yes, sure", "no"), id="quoted"),
        pytest.param("1,,0", "CSV", ("1", None, "0"), id="an empty cell is a missing label"),
        pytest.param('{"instances": [{"label": 0}, {"label": 1}]}', "JSON", (0, 1), id="instances"),
        pytest.param('{"label": 2.5}', "JSON", (2.5,), id="object"),
        pytest.param('{"answer": true}', "JSON", (True,), id="the only key"),
        pytest.param("[1, null, [3]]", "JSON", (1, None, 3), id="list"),
        pytest.param("7", "JSON", (7,), id="scalar"),
        pytest.param([1, 2], "JSON", (1, 2), id="not even text"),
        pytest.param(base64.b64encode(b"1\n0").decode(), "BASE64", ("1", "0"), id="BASE64 of CSV"),
        pytest.param(base64.b64encode(b'{"label":1}').decode(), "BASE64", (1,), id="BASE64 of JSON"),
    ],
)
def test_shapes_of_labels(data, encoding, labels):
    """One label or many, in every encoding that is uploaded."""
    truth = read_labels([lines(record("a", data, encoding))])
    assert truth.events["a"].labels == labels
    assert truth.broken == 0


@pytest.mark.parametrize("attribute", ["target", "instances[*].target"])
def test_attribute(attribute):
    """The attribute names the label among an object's keys, as a name or as a path to it."""
    data = json.dumps({"instances": [{"id": 5, "target": "x"}, {"id": 6, "target": "y"}]})
    assert read_labels([lines(record("a", data, "JSON"))], attribute).events["a"].labels == ("x", "y")


@pytest.mark.parametrize("indent", [None, 2])
def test_arrays_of_records(indent):
    """A file that is one JSON array, on one line or over many, reads like lines."""
    records = [record("a", "1"), record("b", "0")]
    found = read_labels([LabelFile(json.dumps(records, indent=indent).encode())])
    assert {name: event.labels for name, event in found.events.items()} == {"a": ("1",), "b": ("0",)}


def test_broken_records_are_counted():
    """What cannot be read is counted and told with its place; the rest is read."""
    good, nameless = json.dumps(record("a", "1")), json.dumps(record(None, "1"))
    unlabelled = json.dumps(record("c", '{"x": 1, "y": 2}', "JSON"))
    not_base64 = json.dumps(record("d", "%%", "BASE64"))
    text = f'{good}\n{{"cut": \n{nameless}\n{unlabelled}\n{not_base64}\n\n{{"eventMetadata": {{}}}}\n'
    truth = read_labels([LabelFile(text.encode(), name="labels.jsonl")])
    assert list(truth.events) == ["a"]
    assert truth.broken == 5
    assert truth.problems[0].startswith("labels.jsonl, line 2: ")
    assert any("neither inferenceId nor eventId" in problem for problem in truth.problems)
    assert any("no 'label' among its keys: x, y" in problem for problem in truth.problems)


@pytest.mark.parametrize(
    ("data", "encoding", "told"),
    [
        pytest.param("x" * 200_000 + ",", "CSV", "not CSV", id="a cell without end"),
        pytest.param("{", "JSON", "not JSON", id="cut"),
        pytest.param("[" * 100_000 + "]" * 100_000, "JSON", "not JSON", id="lists in lists in lists"),
        pytest.param("/w==", "BASE64", "not BASE64 text", id="bytes that are no text"),
        pytest.param(7, "BASE64", "not BASE64 text", id="a number for BASE64"),
    ],
)
def test_unreadable_labels(data, encoding, told):
    """A label that its encoding does not explain is a broken record, and says why."""
    truth = read_labels([lines(record("a", data, encoding), record("b", "1"))])
    assert list(truth.events) == ["b"]
    assert truth.broken == 1
    assert told in truth.problems[0]


@given(st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=4)), max_size=5))
def test_torn_files_are_never_fatal(tears):
    """Whatever bytes are torn out of a file or put into it, reading it ends with counts."""
    content = lines(record("a", "1"), record("b", "0")).content
    for place, inserted in tears:
        content = content[:place] + inserted + content[place + 2 :]
    truth = read_labels([LabelFile(content)])
    read = len(truth.events) + truth.repeated
    assert read <= 2
    assert read + truth.broken or not content.strip()


def test_last_label_counts():
    """Of two labels for one event the later file's is taken, and the repetition is counted."""
    truth = read_labels([lines(record("a", "0")), lines(record("a", "1"))])
    assert truth.events["a"].labels == ("1",)
    assert truth.repeated == 1


def test_inference_id_before_event_id():
    """A label finds its record by inferenceId, in either field, or else by eventId."""
    truth = read_labels(
        [lines(record("order-1", "1"), record("ignored", "2", inferenceId="order-2"), record("e3", "3"))]
    )
    joined = join(truth, ["e1", "e2", "e3", "e4"], ["order-1", "order-2", "order-3", None])
    assert joined.labels.tolist() == ["1", "2", "3"]
    assert joined.rows.tolist() == [0, 1, 2]
    assert joined.coverage == 0.75


def test_many_predictions_a_record():
    """The labels of a record go to its rows in order; a wrong number of them labels none of its rows."""
    truth = read_labels([lines(record("a", "1\n\n0"), record("b", "[1,0]", "JSON"), record("z", "1"))])
    joined = join(truth, ["a", "a", "b", "b", "b", "c"])
    assert joined.document() == {
        "version": 1,
        "predictions": 6,
        "labelled": 2,
        "missing": 4,
        "late": 0,
        "coverage": 2 / 6,
        "mismatched_records": 1,
        "unmatched_records": 1,
        "repeated_records": 0,
        "broken_records": 0,
        "problems": [],
    }
    assert joined.rows.tolist() == [0, 1]


def test_missing_label_within_a_record():
    """A null among a record's labels leaves only its own row without one."""
    joined = join(read_labels([lines(record("a", "[1,null,0]", "JSON"))]), ["a", "a", "a"])
    assert joined.rows.tolist() == [0, 2]
    assert joined.labels.tolist() == [1, 0]


def test_late_labels():
    """A label that arrived after it was due is joined and counted as late; without times nothing is late."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    file = lines(record("a", "1"), record("b", "0"))
    truth = read_labels([LabelFile(file.content, arrived=noon + timedelta(hours=3))])
    times = [noon, (noon + timedelta(hours=2)).replace(tzinfo=None)]
    joined = join(truth, ["a", "b"], times=times, due=timedelta(hours=2))
    assert joined.late == 1
    assert joined.coverage == 1.0
    assert join(truth, ["a", "b"]).late == 0


def test_nothing_captured():
    """Without predictions there is no coverage to speak of."""
    joined = join(GroundTruth(), [])
    assert joined.coverage is None
    assert len(joined.rows) == len(joined.labels) == 0


def test_columns_of_different_lengths():
    """Columns that cannot belong together are refused."""
    with pytest.raises(ValueError, match="2 eventIds, but 1 inferenceIds"):
        join(GroundTruth(), ["a", "b"], ["x"])


@given(st.lists(st.integers(1, 4), max_size=12), st.randoms(use_true_random=False))
def test_every_label_finds_its_row(sizes, random):
    """Whatever the sizes and the order of the label records, each row gets its own label."""
    events = [f"e{i}" for i, size in enumerate(sizes) for _ in range(size)]
    answers = [str(row) for row in range(len(events))]
    records = [
        record(
            event, "\n".join(answer for answer, name in zip(answers, events, strict=True) if name == event)
        )
        for event in dict.fromkeys(events)
    ]
    random.shuffle(records)
    joined = join(read_labels([lines(*records)]), events)
    assert joined.labels.tolist() == answers
    assert np.array_equal(joined.rows, np.arange(len(events)))
