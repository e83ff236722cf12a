"""The serve command, spoken to over HTTP."""

import json
import os
import shutil
import socket
import threading
from pathlib import Path

import httpx
import pytest
from container_jobs import DEADLINE_SECONDS, Job, Server, serving, stop

from perennial_container.cpu import LOWER

FOUR = "0.5,3,a,true\n"


def test_ping(server: Server):
    """A ready server answers /ping with 200 and nothing else."""
    response = server.client.get("/ping")
    assert (response.status_code, response.content) == (200, b"")


ROWS = [
    pytest.param("text/csv", "0.5,3,a,true\n", id="csv by position"),
    pytest.param("text/csv; charset=utf-8", "0.5,3,a,true", id="content type with a charset"),
    pytest.param("TEXT/CSV", "0.5,3,a,true\r\n", id="crlf"),
    pytest.param("text/csv", "\ufeff0.5,3,a,true", id="byte order mark"),
    pytest.param(
        "text/csv", "id,group,first,score,ratio\n9,a,true,3,0.5\n", id="csv by name, others ignored"
    ),
    pytest.param(
        "text/csv; header=present", "group,first,score,ratio\na,1,3,0.5", id="csv, header announced"
    ),
    pytest.param("text/csv", '" 0.5 ",3.0,"a",YES', id="quotes, blanks, spellings"),
    pytest.param("application/json", '{"instances": [[0.5, 3, "a", true]]}', id="json rows"),
    pytest.param("application/json", '[[0.5, 3.0, "a", 1]]', id="json bare list"),
    pytest.param(
        "application/json",
        '{"instances": [{"group": "a", "first": true, "score": 3, "ratio": 0.5, "id": 9}]}',
        id="json objects",
    ),
    pytest.param(
        "application/json", '{"instances": [{"features": [0.5, 3, "a", true]}]}', id="json features"
    ),
    pytest.param("application/jsonlines", '[0.5, 3, "a", true]\n\n', id="json lines"),
    pytest.param(
        "application/x-jsonlines", '{"group": "a", "first": true, "score": 3, "ratio": 0.5}', id="x"
    ),
]


@pytest.mark.parametrize(("content_type", "body"), ROWS)
def test_same_row(server: Server, content_type: str, body: str):
    """However a row is written, it is predicted the same."""
    expected = server.invoke(FOUR, accept="application/json").json()
    response = server.invoke(body.encode(), content_type, accept="application/json")
    assert response.status_code == 200, response.text
    assert response.json() == expected


ANSWERS = [
    pytest.param(None, "text/csv; charset=utf-8", id="none: as the request"),
    pytest.param("*/*", "text/csv; charset=utf-8", id="any: as the request"),
    pytest.param("application/json", "application/json", id="json"),
    pytest.param("application/jsonlines", "application/jsonlines", id="json lines"),
    pytest.param("image/png, application/*;q=0.5", "application/json", id="first that can be given"),
    pytest.param("text/csv;q=0.1, application/json;q=0.9", "application/json", id="by quality"),
]


@pytest.mark.parametrize(("accept", "content_type"), ANSWERS)
def test_accept(server: Server, accept: str | None, content_type: str):
    """Accept chooses the answer's form; every row is answered in order."""
    # httpx sends */* on its own: an empty value is what a client without the header means.
    response = server.invoke(FOUR + "-2,1,d,no\n", accept=accept or "")
    assert response.headers["content-type"] == content_type
    if content_type == "application/json":
        predictions = response.json()["predictions"]
    elif content_type == "application/jsonlines":
        predictions = [json.loads(line) for line in response.text.splitlines()]
    else:
        lines = [line.split(",") for line in response.text.splitlines()]
        predictions = [{"predicted_label": label, "score": float(score)} for label, score in lines]
    assert [entry["predicted_label"] for entry in predictions] == ["yes", "no"]
    assert predictions[0]["score"] > 0.5 > predictions[1]["score"]


@pytest.mark.parametrize(
    "body",
    ["NA,3,a,true", ",,,", "0.5,3,never seen,true", "1e39,3,a,true", "0.5,99999,a,no"],
    ids=["missing number", "all missing", "unknown category", "beyond 32 bits", "out of range"],
)
def test_accepted(server: Server, body: str):
    """Missing cells, unknown categories and unusual values are predicted; watching them is monitoring's job."""
    assert server.invoke(body).status_code == 200


def test_unknown_category_is_missing(server: Server):
    """An unknown category is predicted as a missing one."""
    assert server.invoke("0.5,3,never seen,true").text == server.invoke("0.5,3,,true").text


