"""Requests that are malformed, hostile or unlucky: each is refused in words, and harms nobody else."""

import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx
import numpy as np
import pytest
from container_jobs import CSV_HEAD, Job, Server, serving

from perennial_container.serving.admission import MOST_REQUESTS

GOOD = b"0.5,3,a,true\n"
MEBIBYTE = 1024 * 1024
MOST_MEMORY = 64 * MEBIBYTE
PING_SECONDS = 0.1
CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"
NPY = "application/x-npy"


@dataclass(frozen=True)
class Probe:
    """A body with its content type; `line` and `column` are the place that the answer must name."""

    kind: str
    body: bytes
    status: int = 400
    line: int | None = None
    column: str | None = None


def many(rows: int, last: bytes) -> bytes:
    return GOOD * rows + last


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npy_header(text: bytes) -> bytes:
    """A file that has nothing but a header, of whatever it says."""
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


PROBES = {
    # CSV: the shape
    "nothing": Probe(CSV, b""),
    "blanks": Probe(CSV, b"   \t  "),
    "newlines": Probe(CSV, b"\n" * 1000),
    "a single comma": Probe(CSV, b",", line=1),
    "one column less": Probe(CSV, b"0.5,3,a\n", line=1),
    "one column more": Probe(CSV, b"0.5,3,a,true,1\n", line=1),
    "ragged in the second line": Probe(CSV, GOOD + b"0.5,3\n", line=2),
    "ragged after many lines": Probe(CSV, many(9000, b"0.5,3\n"), line=9001),
    "a trailing comma": Probe(CSV, b"0.5,3,a,true,\n", line=1),
    "semicolons": Probe(CSV, b"0.5;3;a;true\n", line=1),
    "tabs": Probe(CSV, b"0.5\t3\ta\ttrue\n", line=1),
    "a header of another table": Probe(CSV, b"x,y,z,w\n1,2,3,4\n", line=1, column="ratio"),
    "a header with a column missing": Probe(CSV, b"ratio,score,group\n0.5,3,a\n", line=1, column="first"),
    "a header twice": Probe(
        CSV, b"ratio,score,group,first\nratio,score,group,first\n", line=2, column="ratio"
    ),
    "a column twice": Probe(CSV, b"ratio,score,group,first,score\n1,2,a,1,2\n", line=1, column="score"),
    "an open quote": Probe(CSV, b'0.5,3,"a,true\n', line=1),
    "an open quote far away": Probe(CSV, many(5000, b'0.5,3,"a,true\n'), line=5001),
    "a quote inside a cell": Probe(CSV, b'0.5,3,"a"b,true\n', line=1),
    "a million columns": Probe(CSV, b"1," * 1_000_000, line=1),
    "one endless cell": Probe(CSV, b"9" * MEBIBYTE, line=1),
    # CSV: the cells
    "a letter": Probe(CSV, b"x,3,a,true\n", line=1, column="ratio"),
    "a letter after many lines": Probe(CSV, many(20_000, b"x,3,a,true\n"), line=20_001, column="ratio"),
    "infinity": Probe(CSV, b"inf,3,a,true\n", line=1, column="ratio"),
    "minus infinity": Probe(CSV, b"-Infinity,3,a,true\n", line=1, column="ratio"),
    "more than a double holds": Probe(CSV, b"1e400,3,a,true\n", line=1, column="ratio"),
    "a hexadecimal number": Probe(CSV, b"0x1p3,3,a,true\n", line=1, column="ratio"),
    "digits with underscores": Probe(CSV, b"1_000,3,a,true\n", line=1, column="ratio"),
    "digits of another script": Probe(CSV, "٣,3,a,true\n".encode(), line=1, column="ratio"),
    "a decimal comma": Probe(CSV, b'"0,5",3,a,true\n', line=1, column="ratio"),
    "a currency": Probe(CSV, "€5,3,a,true\n".encode(), line=1, column="ratio"),
    "a date": Probe(CSV, b"2026-01-01,3,a,true\n", line=1, column="ratio"),
    "a fraction where it must be whole": Probe(CSV, b"0.5,3.5,a,true\n", line=1, column="score"),
    "a formula": Probe(CSV, b"=1+1,3,a,true\n", line=1, column="ratio"),
    "neither true nor false": Probe(CSV, b"0.5,3,a,perhaps\n", line=1, column="first"),
    "a NUL byte": Probe(CSV, b"0.5\x00,3,a,true\n", line=1, column="ratio"),
    "only NUL bytes": Probe(CSV, b"\x00" * 1000, line=1),
    "two hundred thousand digits": Probe(CSV, b"1" * 200_000 + b",3,a,true\n", line=1),
    # encodings
    "latin-1": Probe(CSV, "0.5,3,é,true\n".encode("latin-1")),
    "utf-16": Probe(CSV, GOOD.decode().encode("utf-16")),
    "utf-32": Probe(CSV, GOOD.decode().encode("utf-32")),
    "random bytes": Probe(CSV, bytes(range(128, 256)) * 40),
    "half a character": Probe(CSV, b"0.5,3,\xe2\x82,true\n"),
    "a compressed body": Probe(CSV, b"\x1f\x8b\x08\x00" + b"\x00" * 50),
    "a zip file": Probe(CSV, b"PK\x03\x04" + b"\x00" * 50, line=1),
    "a Parquet file": Probe(CSV, b"PAR1" + b"\x00" * 50 + b"PAR1", line=1),
    "a pickle": Probe(CSV, b"\x80\x04\x95\x00cos\nsystem\n(S'true'\ntR."),
    # JSON
    "no JSON": Probe(JSON, GOOD),
    "cut off": Probe(JSON, b'{"instances": [[0.5, 3, "a"', line=1),
    "something after the end": Probe(JSON, b'[[0.5, 3, "a", true]] x', line=1),
    "a hundred thousand brackets": Probe(JSON, b"[" * 100_000),
    "a hundred thousand braces": Probe(JSON, b'{"a":' * 100_000),
    "a number": Probe(JSON, b"3"),
    "a text": Probe(JSON, b'"0.5,3,a,true"'),
    "null": Probe(JSON, b"null"),
    "an empty object": Probe(JSON, b"{}"),
    "an empty list": Probe(JSON, b"[]"),
    "instances that are no list": Probe(JSON, b'{"instances": 3}'),
    "instances that are an object": Probe(JSON, b'{"instances": {"0": [0.5, 3, "a", true]}}'),
    "rows that are numbers": Probe(JSON, b"[0.5, 3]", line=1),
    "rows of rows of rows": Probe(JSON, b'[[[0.5, 3, "a", true]]]', line=1),
    "an empty row": Probe(JSON, b"[[]]", line=1),
    "NaN": Probe(JSON, b'[[NaN, 3, "a", true]]', line=1),
    "Infinity": Probe(JSON, b'[[Infinity, 3, "a", true]]', line=1),
    "1e400": Probe(JSON, b'[[1e400, 3, "a", true]]', line=1),
    "an integer of a thousand digits": Probe(JSON, b"[[" + b"9" * 1000 + b', 3, "a", true]]', line=1),
    "a number in quotes": Probe(JSON, b'[["0.5", 3, "a", true]]', line=1, column="ratio"),
    "true for a number": Probe(JSON, b'[[true, 3, "a", true]]', line=1, column="ratio"),
    "a list for a number": Probe(JSON, b'[[[], 3, "a", true]]', line=1, column="ratio"),
    "a number for a text": Probe(JSON, b"[[0.5, 3, 7, true]]", line=1, column="group"),
    "a feature missing": Probe(JSON, b'[{"ratio": 1, "score": 3, "group": "a"}]', line=1, column="first"),
    "a lone surrogate": Probe(JSON, b'[[0.5, 3, "\\ud800", true]]', line=1),
    "bad escapes": Probe(JSON, b'[[0.5, 3, "\\x41", true]]', line=1),
    "JSON in latin-1": Probe(JSON, '[[0.5, 3, "é", true]]'.encode("latin-1"), line=1),
    # JSON Lines
    "the second line cut off": Probe(LINES, b'[0.5, 3, "a", true]\n[0.5, 3', line=2),
    "the third line of another width": Probe(LINES, b'[0.5, 3, "a", true]\n[0.5, 3, "a", true]\n[1]', line=3),
    "a wrong cell in the second line": Probe(
        LINES, b'[0.5, 3, "a", true]\n[0.5, "x", "a", true]', line=2, column="score"
    ),
    "JSON over several lines": Probe(LINES, b'[\n0.5, 3, "a", true]', line=1),
    # JSON in other orientations
    "a split table with a column missing": Probe(
        JSON, b'{"columns": ["ratio", "score", "group"], "data": [[1, 2, "a"]]}', line=1, column="first"
    ),
    "a split table with a column twice": Probe(
        JSON,
        b'{"columns": ["ratio", "score", "group", "first", "ratio"], "data": []}',
        line=1,
        column="ratio",
    ),
    "a ragged split table": Probe(
        JSON, b'{"columns": ["first", "group", "score", "ratio"], "data": [[true, "a", 1]]}', line=1
    ),
    "columns that are no names": Probe(JSON, b'{"columns": 3, "data": [[1]]}'),
    "columns that are lists": Probe(JSON, b'{"columns": [["ratio"]], "data": [[1]]}'),
    "data that is no list": Probe(JSON, b'{"columns": ["ratio", "score", "group", "first"], "data": 3}'),
    "inputs that are an object": Probe(JSON, b'{"inputs": {"ratio": [1]}}'),
    "records that are numbers": Probe(JSON, b'{"dataframe_records": [1]}', line=1),
    # numpy
    "no npy": Probe(NPY, GOOD),
    "an empty npy": Probe(NPY, b""),
    "npy of objects": Probe(NPY, npy(np.array([[0.5, 3, "a", True]], object))),
    "npy of texts": Probe(NPY, npy(np.array([["0.5", "3", "a", "true"]]))),
    "npy of complex numbers": Probe(NPY, npy(np.ones((1, 4), complex))),
    "npy of records": Probe(NPY, npy(np.zeros(1, [("ratio", "f8"), ("score", "i4")]))),
    "npy of one dimension": Probe(NPY, npy(np.ones(4))),
    "npy of no dimension": Probe(NPY, npy(np.array(1.0))),
    "npy of three dimensions": Probe(NPY, npy(np.ones((1, 4, 1)))),
    "npy without rows": Probe(NPY, npy(np.ones((0, 4)))),
    "npy of another width": Probe(NPY, npy(np.ones((2, 5)))),
    "npy cut off": Probe(NPY, npy(np.ones((9, 4)))[:-8]),
    "npy with more behind it": Probe(NPY, npy(np.ones((9, 4))) + b"\x00"),
    "npy with infinity": Probe(
        NPY, npy(np.array([[1.0, 3, 0, 1], [np.inf, 3, 0, 1]])), line=2, column="ratio"
    ),
    "npy with a number for a text": Probe(NPY, npy(np.array([[0.5, 3, 0, 1]])), line=1, column="group"),
    "npy with a fraction where it must be whole": Probe(
        NPY, npy(np.array([[0.5, 3.5, np.nan, 1]])), line=1, column="score"
    ),
    "npy that promises petabytes": Probe(
        NPY, npy_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999, 4), }")
    ),
    "npy of negative shape": Probe(
        NPY, npy_header(b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 4), }")
    ),
    "npy whose header is code": Probe(NPY, npy_header(b"__import__('os').abort()")),
    "npy whose header is deep": Probe(NPY, npy_header(b"(" * 9000)),
    "npy of an unknown version": Probe(NPY, b"\x93NUMPY\x09\x00" + b"\x00" * 100),
    "a zip of npy": Probe(NPY, b"PK\x03\x04" + b"\x00" * 50),
    # names twice, and two tables in one document
    "a feature twice": Probe(
        JSON, b'[{"ratio": 1, "score": 3, "group": "a", "first": 1, "ratio": 2}]', line=1, column="ratio"
    ),
    "a feature twice in the second row": Probe(
        JSON,
        b'{"instances": [{"ratio": 1, "score": 3, "group": "a", "first": 1},'
        b'{"ratio": 1, "ratio": 1, "score": 3, "group": "a:", "first": 1}]}',
        line=2,
        column="ratio",
    ),
    "a feature twice in the second line": Probe(
        LINES,
        b'[1, 3, "a", 1]\n{"ratio": 1, "score": 3, "group": "a", "first": 1, "ratio": 1}',
        line=2,
        column="ratio",
    ),
    "instances twice": Probe(JSON, b'{"instances": [[1, 3, "a", 1]], "instances": [[2, 3, "a", 1]]}'),
    "instances and inputs": Probe(JSON, b'{"instances": [[1, 3, "a", 1]], "inputs": [[2, 3, "a", 1]]}'),
    "instances twice, once in escapes": Probe(
        JSON, b'{"instances": [[1, 3, "a", true]], "instance\\u0073": [[2, 3, "a", true]]}'
    ),
    "data twice in a split table": Probe(
        JSON,
        b'{"dataframe_split": {"columns": ["ratio", "score", "group", "first"],'
        b' "data": [[1, 3, "a", true]], "data": [[2, 3, "a", true]]}}',
    ),
    "instances and a split table": Probe(
        JSON,
        b'{"instances": [[1, 3, "a", true]],'
        b' "columns": ["ratio", "score", "group", "first"], "data": [[2, 3, "a", true]]}',
    ),
    # few bytes that become very much
    "a line of megabytes": Probe(CSV, b"a" * 5 * MEBIBYTE, line=1),
    "a line of megabytes far down": Probe(CSV, GOOD * 9000 + b"," * 5 * MEBIBYTE, line=9001),
    "rows without end": Probe(CSV, b",,,\n" * 1_100_000, 413),
    "cells without end": Probe(CSV, b"1," * 8_400_000, 413),
    "empty lists without end": Probe(JSON, b"[" + b"[]," * 1_100_000 + b"[]]", 413),
    "empty objects without end": Probe(JSON, b"[" + b"{}," * 1_100_000 + b"{}]", 413),
    "numbers without end": Probe(JSON, b"[" + b"0," * 2_000_000 + b"0]", 413),
    "lines without end": Probe(LINES, b"[]\n" * 1_100_000, 413),
    "npy of rows without end": Probe(NPY, npy(np.zeros((1_100_000, 4), np.uint8)), 413),
    # what the headers say
    "no content type": Probe("", GOOD, 415),
    "an unknown content type": Probe("application/x-recordio-protobuf", GOOD, 415),
    "pickled numpy": Probe("application/x-pickle", GOOD, 415),
    "a form": Probe("application/x-www-form-urlencoded", b"a=1", 415),
    "several parts": Probe("multipart/form-data; boundary=x", b"--x--", 415),
    "a content type of 5,000 letters": Probe("text/" + "c" * 5000, GOOD, 415),
    "a header that may be": Probe("text/csv; header=perhaps", GOOD, 415),
    "another charset": Probe("text/csv; charset=utf-16", GOOD, 415),
}


