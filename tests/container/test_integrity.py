"""Whatever happened to an artefact between training and serving: it is noticed, told, and never served."""

import hashlib
import json
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from container_jobs import DEADLINE_SECONDS, Job, Server, serving, stop
from onnx import helper
from test_own_model import make_simple

from perennial_container.errors import ArtefactError
from perennial_container.estimators.graph import as_model
from perennial_container.seal import Trust, check, sealed
from perennial_container.serving.model import ServedModel

ROW = "0.5,3,a,true\n"


def document_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "model.json").read_text())
    return found


def edit(change: Callable[[dict[str, Any]], object], *, reseal: bool = False) -> Callable[[Path], None]:
    """Change model.json; whoever reseals it can make the checksum, but not the model behind it."""

    def damage(folder: Path) -> None:
        document = document_of(folder)
        change(document)
        if reseal:
            document = sealed({k: v for k, v in document.items() if k != "checksum"}, None)
        (folder / "model.json").write_text(json.dumps(document))

    return damage


def cut(name: str, keep: float) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: int(len(whole) * keep)])

    return damage


def flip(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        whole = bytearray((folder / name).read_bytes())
        whole[len(whole) // 2] ^= 1
        (folder / name).write_bytes(whole)

    return damage


def another_graph(folder: Path) -> None:
    """A graph that loads and answers, with a checksum that fits: only the golden sample knows better."""
    node = helper.make_node("ReduceMean", ["features"], ["scores"], axes=[1], keepdims=1)
    graph = as_model([node], columns=4, outputs=1).SerializeToString()
    (folder / "model.onnx").write_bytes(graph)
    edit(lambda document: document.update(sha256=hashlib.sha256(graph).hexdigest()), reseal=True)(folder)


def no_graph(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"\x08\x09")
    digest = hashlib.sha256(b"\x08\x09").hexdigest()
    edit(lambda document: document.update(sha256=digest), reseal=True)(folder)


def link_to_itself(folder: Path) -> None:
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(folder / "model.onnx")


DAMAGES = {
    "half a graph": (cut("model.onnx", 0.5), "model.onnx is damaged"),
    "an empty graph": (cut("model.onnx", 0), "model.onnx is damaged"),
    "one bit of the graph": (flip("model.onnx"), "model.onnx is damaged"),
    "half a description": (cut("model.json", 0.5), "model.json is not JSON"),
    "an empty description": (cut("model.json", 0), "model.json is not JSON"),
    "another threshold": (edit(lambda d: d.update(threshold=0.9)), "model.json is damaged"),
    "classes the other way round": (edit(lambda d: d["schema"]["classes"].reverse()), "model.json is damaged"),
    "another category": (edit(lambda d: d["features"][2]["categories"].reverse()), "model.json is damaged"),
    "categories resealed": (
        edit(lambda d: d["features"][2]["categories"].reverse(), reseal=True), "golden sample is predicted"
    ),
    "no golden sample": (edit(lambda d: d.pop("golden"), reseal=True), "lacks or misshapes 'golden'"),
    "fewer golden scores": (
        edit(lambda d: d["golden"]["scores"].pop(), reseal=True), "lacks or misshapes"
    ),
    "a feature less": (edit(lambda d: d["features"].pop(), reseal=True), "golden sample"),
    "an unknown problem": (
        edit(lambda d: d["schema"].update(problem="clustering"), reseal=True), "has the problem 'clustering'"
    ),
    "another graph": (another_graph, "golden sample is predicted"),
    "no graph at all": (no_graph, "model.onnx cannot be loaded"),
    "an unknown handler": (edit(lambda d: d.update(handler="pickle"), reseal=True), "lacks or misshapes 'files'"),
    "a newer version": (edit(lambda d: d.update(version=2), reseal=True), "not of version 1"),
    "a link to itself": (link_to_itself, "cannot be read"),
    "no folder": (shutil.rmtree, "cannot be read: No such file"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_artefact_is_not_served(loans: Job, tmp_path: Path, name: str) -> None:
    """The reason says what is wrong, and there is no model to ask."""
    damage, reason = DAMAGES[name]
    shutil.copytree(loans.model, tmp_path / "model")
    damage(tmp_path / "model")
    model = ServedModel(tmp_path / "model", 1)
    model.load()
    assert model.served is None
    assert reason in model.reason


def test_a_damaged_artefact_is_told(loans: Job, tmp_path: Path) -> None:
    """The process stays up, says why on /ping and in the log, and ends with 0."""
    shutil.copytree(loans.model, tmp_path / "model")
    edit(lambda document: document.update(threshold=0.9))(tmp_path / "model")
    with serving(tmp_path) as server:
        answer = server.wait_for_ping(503, "model.json is damaged")
        assert answer.json()["error"]["code"] == "model_not_ready"
        assert server.invoke(ROW).status_code == 503
        assert server.client.get("/openapi.json").status_code == 503
        assert server.process.poll() is None
        assert stop(server) == 0
        assert server.process.stdout is not None
        assert "the model cannot be served: model.json is damaged" in server.process.stdout.read()


def test_a_seal() -> None:
    """A document is whole if its checksum fits, and ours if its signature fits; old ones have neither."""
    document = {"a": [1, 2.5, None], "b": "é"}
    check(document, None)
    check(sealed(document, None), None)
    check(sealed(document, "key"), "key")
    check(sealed(document, "key"), None)
    for changed, key in (
        ({**sealed(document, None), "b": "e"}, None),
        (sealed(document, None), "key"),
        (sealed(document, "other"), "key"),
        ({**document, "signature": ""}, "key"),
    ):
        with pytest.raises(ArtefactError):
            check(changed, key)


def test_trust_is_what_the_environment_says() -> None:
    """Nothing is trusted unasked."""
    assert Trust.from_env({}) == Trust()
    assert Trust.from_env({"SAGEMAKER_PROGRAM": "handler.py", "PERENNIAL_SIGNING_KEY": "k"}) == Trust(
        "k", "handler.py"
    )


def test_a_handler_is_drained(tmp_path: Path) -> None:
    """After SIGTERM what a slow handler is at is answered, and the exit code is 0."""
    source = """
import time

def load(folder):
    return folder

def predict(model, batch):
    time.sleep(1.0 if (batch["x"] == 9).any() else 0.0)
    return batch["x"]
"""
    with serving(make_simple(tmp_path, source), SAGEMAKER_PROGRAM="handler.py") as server:
        server.wait_for_ping(200)
        answers: list[str] = []
        slow = threading.Thread(target=lambda: answers.append(server.invoke("9,a\n").text))
        slow.start()
        while "perennial_requests_in_flight 1" not in server.client.get("/metrics").text:
            assert slow.is_alive()
        assert stop(server) == 0
        slow.join(DEADLINE_SECONDS)
        assert answers == ["9.0\n"]


def test_one_port(loans: Job) -> None:
    """The server listens where SAGEMAKER_BIND_TO_PORT says, and takes nothing of SAGEMAKER_SAFE_PORT_RANGE."""
    with serving(loans.base, SAGEMAKER_SAFE_PORT_RANGE="21000-21999") as server:
        server.wait_for_ping(200)
        assert listening(server) == {server.client.base_url.port}


def listening(server: Server) -> set[int]:
    """The TCP ports on which the process accepts connections."""
    files = Path(f"/proc/{server.process.pid}/fd").iterdir()
    sockets = {str(file.readlink())[8:-1] for file in files if str(file.readlink()).startswith("socket:")}
    lines = Path(f"/proc/{server.process.pid}/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in lines]
    return {int(row[1].split(":")[1], 16) for row in rows if row[3] == "0A" and row[9] in sockets}


def test_lines_of_batch_transform(server: Server) -> None:
    """However SageMaker splits a file into lines, and with either end, the answers join to those of the whole."""
    lines = [f"{number / 10},{number % 7},{'ab'[number % 2]},true" for number in range(50)]
    whole = server.invoke("\n".join(lines)).text
    assert whole.count("\n") == len(lines)
    for size in (1, 7):
        parts = ["\n".join(lines[start : start + size]) for start in range(0, len(lines), size)]
        assert "".join(server.invoke(part).text for part in parts) == whole
    documents = [json.dumps([number / 10, number % 7, "ab"[number % 2], True]) for number in range(50)]
    joined = "".join(server.invoke(text, "application/jsonlines").text for text in documents)
    assert joined == server.invoke("\n".join(documents), "application/jsonlines").text


REQUEST = b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: %d\r\n\r\n%s"


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        pytest.param(REQUEST % (13, ROW.encode()) * 3, ["200", "200", "200"], id="three requests at once"),
        pytest.param(REQUEST % (4, b"x,y\n") + REQUEST % (13, ROW.encode()), ["400", "200"], id="a bad one first"),
        pytest.param(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nContent-Length: 4\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ["400"], id="two ways to end a body",
        ),
        pytest.param(b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", ["400"], id="an endless path"),
        pytest.param(b"GET /ping HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", ["400"], id="NUL in a header"),
        pytest.param(b"GET /ping HTTP/1.1\r\nX y: 1\r\n\r\n", ["400"], id="a blank in a header's name"),
        pytest.param(
            b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"7\r\n0.5,3,a\r\n6\r\n,true\n\r\n0\r\n\r\n", ["200"], id="a row in two pieces",
        ),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ["400"], id="HTTP/2"),
    ],
)  # fmt: skip
def test_http_as_it_comes(server: Server, sent: bytes, statuses: list[str]) -> None:
    """Requests in one piece are answered one by one; what is no HTTP/1 is refused."""
    address = server.client.base_url
    received = b""
    with socket.create_connection((address.host, address.port), timeout=15) as connection:
        connection.sendall(sent)
        while received.count(b"HTTP/1.1 ") < len(statuses) and (piece := connection.recv(65536)):
            received += piece
    found = [part.split(b" ")[0].decode() for part in received.split(b"HTTP/1.1 ")[1:]]
    assert found == statuses
    assert server.invoke(ROW).status_code == 200