REFUSALS = [
    ("text/csv", "", 400, "empty_body", None, None),
    ("text/csv", "\n\n", 400, "empty_body", None, None),
    ("text/csv", "ratio,score,group,first\n", 400, "empty_body", None, None),
    ("text/csv", "0.5,3,a,true\nx,3,a,true", 400, "wrong_type", 2, "ratio"),
    ("text/csv", "0.5,3.5,a,true", 400, "wrong_type", 1, "score"),
    ("text/csv", "0.5,3,a,maybe", 400, "wrong_type", 1, "first"),
    ("text/csv", "inf,3,a,true", 400, "wrong_type", 1, "ratio"),
    ("text/csv", "1_0,3,a,true", 400, "wrong_type", 1, "ratio"),
    ("text/csv", "٣,3,a,true", 400, "wrong_type", 1, "ratio"),
    ("text/csv", "0.5,3,a", 400, "wrong_column_count", 1, None),
    ("text/csv", '0.5,3,"a\nb",true\n0.5,3', 400, "wrong_column_count", 3, None),
    ("text/csv", "ratio,score,group\n0.5,3,a", 400, "missing_column", 1, "first"),
    ("text/csv", "ratio,score,group,first,ratio\n1,2,a,1,1", 400, "duplicate_column", 1, "ratio"),
    ("text/csv; header=absent", "ratio,score,group,first", 400, "wrong_type", 1, "ratio"),
    ("text/csv", '0.5,3,"a,true', 400, "malformed_csv", 1, None),
    ("text/csv", b"0.5,3,\xff,true", 400, "not_utf8", None, None),
    ("text/csv", "0.5,3,a,true".encode("utf-16"), 400, "not_utf8", None, None),
    ("application/json", "{", 400, "malformed_json", 1, None),
    ("application/json", "[" * 100_000, 400, "malformed_json", None, None),
    ("application/json", "3", 400, "no_instances", None, None),
    ("application/json", '{"rows": []}', 400, "no_instances", None, None),
    ("application/json", "[]", 400, "empty_body", None, None),
    ("application/json", "[1, 2]", 400, "not_a_row", 1, None),
    ("application/json", '[[0.5, 3, "a", true], [0.5]]', 400, "wrong_column_count", 2, None),
    ("application/json", '[{"ratio": 0.5, "score": 3, "group": "a"}]', 400, "missing_feature", 1, "first"),
    ("application/json", '[["0.5", 3, "a", true]]', 400, "wrong_type", 1, "ratio"),
    ("application/json", '[[true, 3, "a", true]]', 400, "wrong_type", 1, "ratio"),
    ("application/json", '[[[1], 3, "a", true]]', 400, "wrong_type", 1, "ratio"),
    ("application/json", "[[0.5, 3, 7, true]]", 400, "wrong_type", 1, "group"),
    ("application/json", '[[0.5, 3, "a", "true"]]', 400, "wrong_type", 1, "first"),
    ("application/json", '[[1e400, 3, "a", true]]', 400, None, 1, None),
    ("application/json", '[[NaN, 3, "a", true]]', 400, "malformed_json", 1, None),
    ("application/jsonlines", '[0.5, 3, "a", true]\n{', 400, "malformed_json", 2, None),
    ("application/jsonlines", '[0.5, 3, "a", true]\n\n[0.5, "x", "a", true]', 400, "wrong_type", 3, "score"),
    ("image/png", "x", 415, "unsupported_media_type", None, None),
    ("", "x", 415, "unsupported_media_type", None, None),
    ("text/csv; charset=latin-1", "x", 415, "unsupported_charset", None, None),
]


@pytest.mark.parametrize(("content_type", "body", "status", "code", "line", "column"), REFUSALS)
def test_refusal(server: Server, content_type, body, status, code, line, column):
    """A bad request is refused with a code for programs, and line and column for people; never with 5xx."""
    response = server.invoke(body if isinstance(body, bytes) else body.encode(), content_type)
    error = response.json()["error"]
    assert response.status_code == status
    assert code is None or error["code"] == code
    assert line is None or error["line"] == line
    assert error.get("column") == column
    assert len(error["message"]) < 300
    assert "Traceback" not in response.text


def test_message(server: Server):
    """The message names the cell and what was expected instead."""
    message = server.invoke("0.5,3,a,true\nabc,3,a,true").json()["error"]["message"]
    assert message == "'ratio' is 'abc', expected a number"


def test_not_acceptable(server: Server):
    """An Accept that cannot be met is 406 and lists what can be had."""
    response = server.invoke(FOUR, accept="image/png")
    assert response.status_code == 406
    assert "text/csv, application/json, application/jsonlines" in response.json()["error"]["message"]


def test_compressed_body(server: Server):
    """A compressed body is refused by name."""
    response = server.invoke(FOUR, **{"content-encoding": "gzip"})
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_encoding")


def test_other_paths(server: Server):
    """Unknown paths and methods are refused in the same shape."""
    assert server.client.get("/nothing").json()["error"]["code"] == "not_found"
    assert server.client.get("/invocations").status_code == 405