def ping_seconds(server: Server) -> float:
    started = time.monotonic()
    assert server.client.get("/ping").status_code == 200
    return time.monotonic() - started


def ping_after(server: Server, probe: Probe) -> float:
    server.invoke(probe.body, probe.kind)
    return ping_seconds(server)


@pytest.mark.parametrize("name", PROBES)
def test_a_bad_body_is_refused_with_its_place(server: Server, name: str) -> None:
    """The answer is 4xx with a code for programs and the place for people, and a good request succeeds after it."""
    probe, before = PROBES[name], server.memory
    response = server.invoke(probe.body, probe.kind)
    error = response.json()["error"]
    assert response.status_code == probe.status, error
    assert re.fullmatch(r"[a-z0-9_]+", error["code"])
    assert 10 < len(error["message"]) < 400
    assert probe.line is None or error.get("line") == probe.line, error
    assert probe.column is None or error.get("column") == probe.column, error
    assert "Traceback" not in response.text
    assert server.invoke(GOOD).status_code == 200
    assert any(ping_after(server, probe) < PING_SECONDS for _ in range(3)), "a busy machine may delay one"
    assert server.memory - before < MOST_MEMORY


def test_a_body_without_a_length_is_counted(hurried: Server) -> None:
    """A chunked body over the limit is refused while it arrives, and is not kept."""
    before = hurried.memory
    pieces = (b"0" * 65536 for _ in range(320))
    response = hurried.client.post("/invocations", content=pieces, headers={"content-type": CSV})
    assert (response.status_code, response.json()["error"]["code"]) == (413, "body_too_large")
    assert hurried.memory - before < MOST_MEMORY


