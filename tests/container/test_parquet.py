"""Parquet bodies: columns by name, texts as categories, and nothing that unpacks to more than it may."""

import fcntl
import io
import json
import os
import signal
import sys
import termios
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from container_jobs import Job, Server, serving, stop
from hypothesis import given
from hypothesis import strategies as st
from test_hostile import GOOD, MOST_MEMORY, ping_seconds

from perennial_container.encoding import FeatureEncoding
from perennial_container.schema import Feature
from perennial_container.serving.pages import MalformedPage, unpacked_size
from perennial_container.serving.parquet import MOST_BYTES, MOST_ROWS, read_parquet

PARQUET = "application/x-parquet"
JSON = "application/json"
COLUMNS: dict[str, list[Any]] = {
    "ratio": [0.5, -2.0, None, 1.5],
    "score": [3, 1, 2, 6],
    "group": ["a", 'd"e', None, "never seen"],
    "first": [True, False, None, True],
}
ENCODINGS = [
    FeatureEncoding(Feature("ratio", "float")),
    FeatureEncoding(Feature("score", "int"), None, 4.0),
    FeatureEncoding(Feature("group", "string"), ("a", "b, c")),
    FeatureEncoding(Feature("first", "bool")),
]


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def rows(columns: dict[str, list[Any]]) -> str:
    return json.dumps([list(row) for row in zip(*columns.values(), strict=True)])


WRITTEN = [
    pytest.param({}, {}, id="as pyarrow writes it"),
    pytest.param({}, {"compression": "zstd", "row_group_size": 2}, id="zstd, several row groups"),
    pytest.param({}, {"compression": "none", "use_dictionary": False}, id="plain"),
    pytest.param({}, {"data_page_version": "2.0", "compression": "gzip"}, id="data pages of version 2"),
    pytest.param({"ratio": pa.array(COLUMNS["ratio"], pa.float32())}, {}, id="32 bits"),
    pytest.param({"score": pa.array([3.0, 1.0, 2.0, 6.0])}, {}, id="whole numbers as floats"),
    pytest.param({"score": pa.array(COLUMNS["score"], pa.uint8())}, {}, id="small integers"),
    pytest.param({"first": pa.array([1, 0, None, 1])}, {}, id="booleans as numbers"),
    pytest.param({"group": pa.array(COLUMNS["group"]).dictionary_encode()}, {}, id="categories"),
    pytest.param(
        {"group": pa.array([" a", 'd"e ', "", "x"], pa.large_string())}, {}, id="blanks, large texts"
    ),
    pytest.param(
        {"extra": pa.array([[1], [2], [3], [4]]), "more": ["a"] * 4}, {}, id="other columns, even nested"
    ),
]


@pytest.mark.parametrize(("changed", "options"), WRITTEN)
def test_parquet_says_what_json_says(
    server: Server, changed: dict[str, Any], options: dict[str, Any]
) -> None:
    """However a file is written, its rows are those of a JSON body; columns come in any order."""
    expected = server.invoke(rows(COLUMNS), JSON).json()
    body = parquet({**dict(reversed(list(COLUMNS.items()))), **changed}, **options)
    found = server.invoke(body, PARQUET)
    assert (found.status_code, found.headers["content-type"]) == (200, JSON), found.text
    assert found.json() == expected
    lines = server.invoke(body, "application/vnd.apache.parquet", accept="text/csv").text
    assert lines.count("\n") == len(COLUMNS["ratio"])


def test_a_file_in_pieces(server: Server) -> None:
    """A file that arrives in pieces, of no declared length, is the same file."""
    whole = parquet(COLUMNS)
    pieces = (whole[start : start + 500] for start in range(0, len(whole), 500))
    found = server.client.post("/invocations", content=pieces, headers={"content-type": PARQUET})
    assert found.json() == server.invoke(whole, PARQUET).json()


def test_a_large_file(server: Server) -> None:
    """Many rows over several batches are answered in order."""
    times = 40_000
    one = server.invoke(parquet(COLUMNS), PARQUET, accept="text/csv").text
    body = parquet({name: pa.array(values * times) for name, values in COLUMNS.items()})
    assert server.invoke(body, PARQUET, accept="text/csv").text == one * times


def test_numbers_are_encoded() -> None:
    """Missing numbers are filled as in training, texts become places, unknown ones are missing."""
    found = read_parquet(parquet({**COLUMNS, "score": [3, None, 2, 6]}), ENCODINGS)
    expected = [[0.5, 3, 0, 1], [-2, 4, np.nan, 0], [np.nan, 2, np.nan, np.nan], [1.5, 6, np.nan, 1]]
    np.testing.assert_array_equal(found, np.array(expected, np.float32))


