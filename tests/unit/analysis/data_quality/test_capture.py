"""Data Capture: every encoding and shape that endpoints write, in a window of time, broken records and all."""

import base64
import io
import json
from datetime import UTC, datetime

import pytest

from perennial_analysis.readers.capture import Names, read_captures
from perennial_analysis.readers.losses import Losses
from perennial_analysis.statistics import profile_chunks

NAMES = Names(inputs=("age", "town"), outputs=("label", "score"))
# From the tests of aws/sagemaker-python-sdk (Apache-2.0).
SDK_CSV = (
    '{"eventMetadata":{"eventId":"74b0dd56-e7c8-368e-94b1-14a138a96000","inferenceTime":"{%s}"},"eventVersion":"0",'
    '"captureData":{"endpointInput":{"observedContentType":"text/csv","mode":"INPUT","data":"9,45,45,42,7,5,0",'
    '"encoding":"CSV"},"endpointOutput":{"observedContentType":"text/csv","mode":"OUTPUT","data":"0.302709460258",'
    '"encoding":"CSV"}}}\n'
)
SDK_JSON = (
    '{"captureData":{"endpointInput":{"observedContentType":"application/json","mode":"INPUT","data":"{\\"instances'
    '\\": [1.0, 2.0, 5.0]}","encoding":"JSON"},"endpointOutput":{"observedContentType":"application/json","mode":'
    '"OUTPUT","data":"{\\n    \\"predictions\\": [3.5, 4.0, 5.5\\n    ]\\n}","encoding":"JSON"}},"eventMetadata":{'
    '"eventId":"12b73486-e916-45de-9d82-7fa23d4a39a6","inferenceTime":"2019-11-24T07:30:50Z"},"eventVersion":"0"}\n'
)


def side(data, kind="text/csv", encoding="CSV"):
    return {"data": data, "mode": "INPUT", "encoding": encoding, "observedContentType": kind}


def jsons(document):
    return side(json.dumps(document), "application/json", "JSON")


def record(given, answer, time="2026-01-01T10:00:00Z"):
    captured = {"endpointInput": given, "endpointOutput": answer}
    return json.dumps(
        {
            "captureData": {key: value for key, value in captured.items() if value},
            "eventMetadata": {"eventId": "e", "inferenceTime": time},
            "eventVersion": "0",
        }
    )


def read(*lines, names=NAMES, **options):
    tables = list(read_captures([io.BytesIO("\n".join(lines).encode())], names=names, **options))
    found = {}
    for table in tables:
        for name, column in table.items():
            cells = zip(column.values.tolist(), column.missing.tolist(), strict=True)
            found.setdefault(name, []).extend(None if gone else value for value, gone in cells)
    return found


EXPECTED = {"label": ["yes", "no"], "score": [0.75, 0.25], "age": [40.0, 31.0], "town": ["Rome", "Oslo"]}
PREDICTIONS = {"predictions": [{"label": "yes", "score": 0.75}, {"score": 0.25, "label": "no"}]}


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        pytest.param(side("40,Rome\n31,Oslo\n"), side("yes,0.75\nno,0.25\n"), id="csv"),
        pytest.param(side("40,Rome\r\n31,Oslo"), side("yes,0.75\r\nno,0.25\r\n"), id="csv crlf"),
        pytest.param(side('40,"Rome"\n31,"Oslo"'), side('"yes",0.75\nno,0.25'), id="csv quoted"),
        pytest.param(side("town,age\nRome,40\nOslo,31\n"), side("yes,0.75\nno,0.25"), id="csv header"),
        pytest.param(
            jsons({"instances": [[40, "Rome"], [31, "Oslo"]]}), jsons(PREDICTIONS), id="json instances"
        ),
        pytest.param(
            jsons([{"age": 40, "town": "Rome"}, {"town": "Oslo", "age": 31}]),
            jsons(PREDICTIONS),
            id="objects",
        ),
        pytest.param(
            jsons({"instances": [{"features": [40, "Rome"]}, {"features": [31, "Oslo"]}]}),
            jsons([["yes", 0.75], ["no", 0.25]]),
            id="json features",
        ),
        pytest.param(
            side('{"age":40,"town":"Rome"}\n{"town":"Oslo","age":31}\n', "application/jsonlines", "JSON"),
            side("yes,0.75\nno,0.25", "text/csv; charset=utf-8"),
            id="json lines in, csv out",
        ),
        pytest.param(
            side(base64.b64encode(b"40,Rome\n31,Oslo").decode(), encoding="BASE64"),
            side(base64.b64encode(json.dumps(PREDICTIONS).encode()).decode(), "application/json", "BASE64"),
            id="base64",
        ),
    ],
)
def test_every_encoding_gives_the_same_rows(given, answer):
    """CSV, JSON and BASE64 of either, with or without header, rows by name or by place: two rows, four columns."""
    losses = Losses()
    assert EXPECTED == read(record(given, answer), losses=losses)
    assert 0 == losses.count