def test_clients_that_hang_up(hurried: Server) -> None:
    """Forty clients that send half a request and go leave nothing behind."""
    address = hurried.client.base_url
    connections = [socket.create_connection((address.host, address.port)) for _ in range(40)]
    for connection in connections:
        connection.sendall(CSV_HEAD + b"Content-Length: 2000000\r\n\r\n" + GOOD * 1000)
    assert min(ping_seconds(hurried) for _ in range(3)) < PING_SECONDS
    for connection in connections:
        connection.close()
    deadline = time.monotonic() + 15
    while "perennial_requests_in_flight 0" not in hurried.client.get("/metrics").text:
        assert time.monotonic() < deadline
    assert hurried.invoke(GOOD).status_code == 200


def test_metrics_count_what_was_answered(hurried: Server) -> None:
    """Prometheus is told how many requests had which answer."""
    before = hurried.client.get("/metrics")
    assert before.headers["content-type"].startswith("text/plain")
    assert hurried.invoke(b"x").status_code == 400
    found = re.findall(r'perennial_invocations_total\{status="400"\} (\d+)', before.text)
    after = re.findall(r'status="400"\} (\d+)', hurried.client.get("/metrics").text)
    assert int(after[0]) == int(found[0] if found else 0) + 1


def test_json_answers_name_the_model(server: Server) -> None:
    """An answer tells which model gave it."""
    response = server.invoke(json.dumps([[0.5, 3, "a", True]]), JSON)
    assert re.fullmatch("[0-9a-f]{12}", response.headers["x-model-version"])