def test_raw_texts() -> None:
    """A text without categories is read as it is."""
    raw = [FeatureEncoding(Feature("group", "string")), FeatureEncoding(Feature("ratio", "float"))]
    found = read_parquet(parquet(COLUMNS), raw)
    assert found[:, 0].tolist() == ["a", 'd"e', None, "never seen"]
    assert found[0, 1] == 0.5


def changed(**columns: Any) -> bytes:
    return parquet({**COLUMNS, **columns})


def twice() -> bytes:
    values = [pa.array(value) for value in ([1.0], [1.0], [1], ["a"], [True])]
    file = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(values, ["ratio", "ratio", "score", "group", "first"]), file)
    return file.getvalue()


def children(parent: int) -> list[int]:
    text = "".join(path.read_text() for path in Path(f"/proc/{parent}/task").glob("*/children"))
    return [int(word) for word in text.split()]


def alive(process: int) -> bool:
    """Whether a process is there, and not merely waiting to be noticed by its parent."""
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def footer_of(size: int, zeros: int = 100) -> bytes:
    return b"PAR1" + b"\x00" * zeros + size.to_bytes(4, "little") + b"PAR1"


def without(name: str) -> bytes:
    return parquet({key: values for key, values in COLUMNS.items() if key != name})


def many_lists(count: int) -> bytes:
    """A footer that says of a list that it has very many elements."""
    metadata = b"\x15\x02\x19\xfc" + count.to_bytes(4, "little") + b"\x00" * 60
    return b"PAR1" + metadata + len(metadata).to_bytes(4, "little") + b"PAR1"


GOOD_FILE = parquet(COLUMNS, compression="zstd")
HUGE_TEXT = "x" * (MOST_BYTES + 1)
TWICE = twice()
REFUSED = {
    "nothing": (b"", 400, "empty_body", None),
    "no rows": (parquet({name: pa.array([], pa.float64()) for name in ("ratio", "score")}
                        | {"group": pa.array([], pa.string()), "first": pa.array([], pa.bool_())}),
                400, "empty_body", None),
    "CSV": (GOOD, 400, "malformed_parquet", None),
    "only magic": (b"PAR1PAR1PAR1", 400, "malformed_parquet", None),
    "cut off": (GOOD_FILE[:-20], 400, "malformed_parquet", None),
    "the middle cut out": (GOOD_FILE[:40] + GOOD_FILE[200:], 400, "malformed_parquet", None),
    "zeros for pages": (b"PAR1" + b"\x00" * 300 + GOOD_FILE[304:], 400, "malformed_parquet", None),
    "an encrypted footer": (b"PARE" + GOOD_FILE[4:-4] + b"PARE", 400, "malformed_parquet", None),
    "a footer of petabytes": (footer_of(0xFFFFFFFF), 400, "malformed_parquet", None),
    "a footer of megabytes": (footer_of(2_000_000, 2_000_000), 413, "parquet_too_large", None),
    "a footer larger than the file": (footer_of(20_000), 400, "malformed_parquet", None),
    "a footer with endless lists": (many_lists(0x0FFFFFFF), 400, "malformed_parquet", None),
    "a column missing": (without("first"), 400, "missing_column", "first"),
    "a column twice": (TWICE, 400, "duplicate_column", "ratio"),
    "a text for a number": (changed(ratio=["a", "b", "c", "d"]), 400, "wrong_type", "ratio"),
    "a number for a text": (changed(group=[1, 2, 3, 4]), 400, "wrong_type", "group"),
    "bytes for a text": (changed(group=[b"a", b"b", b"c", b"\xff"]), 400, "wrong_type", "group"),
    "a fraction where it must be whole": (changed(score=[1.0, 2.5, 3.0, 4.0]), 400, "wrong_type", "score"),
    "infinity": (changed(ratio=[1.0, 2.0, float("inf"), 4.0]), 400, "wrong_type", "ratio"),
    "a list for a number": (changed(ratio=[[1.0], [2.0], [3.0], [4.0]]), 400, "wrong_type", "ratio"),
    "a struct for a number": (changed(ratio=[{"a": 1.0}] * 4), 400, "wrong_type", "ratio"),
    "a struct for a text": (changed(group=[{"a": "b"}] * 4), 400, "wrong_type", "group"),
    "a time for a number": (changed(score=pa.array([1, 2, 3, 4], pa.timestamp("s"))), 400, "wrong_type", "score"),
    "neither true nor false": (changed(first=[0, 1, 2, 1]), 400, "wrong_type", "first"),
    "true for a number": (changed(ratio=[True, False, True, True]), 400, "wrong_type", "ratio"),
    "too many rows in few bytes": (
        parquet({"ratio": pa.array(np.zeros(MOST_ROWS + 1)), "score": pa.array(np.zeros(MOST_ROWS + 1, np.int8)),
                 "group": pa.array(["a"] * (MOST_ROWS + 1)), "first": pa.array(np.zeros(MOST_ROWS + 1, bool))}),
        413, "parquet_too_large", None),
    "a text that unpacks to megabytes": (
        parquet({**{name: values[:1] for name, values in COLUMNS.items()}, "group": [HUGE_TEXT]}, compression="zstd"),
        413, "parquet_too_large", None),
    "the same without a dictionary": (
        parquet({**{name: values[:1] for name, values in COLUMNS.items()}, "group": [HUGE_TEXT]},
                compression="snappy", use_dictionary=False),
        413, "parquet_too_large", None),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_file_is_refused(server: Server, name: str) -> None:
    """The answer is 4xx with a code and the column, memory stays, and a good request succeeds after it."""
    body, status, code, column = REFUSED[name]
    before = server.memory
    answer = server.invoke(body, PARQUET)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error.get("column")) == (status, code, column), error
    if code == "wrong_type" and name in (
        "infinity",
        "a fraction where it must be whole",
        "neither true nor false",
    ):
        assert error["line"] == {"infinity": 3, "neither true nor false": 3}.get(name, 2)
    assert server.memory - before < MOST_MEMORY
    assert ping_seconds(server) < 1
    assert server.invoke(GOOD).status_code == 200