def test_many_records_are_one_table():
    """One record a row or many, rows keep their order within CSV."""
    lines = [record(side(f"{k},x"), side(f"yes,0.{k}")) for k in range(1, 5)]
    lines.append(record(side("5,y\n6,z"), side("no,0.5\nno,0.6")))
    assert {
        "label": ["yes"] * 4 + ["no"] * 2,
        "score": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        "age": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "town": ["x", "x", "x", "x", "y", "z"],
    } == read(*lines)


def test_the_sdks_samples_are_read():
    """Without names columns are called as Spark does, outputs first."""
    found = read(SDK_CSV, names=None)
    assert [f"_c{k}" for k in range(8)] == list(found)
    assert ([0.302709460258], [9.0], [0.0]) == (found["_c0"], found["_c1"], found["_c7"])
    assert {"_c0": [3.5, 4.0, 5.5], "_c1": [1.0, 2.0, 5.0]} == read(SDK_JSON, names=None)


def test_keys_come_in_any_order():
    """Nothing depends on which member of a record comes first."""
    whole = json.loads(record(side("1,x"), side("yes,1")))
    turned = json.dumps(dict(reversed(whole.items())))
    assert read(turned) == read(json.dumps(whole))


def test_the_window_is_half_open():
    """Folders hold more than the window; its start is in it and its end is not, whatever the zone or precision."""
    times = ("10:59:59.999Z", "11:00:00Z", "11:30:00.5Z", "13:59:59+02:00", "12:00:00Z")
    lines = [record(side(f"{k},x"), side("yes,1"), f"2026-01-01T{time}") for k, time in enumerate(times)]
    start, end = datetime(2026, 1, 1, 11, tzinfo=UTC), datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert [1.0, 2.0, 3.0] == read(*lines, start=start, end=end)["age"]
    losses = Losses()
    assert {} == read(SDK_CSV, start=start, end=end, losses=losses)
    assert 1 == losses.count


def test_broken_records_cost_only_themselves():
    """Whatever is in a file, the good records are read and the others counted and shown."""
    good = record(side("1,x"), side("yes,0.5"))
    broken = [
        "{",
        '{"eventVersion": "0"}',
        record(None, None),
        record(side("1,x,3"), side("yes,0.5")),
        record(side("1,x\n2,y"), side("yes,0.5")),
        record(side("{}", "application/json", "JSON"), side("not json", "application/json", "JSON")),
        record(side("%%%", encoding="BASE64"), side("yes,1")),
        record(side("AAAA", "image/png", "BASE64"), side("yes,1")),
        record(side("1,x", encoding="XML"), side("yes,1")),
        record(jsons({"instances": [[1]]}), side("yes,1")),
    ]
    losses = Losses()
    found = read(good, *broken, good, losses=losses)
    assert ([1.0, 1.0], ["yes", "yes"]) == (found["age"], found["label"])
    assert (len(broken), 5) == (losses.count, len(losses.examples))


def test_one_side_may_be_missing():
    """Captured inputs without outputs are rows all the same, and outputs without inputs."""
    assert {"age": [1.0, 2.0], "town": ["x", "y"]} == read(record(side("1,x\n2,y"), None))
    assert {"label": ["no"], "score": [1.0]} == read(record(None, side("no,1")))


def test_an_answer_may_be_one_line():
    """Some models answer many rows with one line, a cell for each."""
    found = read(record(side("1,x\n2,y\n3,z"), side("0.1,0.2,0.3")), names=Names(("age", "town"), ("score",)))
    assert [0.1, 0.2, 0.3] == found["score"]


def test_empty_cells_are_missing():
    """An empty cell of CSV and a null of JSON are both no value."""
    lines = [record(side(",x"), side("yes,1")), record(jsons([[None, "y"]]), jsons([["yes", 1]]))]
    assert [None, None] == read(*lines)["age"]


def test_batch_transform_is_read_too():
    """Batch transform calls the sides by other names."""
    line = record(side("1,x"), side("yes,1")).replace("endpoint", "batchTransform")
    assert [1.0] == read(line)["age"]


def test_tables_profile_as_one():
    """What is read in pieces is counted once."""
    lines = [record(side(f"{k},x"), side("yes,1")) for k in range(50)]
    lines += [record(jsons([[k, "x"]]), jsons([["yes", 1]])) for k in range(50)]
    files = [io.BytesIO("\n".join(lines).encode()) for _ in range(3)]
    found = profile_chunks(read_captures(files, names=NAMES))
    assert (300, 300, {"x": 300}) == (
        found.rows,
        found.features["age"].present,
        found.features["town"].words.counts,
    )
