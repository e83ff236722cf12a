"""A model of a user's own, behind its handler: trained by the examples, served by the real process."""

import hashlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from container_jobs import CONTAINER, Server, clean_environment, serving, stop

from perennial_container.artefact import write_own
from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import ArtefactError
from perennial_container.handlers import Batch
from perennial_container.handlers.onnx import chosen
from perennial_container.schema import Feature, Schema
from perennial_container.seal import Trust, sealed
from perennial_container.serving.model import ServedModel

EXAMPLES = CONTAINER.parent / "examples" / "own-model"
JSON = "application/json"
NUMBERS = Schema("regression", "y", (), (Feature("x", "float"), Feature("name", "string")))
SIMPLE = """
import time
import numpy as np
from perennial_container.handlers import InvalidRows

def load(model_dir):
    return float((model_dir / "factor.txt").read_text())

def predict(model, batch):
    x = batch["x"]
    if (x == 13).any():
        raise InvalidRows("thirteen is not for sale", row=int(np.argmax(x == 13)), column="x")
    if (x == 14).any():
        raise RuntimeError(f"secret payload {x}")
    if (x == 15).any():
        return np.zeros((batch.rows, 7))
    if (x == 16).any():
        return x * np.nan
    if (x == 17).any():
        time.sleep(30)
    if (x == 18).any():
        raise SystemExit(3)
    if (x == 19).any():
        return ["1"] * batch.rows
    if (x == 20).any():
        return x + 1j
    return model * x + [0 if name is None else len(name) for name in batch["name"]]
"""


def make_example(name: str, base: Path) -> Path:
    command = [sys.executable, str(EXAMPLES / name / "train.py"), str(base)]
    done = subprocess.run(
        command, env=clean_environment(), cwd=base, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return base


def make_simple(base: Path, source: str = SIMPLE, key: str | None = None) -> Path:
    model = base / "model"
    (model / "code").mkdir(parents=True)
    (model / "code" / "handler.py").write_text(source)
    (model / "factor.txt").write_text("2.0")
    write_own(model, "code/handler.py", NUMBERS, [[1.0, "ab"], [2.5, None]], key=key)
    return base


def columns_of(base: Path) -> tuple[dict, list[str]]:
    document = json.loads((base / "model" / "model.json").read_text())
    return document, [feature["name"] for feature in document["features"]]


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        pytest.param("scikit-learn", {"SAGEMAKER_PROGRAM": "handler.py"}, id="scikit-learn"),
        pytest.param("xgboost", {}, id="xgboost"),
        pytest.param("onnx", {}, id="onnx"),
    ],
)
def test_an_example_is_served(name: str, environment: dict[str, str], tmp_path: Path) -> None:
    """What an example trains is served by its handler, with all of the contract: by name, by position, every form."""
    document, names = columns_of(make_example(name, tmp_path))
    rows, classes = document["golden"]["rows"], document["schema"]["classes"]
    rows = [
        [
            bool(cell) if feature["type"] == "bool" else cell
            for cell, feature in zip(row, document["features"], strict=True)
        ]
        for row in rows
    ]
    with serving(tmp_path, **environment) as server:
        server.wait_for_ping(200)
        listed = server.invoke(json.dumps({"instances": rows}), JSON)
        assert listed.status_code == 200, listed.text
        turned = [dict(reversed(list(zip(names, row, strict=True)))) for row in rows]
        assert server.invoke(json.dumps(turned), JSON).json() == listed.json()
        lines = "\n".join(
            [",".join(f'"{name}"' for name in names), *(",".join(map(str, row)) for row in rows)]
        )
        assert server.invoke(lines, accept=JSON).json() == listed.json()
        assert listed.headers["x-model-version"] == document["sha256"][:12]
        for prediction, scores in zip(
            listed.json()["predictions"], document["golden"]["scores"], strict=True
        ):
            if classes is None:
                assert prediction["score"] == pytest.approx(scores[0])
            elif len(classes) == 2:
                assert prediction["score"] == pytest.approx(scores[0], abs=1e-5)
                assert prediction["predicted_label"] == classes[scores[0] >= 0.5]
            else:
                assert prediction["probabilities"] == pytest.approx(scores, abs=1e-5)
                assert prediction["predicted_label"] == classes[scores.index(max(scores))]
        bad = server.invoke(json.dumps([["x", *rows[0][1:]]]), JSON).json()["error"]
        assert (bad["code"], bad["line"], bad["column"]) == ("wrong_type", 1, names[0])
        assert stop(server) == 0