def test_a_cell_written_once_costs_once(server: Server) -> None:
    """A long text that half a million rows share is a few kilobytes to send, and stays that small."""
    count = 500_000
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array(["y" * 1_000_000]))
    body = parquet({
        "ratio": pa.array(np.zeros(count)), "score": pa.array(np.ones(count, np.int8)),
        "group": text, "first": pa.array(np.zeros(count, bool)),
    })  # fmt: skip
    assert len(body) < 3_000_000
    before = server.memory
    answer = server.invoke(body, PARQUET, accept="text/csv")
    assert answer.text.count("\n") == count
    assert server.memory - before < MOST_MEMORY


def unread(process: int) -> int:
    """Bytes that a process has not read yet of its standard input, which is a pipe."""
    with Path(f"/proc/{process}/fd/0").open("rb", buffering=0) as pipe:
        return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


def kill_when_asked(process: int) -> None:
    deadline = time.monotonic() + 15
    while not unread(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process, signal.SIGKILL)


def test_a_file_that_ends_its_reader(server: Server) -> None:
    """A reader that is killed costs its own request, which is refused; the next file is read by a new one."""
    assert server.invoke(GOOD_FILE, PARQUET).status_code == 200
    for child in children(server.process.pid):
        os.kill(child, signal.SIGSTOP)
        threading.Thread(target=kill_when_asked, args=(child,)).start()
    answer = server.invoke(GOOD_FILE, PARQUET)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_parquet")
    assert server.invoke(GOOD_FILE, PARQUET).status_code == 200
    assert server.client.get("/ping").status_code == 200


def test_the_reader_ends_with_the_server(loans: Job) -> None:
    """After SIGTERM no reader is left behind."""
    with serving(loans.base) as running:
        running.wait_for_ping(200)
        assert running.invoke(GOOD_FILE, PARQUET).status_code == 200
        [child] = children(running.process.pid)
        assert stop(running) == 0
    deadline = time.monotonic() + 10
    while alive(child):
        assert time.monotonic() < deadline


@given(st.binary(max_size=60))
def test_page_headers_of_any_bytes(body: bytes) -> None:
    """Headers that are none are refused, and sizes are never negative."""
    with suppress(MalformedPage):
        assert unpacked_size(body, 0, len(body)) >= 0


def test_pages_say_what_pyarrow_writes(tmp_path: Path) -> None:
    """The sizes in the pages are those in the footer."""
    body = parquet({"x": np.arange(50_000.0)}, compression="zstd", data_page_size=10_000)
    column = pyarrow.parquet.ParquetFile(io.BytesIO(body)).metadata.row_group(0).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    found = unpacked_size(body, start, column.total_compressed_size)
    assert 0 <= column.total_uncompressed_size - found < 20_000, "the footer counts the headers, too"
