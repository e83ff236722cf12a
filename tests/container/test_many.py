"""Several models in one container: SageMaker's `/models` API, spoken to over HTTP."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from container_jobs import Job, Server, serving, stop
from test_own_model import make_simple

from perennial_container.serving.many import invoked
from perennial_container.serving.room import BASE, FACTOR, MEBIBYTE, Room, needed

ROW = "0.5,3,a,true\n"
CSV = {"content-type": "text/csv"}


@pytest.fixture(scope="module")
def models(loans: Job, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A multi-model server with two folders to load from, as SageMaker lays them out."""
    base = tmp_path_factory.mktemp("many")
    shutil.copytree(loans.model, base / "models" / "loans" / "model")
    make_simple(base / "simple")
    shutil.copytree(base / "simple" / "model", base / "models" / "simple" / "model")
    shutil.copytree(loans.model, base / "models" / "broken" / "model")
    (base / "models" / "broken" / "model" / "model.onnx").write_bytes(b"rubbish")
    big = base / "models" / "big" / "model"
    shutil.copytree(loans.model, big)
    with (big / "weights").open("wb") as file:
        file.truncate(2048 * MEBIBYTE)
    environment = {"SAGEMAKER_MULTI_MODEL": "true", "SAGEMAKER_PROGRAM": "handler.py"}
    with serving(base, PERENNIAL_MODELS_MEMORY_MB="1024", **environment) as server:
        server.wait_for_ping(200)
        yield server


def load(server: Server, name: str, folder: str) -> httpx.Response:
    return server.client.post("/models", json={"model_name": name, "url": f"/opt/ml/models/{folder}/model"})


def invoke(server: Server, name: str, body: str = ROW) -> httpx.Response:
    return server.client.post(f"/models/{name}/invoke", content=body, headers=CSV)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def test_a_model_from_load_to_unload(models: Server) -> None:
    """A model is loaded, listed, asked and unloaded by its name; then it is gone."""
    assert code(invoke(models, "first")) == (404, "model_not_loaded")
    assert load(models, "first", "loans").status_code == 200
    described = {"modelName": "first", "modelUrl": "/opt/ml/models/loans/model"}
    assert models.client.get("/models").json() == {"models": [described]}
    assert models.client.get("/models/first").json() == described
    answer = models.client.post(
        "/models/first/invoke",
        content=ROW,
        headers={
            **CSV,
            "x-amzn-sagemaker-target-model": "loans.tar.gz",
            "x-amzn-sagemaker-inference-id": "i-1",
        },
    )
    assert answer.text.startswith("yes,")
    assert answer.headers["x-amzn-sagemaker-inference-id"] == "i-1"
    assert code(load(models, "first", "loans")) == (409, "model_already_loaded")
    assert models.client.delete("/models/first").status_code == 200
    assert code(models.client.delete("/models/first")) == (404, "model_not_loaded")
    assert code(models.client.get("/models/first")) == (404, "model_not_loaded")
    assert code(invoke(models, "first")) == (404, "model_not_loaded")
    assert models.client.get("/models").json() == {"models": []}


def test_a_model_unloaded_under_load(models: Server) -> None:
    """A large request whose body is still on its way when its model is unloaded is answered."""
    assert load(models, "leaving", "loans").status_code == 200

    def body() -> Iterator[bytes]:
        yield ROW.encode() * 5000
        deadline = time.monotonic() + 15
        while "perennial_requests_in_flight 1" not in models.client.get("/metrics").text:
            assert time.monotonic() < deadline
        assert models.client.delete("/models/leaving").status_code == 200
        yield ROW.encode()

    with httpx.Client(base_url=models.client.base_url, timeout=30) as other:
        answer = other.post("/models/leaving/invoke", content=body(), headers=CSV)
    assert (answer.status_code, answer.text.count("yes,")) == (200, 5001)
    assert code(invoke(models, "leaving")) == (404, "model_not_loaded")


def test_two_models_answer_for_themselves(models: Server) -> None:
    """Models of different schemas live side by side, one of them a user's own."""
    assert load(models, "a/b", "loans").status_code == 200
    assert load(models, "simple", "simple").status_code == 200
    assert invoke(models, "a/b").text.startswith("yes,")
    assert invoke(models, "simple", "3,abc\n").text == "9.0\n"
    refused = invoke(models, "simple", ROW)
    assert code(refused) == (400, "wrong_column_count")
    for name in ("a/b", "simple"):
        assert models.client.delete(f"/models/{name}").status_code == 200


def test_a_model_that_does_not_fit(models: Server) -> None:
    """A model that memory has no room for is 507, by which SageMaker unloads others; the rest goes on."""
    assert code(load(models, "big", "big")) == (507, "insufficient_memory")
    assert models.client.get("/ping").status_code == 200
    assert load(models, "small", "loans").status_code == 200
    assert models.client.delete("/models/small").status_code == 200