def test_custom_attributes(server: Server):
    """SageMaker's custom attributes are given back."""
    name = "X-Amzn-SageMaker-Custom-Attributes"
    assert server.invoke(FOUR, **{name: "trace=7"}).headers[name] == "trace=7"


def test_large_batch(server: Server):
    """A large batch is answered row by row as its rows alone would be."""
    response = server.invoke(FOUR * 20_000)
    assert response.status_code == 200
    assert response.text == server.invoke(FOUR).text * 20_000


def test_large_bodies_give_way(server: Server):
    """Threads that answer large bodies have a lower priority than the one that answers everything else."""
    assert server.invoke(FOUR * 20_000).status_code == 200
    tasks = Path(f"/proc/{server.process.pid}/task")
    nice = {int(task.name): os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks.iterdir()}
    own = nice.pop(server.process.pid)
    assert min(own + LOWER, 19) in nice.values()
    assert min(nice.values()) >= own


def test_batch_is_rowwise(server: Server, loans: Job):
    """A prediction does not depend on the rows beside it."""
    rows = json.loads((loans.model / "model.json").read_text())["golden"]["rows"]
    rows = [[*row[:3], None if row[3] is None else bool(row[3])] for row in rows]
    together = server.invoke(json.dumps(rows), "application/json").json()["predictions"]
    alone = [server.invoke(json.dumps([row]), "application/json").json()["predictions"][0] for row in rows]
    assert together == alone


def test_body_limit(loans: Job):
    """A body over the limit is refused unread, also when its length is not announced."""
    with serving(loans.base, SAGEMAKER_MAX_PAYLOAD_IN_MB="1") as server:
        server.wait_for_ping(200)
        assert server.invoke(FOUR * 100_000).json()["error"]["code"] == "body_too_large"
        chunks = (FOUR.encode() * 1000 for _ in range(100))
        response = server.client.post("/invocations", content=chunks, headers={"content-type": "text/csv"})
        assert response.status_code == 413


def test_nothing_is_told_to_anybody_else(loans: Job, tmp_path: Path):
    """ONNX Runtime's telemetry is off: it would send what it keeps under HOME, with the machine's id, to its maker."""
    with serving(loans.base, HOME=str(tmp_path)) as server:
        server.wait_for_ping(200)
        assert server.invoke(FOUR).status_code == 200
        assert stop(server) == 0
    assert list(tmp_path.iterdir()) == []


def copy_model(loans: Job, base: Path) -> Path:
    shutil.copytree(loans.model, base / "model")
    return base / "model"


BROKEN = [
    pytest.param("model.onnx", None, "cannot be read: No such file", id="no graph"),
    pytest.param("model.json", None, "cannot be read: No such file", id="no description"),
    pytest.param("model.onnx", b"rubbish", "is damaged", id="changed graph"),
    pytest.param("model.json", b"[1]", "not of version 1", id="other description"),
    pytest.param("model.json", b'{"version": 1}', "lacks or misshapes 'schema'", id="empty description"),
]


@pytest.mark.parametrize(("name", "content", "reason"), BROKEN)
def test_broken_artefact(loans: Job, tmp_path: Path, name: str, content: bytes | None, reason: str):
    """A broken artefact is never ready: /ping and /invocations say why, and the process stays up."""
    file = copy_model(loans, tmp_path) / name
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with serving(tmp_path) as server:
        server.wait_for_ping(503, reason)
        response = server.invoke(FOUR)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "model_not_ready")
        assert stop(server) == 0


def test_golden_sample(loans: Job, tmp_path: Path):
    """A model that no longer says what it said in training is not served."""
    path = copy_model(loans, tmp_path) / "model.json"
    document = json.loads(path.read_text())
    document["golden"]["scores"][0][0] += 0.01
    del document["checksum"]
    path.write_text(json.dumps(document))
    with serving(tmp_path) as server:
        server.wait_for_ping(503, "golden sample")


def test_drain(loans: Job):
    """After SIGTERM what is in flight is answered, nothing new is let in, and the exit code is 0."""
    with serving(loans.base) as server:
        server.wait_for_ping(200)
        answers: list[httpx.Response] = []
        body = FOUR * 100_000
        address = server.client.base_url
        with socket.create_connection((address.host, address.port), DEADLINE_SECONDS) as connection:
            head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: {len(body)}"
            connection.sendall((head + "\r\n\r\n" + body[: len(body) // 2]).encode())
            other = threading.Thread(target=lambda: answers.append(server.invoke(body)))
            other.start()
            server.invoke(FOUR)
            server.process.terminate()
            connection.sendall(body[len(body) // 2 :].encode())
            received = connection.recv(65536)
        other.join(DEADLINE_SECONDS)
        assert received.startswith(b"HTTP/1.1 200 OK")
        assert [answer.status_code for answer in answers] == [200]
        assert server.process.wait(DEADLINE_SECONDS) == 0