@pytest.fixture(scope="module")
def simple(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A handler that answers two times x plus the length of a name, and that fails when it is asked to."""
    base = make_simple(tmp_path_factory.mktemp("simple"))
    with serving(base, SAGEMAKER_PROGRAM="handler.py") as server:
        server.wait_for_ping(200)
        yield server


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/csv", "3,abc\n-1.5,\n"),
        ("text/csv", 'name,other,x\n"abc",9,3\nNA,,-1.5\n'),
        (JSON, '[[3, "abc"], [-1.5, null]]'),
        (JSON, '{"columns": ["name", "x"], "data": [["abc", 3], [null, -1.5]]}'),
        ("application/jsonlines", '{"x": 3, "name": "abc"}\n[-1.5, ""]'),
    ],
)
def test_raw_texts(simple: Server, kind: str, body: str) -> None:
    """A text without categories reaches the handler as it is, None where it is missing."""
    answer = simple.invoke(body, kind, accept=JSON)
    assert answer.json() == {"predictions": [{"score": 9.0}, {"score": -3.0}]}, answer.text


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("text/csv", b"3,abc\n"),
        ("application/jsonlines", b'[3, "abc"]\n'),
        (JSON, b'{"x": 3, "name": "abc"},'),
    ],
)
def test_a_large_body_in_pieces(simple: Server, kind: str, line: bytes) -> None:
    """A body that arrives in pieces and is too large for the event loop is answered like a small one."""
    count = 20_000
    whole = b"[" + line * (count - 1) + line.rstrip(b",") + b"]" if kind == JSON else line * count
    pieces = (whole[start : start + 65536] for start in range(0, len(whole), 65536))
    answer = simple.client.post(
        "/invocations", content=pieces, headers={"content-type": kind, "accept": "text/csv"}
    )
    assert answer.text == "9.0\n" * count


FAILURES = [
    pytest.param("13,a", 400, "invalid_rows", "thirteen is not for sale", id="rows that it refuses"),
    pytest.param("14,a", 500, "handler_failed", "raised RuntimeError", id="an exception"),
    pytest.param("15,a", 500, "handler_failed", "shape (1, 7) for 1 rows", id="another shape"),
    pytest.param("16,a", 500, "handler_failed", "no number for row 1", id="not a number"),
    pytest.param("18,a", 500, "handler_failed", "raised SystemExit", id="an exit"),
    pytest.param("19,a", 500, "handler_failed", "gave an array of <U1", id="labels"),
    pytest.param("20,a", 500, "handler_failed", "gave an array of complex", id="complex numbers"),
    pytest.param("x,a", 400, "wrong_type", "expected a number", id="a cell of a wrong type"),
    pytest.param('1,"a', 400, "malformed_csv", "unexpected end of data", id="an open quote"),
]


@pytest.mark.parametrize(("body", "status", "code", "message"), FAILURES)
def test_a_handler_that_fails(simple: Server, body: str, status: int, code: str, message: str) -> None:
    """Whatever a handler does, the caller gets a code and a sentence, and the next request is served."""
    answer = simple.invoke(f"{body}\n")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert message in error["message"]
    assert "secret" not in answer.text
    assert simple.client.get("/ping").status_code == 200
    assert simple.invoke("3,abc\n").text == "9.0\n"


def test_one_bad_request_fails_alone(simple: Server) -> None:
    """Requests that are predicted together answer for themselves."""
    answers: dict[int, int] = {}

    def ask(number: int) -> None:
        answers[number] = simple.invoke(f"{number},a\n").status_code

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(10, 18 - 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {10: 200, 11: 200, 12: 200, 13: 400, 14: 500, 15: 500, 16: 500}


def test_a_handler_that_does_not_come_back(tmp_path: Path) -> None:
    """The request is answered in time, /ping says why the instance should be replaced, and SIGTERM still ends it."""
    base = make_simple(tmp_path)
    with serving(base, SAGEMAKER_PROGRAM="handler.py", SAGEMAKER_MODEL_SERVER_TIMEOUT="1") as server:
        server.wait_for_ping(200)
        started = time.monotonic()
        answer = server.invoke("17,a\n")
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "handler_timeout")
        assert time.monotonic() - started < 10
        server.wait_for_ping(503, "has not come back")
        assert stop(server) == 0


def test_the_log_has_no_payload(tmp_path: Path) -> None:
    """The log says where a handler raised what, without the message that may quote the rows."""
    with serving(make_simple(tmp_path), SAGEMAKER_PROGRAM="handler.py") as server:
        server.wait_for_ping(200)
        server.invoke("14,a\n", **{"x-amzn-sagemaker-inference-id": "request-9"})
        assert stop(server) == 0
        assert server.process.stdout is not None
        log = server.process.stdout.read()
    assert "RuntimeError" in log
    assert "handler.py" in log
    assert "secret payload [14" not in log
    assert '"inference_id":"request-9"' in log


NOT_SERVED = [
    pytest.param({}, {}, "wants to run its own code/handler.py", id="nobody allowed its code"),
    pytest.param({}, {"SAGEMAKER_PROGRAM": "other.py"}, "wants to run its own", id="another file is allowed"),
    pytest.param({}, {"PERENNIAL_SIGNING_KEY": "k"}, "is not signed", id="not signed"),
    pytest.param(
        {"factor.txt": "3.0"}, {"SAGEMAKER_PROGRAM": "handler.py"}, "factor.txt is damaged", id="changed"
    ),
    pytest.param({"factor.txt": None}, {"SAGEMAKER_PROGRAM": "handler.py"}, "lacks factor.txt", id="missing"),
    pytest.param(
        {"code/handler.py": "import os"},
        {"SAGEMAKER_PROGRAM": "handler.py"},
        "handler.py is damaged",
        id="other code",
    ),
    pytest.param(
        {"code/more.py": ""}, {"SAGEMAKER_PROGRAM": "handler.py"}, "does not list", id="one file more"
    ),
]


def reason_of(base: Path, environment: dict[str, str]) -> str:
    """Why a server with this environment would not serve; empty if it would."""
    model = ServedModel(base / "model", 1, Trust.from_env(environment))
    model.load()
    return "" if model.served else model.reason


@pytest.mark.parametrize(("damage", "environment", "reason"), NOT_SERVED)
def test_what_is_not_trusted_is_not_run(
    tmp_path: Path, damage: dict[str, str | None], environment: dict[str, str], reason: str
) -> None:
    """Code in an artefact runs only where it is allowed or signed, and only as it was written."""
    base = make_simple(tmp_path)
    for name, content in damage.items():
        (base / "model" / name).unlink(missing_ok=True)
        if content is not None:
            (base / "model" / name).write_text(content)
    assert reason in reason_of(base, environment)


def test_code_that_nobody_allowed_is_told(tmp_path: Path) -> None:
    """The process stays up, says on /ping what would allow the code, and never runs it."""
    with serving(make_simple(tmp_path)) as server:
        server.wait_for_ping(503, "set SAGEMAKER_PROGRAM=handler.py to allow that")
        assert server.invoke("1,a\n").status_code == 503
        assert stop(server) == 0


def test_what_is_signed_is_run(tmp_path: Path) -> None:
    """With the key of the training that signed the artefact its code runs; a change of model.json is told."""
    base = make_simple(tmp_path, key="the key")
    environment = {"PERENNIAL_SIGNING_KEY": "the key"}
    assert reason_of(base, environment) == ""
    path = base / "model" / "model.json"
    document = json.loads(path.read_text())
    del document["signature"]
    path.write_text(json.dumps(sealed({**document, "threshold": 0.9}, "another key")))
    assert "not signed with this server's key" in reason_of(base, environment)


BROKEN_HANDLERS = [
    pytest.param("def load(folder): return 1\n", "lacks predict", id="no predict"),
    pytest.param("import nothing_like_it\n", "cannot be imported: ModuleNotFoundError", id="an import"),
    pytest.param("def load(\n", "cannot be imported: SyntaxError", id="no Python"),
    pytest.param(
        "def load(folder): raise OSError('no disk')\ndef predict(m, b): ...\n",
        "raised OSError: no disk",
        id="no load",
    ),
    pytest.param(
        "def load(folder): return 1\ndef predict(m, b): return 0.5 * b['x']\n",
        "golden sample",
        id="other scores",
    ),
]


@pytest.mark.parametrize(("source", "reason"), BROKEN_HANDLERS)
def test_a_handler_that_cannot_start(tmp_path: Path, source: str, reason: str) -> None:
    """A handler that cannot be loaded, or that says something else than when it was packed, is never ready."""
    base = make_simple(tmp_path)
    model = base / "model"
    (model / "code" / "handler.py").write_text(source)
    document = json.loads((model / "model.json").read_text())
    document["files"]["code/handler.py"] = hashlib.sha256(source.encode()).hexdigest()
    del document["checksum"]
    (model / "model.json").write_text(json.dumps(document))
    assert reason in reason_of(base, {"SAGEMAKER_PROGRAM": "handler.py"})


def test_compiled_code_beside_a_source_is_not_run(tmp_path: Path) -> None:
    """The source that was checked is what runs: nothing compiled is left in the artefact."""
    base = make_simple(tmp_path)
    assert reason_of(base, {"SAGEMAKER_PROGRAM": "handler.py"}) == ""
    found = {path.name for path in (base / "model").rglob("*") if path.is_file()}
    assert found == {"model.json", "factor.txt", "handler.py"}


def test_a_batch() -> None:
    """Columns by name: numbers as 32-bit floats, texts as they are or as one of their categories."""
    encodings = [
        FeatureEncoding(Feature("x", "float")),
        FeatureEncoding(Feature("group", "string"), ("a", "b")),
    ]
    batch = Batch(np.array([[1.5, 1], [np.nan, np.nan]], np.float32), encodings)
    assert (batch.rows, len(batch), list(batch)) == (2, 2, ["x", "group"])
    assert batch["group"].tolist() == ["b", None]
    assert batch.matrix.dtype == batch["x"].dtype == np.float32
    raw = [*encodings, FeatureEncoding(Feature("text", "string"))]
    mixed = Batch(np.array([[1.5, 0, "so"], [2, np.nan, None]], object), raw)
    assert mixed["text"].tolist() == ["so", None]
    assert mixed["group"].tolist() == ["a", None]
    assert mixed["x"].dtype == np.float32
    with pytest.raises(TypeError, match="'text' is a text without categories"):
        assert mixed.matrix is None


@pytest.mark.parametrize(
    ("outputs", "name"),
    [(["scores"], "scores"), (["label", "probabilities"], "probabilities"), (["a", "b"], "b")],
)
def test_the_output_of_any_graph(outputs: list[str], name: str) -> None:
    """A graph's scores are found by the names that the field's tools give them."""
    assert chosen(outputs) == name


def test_a_conversion_that_differs_is_not_written(tmp_path: Path) -> None:
    """Where the model's own scores are given, a handler that says something else ends the packing."""
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "code" / "handler.py").write_text(SIMPLE)
    (tmp_path / "model" / "factor.txt").write_text("2.0")
    with pytest.raises(ArtefactError, match="away from the model's own"):
        write_own(tmp_path / "model", "code/handler.py", NUMBERS, [[1.0, "ab"]], expected=[4.01])
    assert not (tmp_path / "model" / "model.json").exists()