BAD = [
    pytest.param({"model_name": "x", "url": "/etc"}, 400, "unknown_url", id="outside of /opt/ml"),
    pytest.param({"model_name": "x", "url": "/opt/ml/" + "a" * 5000}, 400, "unknown_url", id="a long way"),
    pytest.param({"model_name": "x", "url": "/opt/ml/../../etc"}, 400, "unknown_url", id="a way out"),
    pytest.param({"model_name": "x", "url": "/opt/ml/models/no/model"}, 400, "unknown_url", id="no folder"),
    pytest.param(
        {"model_name": "x", "url": "/opt/ml/models/broken/model"}, 400, "model_not_servable", id="broken"
    ),
    pytest.param({"model_name": "x", "url": "a\0b"}, 400, "malformed_request", id="a NUL byte"),
    pytest.param({"model_name": 3, "url": "/opt/ml"}, 400, "malformed_request", id="a number for a name"),
    pytest.param({"model_name": ""}, 400, "malformed_request", id="no url"),
    pytest.param([], 400, "malformed_request", id="a list"),
    pytest.param("x" * 100_000, 413, "body_too_large", id="a large request"),
]


@pytest.mark.parametrize(("document", "status", "name"), BAD)
def test_a_bad_load_is_refused(models: Server, document: object, status: int, name: str) -> None:
    """What cannot be loaded is told by a code, and nothing is loaded."""
    assert code(models.client.post("/models", json=document)) == (status, name)
    assert models.client.get("/models").json() == {"models": []}


def test_what_is_no_json(models: Server) -> None:
    """A body that is no JSON, and a token that was never given out, are the caller's errors."""
    assert code(models.client.post("/models", content=b"{")) == (400, "malformed_json")
    assert code(models.client.get("/models", params={"next_page_token": "x"})) == (400, "unknown_token")
    assert code(models.client.post("/invocations", content=ROW, headers=CSV)) == (404, "model_not_loaded")


def test_loads_at_once(models: Server) -> None:
    """Of several loads of one name at once, one is done and the others are told so."""
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(load(models, "same", "loans").status_code))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 409, 409, 409]
    assert models.client.delete("/models/same").status_code == 200


def test_many_loads_leak_nothing(models: Server) -> None:
    """Loading and unloading again and again ends with the memory it began with."""

    def held() -> int:
        return int(Path(f"/proc/{models.process.pid}/statm").read_text(encoding="ascii").split()[1]) * 4096

    def once() -> None:
        for name in ("loans", "simple"):
            assert load(models, name, name).status_code == 200
        assert invoke(models, "loans").status_code == 200
        assert invoke(models, "simple", "3,abc\n").status_code == 200
        for name in ("loans", "simple"):
            assert models.client.delete(f"/models/{name}").status_code == 200

    once()
    before = held()
    for _ in range(15):
        once()
    assert held() - before < 24 * MEBIBYTE
    threads = len(list(Path(f"/proc/{models.process.pid}/task").iterdir()))
    assert threads < 60


def test_pages(loans: Job, tmp_path: Path) -> None:
    """More models than one answer holds come in pages; and SIGTERM ends a server of many."""
    shutil.copytree(loans.model, tmp_path / "models" / "m" / "model")
    with serving(tmp_path, SAGEMAKER_MULTI_MODEL="True") as server:
        server.wait_for_ping(200)
        names = [f"model-{number:03}" for number in range(103)]
        for name in names:
            assert load(server, name, "m").status_code == 200
        first = server.client.get("/models").json()
        second = server.client.get("/models", params={"next_page_token": first["nextPageToken"]}).json()
        assert [entry["modelName"] for entry in first["models"] + second["models"]] == names
        assert "nextPageToken" not in second
        assert stop(server) == 0


def test_a_caller_that_hangs_up(tmp_path: Path) -> None:
    """Half a request to load, and then nobody, is no error of the server's: its log has no traceback, nor warnings."""
    (tmp_path / "models").mkdir()
    with serving(tmp_path, SAGEMAKER_MULTI_MODEL="true") as server:
        server.wait_for_ping(200)
        address = server.client.base_url
        with socket.create_connection((address.host, address.port)) as connection:
            connection.sendall(b"POST /models HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert server.client.get("/models").json() == {"models": []}
        assert stop(server) == 0
        output, errors = server.process.communicate()
    assert "Traceback" not in output
    assert errors == ""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/models/a/invoke", ("a", True)),
        ("/models/a/b/invoke", ("a/b", True)),
        ("/models/invoke", ("", False)),
        ("/models//invoke", ("", False)),
        ("/models/a", ("", False)),
    ],
)
def test_which_model_a_path_asks(path: str, expected: tuple[str, bool]) -> None:
    """A name is whatever stands between."""
    assert invoked(path) == expected


def test_room(tmp_path: Path) -> None:
    """A model needs some times its files; it fits if that and what is used stay within the limit."""
    (tmp_path / "file").write_bytes(b"0" * 1000)
    assert needed(tmp_path) == BASE + FACTOR * 1000
    assert Room(limit=10, used=4, needed=6).enough
    assert not Room(limit=10, used=5, needed=6).enough
    assert json.dumps(Room(10 * MEBIBYTE, 9 * MEBIBYTE, 2 * MEBIBYTE).reason).count("2 MB") == 1