PINGS = """
import select, sys, time, urllib.request
slowest, count = 0.0, 0
while count < 10 or not select.select([sys.stdin], [], [], 0.01)[0]:
    started = time.monotonic()
    assert urllib.request.urlopen(sys.argv[1] + "/ping", timeout=10).status == 200
    slowest, count = max(slowest, time.monotonic() - started), count + 1
    if count == 1:
        print("begun", flush=True)
print(slowest)
"""


def test_overload(loans: Job) -> None:
    """A hundred heavy requests at once: what is beyond the bound is told to come back, and /ping never waits."""
    body, together = GOOD * 30_000, threading.Event()

    def halves() -> Iterator[bytes]:
        """The second one only when as many requests are on their way as are let in, on a quick machine, too."""
        yield body[: len(body) // 2]
        assert together.wait(60)
        yield body[len(body) // 2 :]

    with serving(loans.base, BODY_TIMEOUT_SECONDS="60") as server:
        server.wait_for_ping(200)
        server.client.timeout = httpx.Timeout(120)  # a busy machine is slow, which is not what this is about
        before = server.memory
        command = [sys.executable, "-c", PINGS, str(server.client.base_url)]
        headers = {"content-type": CSV, "content-length": str(len(body))}
        with (
            # A session of its own: Linux gives it its own share of a busy machine.
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
            ) as pings,
            ThreadPoolExecutor(100) as clients,
        ):
            assert pings.stdout is not None
            assert pings.stdout.readline() == "begun\n"
            sent = [
                clients.submit(server.client.post, "/invocations", content=halves(), headers=headers)
                for _ in range(100)
            ]
            deadline, full = time.monotonic() + 50, f"perennial_requests_in_flight {MOST_REQUESTS}"
            while full not in httpx.get(f"{server.client.base_url}/metrics").text:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            together.set()
            answers = [each.result() for each in sent]
            slowest = float(pings.communicate("enough")[0])
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {200, 503}, statuses
        assert {answer.headers.get("retry-after") for answer in answers if answer.status_code == 503} == {"1"}
        assert slowest < 1.0, "SageMaker gives /ping two seconds"
        assert server.memory - before < MOST_MEMORY
        assert server.invoke(body).status_code == 200
