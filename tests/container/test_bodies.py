"""Every form of a body gives the same answers, in every form that may be asked for."""

import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
from container_jobs import Server, make_job, schema, serving, stop

from perennial_container.errors import RequestError
from perennial_container.serving.admission import MOST_BYTES, Admission
from perennial_container.serving.bounds import MEBIBYTE, check_table, check_text, sure_megabytes

NAMES = ["x", "y", "z"]
ROWS = [[0.25, -1.5, 3.0], [1.5, 0.5, -2.0], [-0.75, 2.25, 7.0]]
CSV, JSON, NPY = "text/csv", "application/json", "application/x-npy"
ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A model of three numbers and three classes, served."""
    generator = np.random.default_rng(3)
    rows = [
        {"x": a, "y": b, "z": c, "kind": ("low", "mid", "high")[int(np.digitize(a + b, [-0.5, 0.5]))]}
        for a, b, c in generator.normal(size=(300, 3)).round(3).tolist()
    ]
    document = schema(
        "multiclass_classification", "kind", dict.fromkeys(NAMES, "float"), ["low", "mid", "high"]
    )
    job = make_job(tmp_path_factory.mktemp("numbers"), document, {"one.csv": rows})
    result = job.train()
    assert result.returncode == 0, result.stdout + result.stderr
    with serving(job.base) as running:
        running.wait_for_ping(200)
        yield running


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def split(names: list[str], rows: list[list[float]]) -> dict[str, object]:
    return {"columns": names, "index": list(range(len(rows))), "data": rows}


TURNED = split(["z", "extra", "y", "x"], [[z, 9.0, y, x] for x, y, z in ROWS])
NAMED = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
ARRAY = np.array(ROWS)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(json.dumps(ROWS), JSON, id="bare lists"),
        pytest.param(json.dumps(NAMED), JSON, id="bare records"),
        pytest.param(json.dumps({"inputs": ROWS}), JSON, id="inputs"),
        pytest.param(json.dumps({"inputs": NAMED}), JSON, id="inputs by name"),
        pytest.param(json.dumps({"dataframe_records": NAMED}), JSON, id="records as MLflow names them"),
        pytest.param(json.dumps({"records": NAMED}), JSON, id="records"),
        pytest.param(json.dumps(split(NAMES, ROWS)), JSON, id="split"),
        pytest.param(json.dumps(TURNED), JSON, id="split in another order"),
        pytest.param(json.dumps({"dataframe_split": TURNED}), JSON, id="split as MLflow names it"),
        pytest.param(npy(ARRAY), NPY, id="npy"),
        pytest.param(npy(ARRAY.astype(np.float32)), NPY, id="npy of 32 bits"),
        pytest.param(npy(ARRAY.astype(">f8")), NPY, id="npy of another byte order"),
        pytest.param(npy(np.asfortranarray(ARRAY)), NPY, id="npy by columns"),
    ],
)
def test_every_form_says_the_same(numbers: Server, body: str | bytes, kind: str) -> None:
    """Rows are the same rows however they are written."""
    expected = numbers.invoke(json.dumps({"instances": ROWS}), JSON)
    found = numbers.invoke(body, kind)
    assert (found.status_code, found.headers["content-type"]) == (200, JSON), found.text
    assert found.json() == expected.json()


def test_npy_has_missing_numbers(numbers: Server) -> None:
    """A NaN in an array is what an empty cell is in CSV."""
    array = np.where(ARRAY == 0.25, np.nan, ARRAY)
    lines = "\n".join(",".join("" if cell == 0.25 else str(cell) for cell in row) for row in ROWS)
    expected = numbers.invoke(lines, CSV, accept=JSON)
    found = numbers.invoke(npy(array), NPY)
    assert found.json() == expected.json()


@pytest.mark.parametrize(
    ("wish", "keys", "cells"),
    [
        ("predictions=labels", {"predicted_label"}, 1),
        ("trace=1; predictions=probabilities", {"score", "probabilities"}, 3),
        ("predictions=both", {"predicted_label", "score", "probabilities"}, 2),
        ("of=another;kind", {"predicted_label", "score", "probabilities"}, 2),
    ],
)
def test_attributes_choose_the_parts(numbers: Server, wish: str, keys: set[str], cells: int) -> None:
    """Custom attributes choose labels, probabilities or both, and come back as they were."""
    body = json.dumps(ROWS)
    found = numbers.invoke(body, JSON, **{ATTRIBUTES: wish})
    assert found.headers[ATTRIBUTES] == wish
    assert {frozenset(each) for each in found.json()["predictions"]} == {frozenset(keys)}
    lines = numbers.invoke(body, JSON, accept=CSV, **{ATTRIBUTES: wish}).text.splitlines()
    assert [line.count(",") + 1 for line in lines] == [cells] * len(ROWS)


def test_answers_name_the_version_of_the_registry(loans) -> None:
    """SageMaker passes on no header but the custom attributes: the version comes after what the caller sent, if it fits."""
    answers = {}
    with serving(loans.base, PERENNIAL_MODEL_VERSION="7") as server:
        server.wait_for_ping(200)
        for sent in ("", "trace=1", "t" * 1020):
            answered = server.invoke("0.5,3,a,true\n", **({ATTRIBUTES: sent} if sent else {}))
            answers[sent] = answered.headers[ATTRIBUTES]
    assert answers == {
        "": "model-version=7",
        "trace=1": "trace=1,model-version=7",
        "t" * 1020: "t" * 1020,
    }


def test_an_unknown_wish_is_refused(numbers: Server) -> None:
    """A misspelt wish is told, not overheard."""
    found = numbers.invoke(json.dumps(ROWS), JSON, **{ATTRIBUTES: "predictions=label"})
    assert (found.status_code, found.json()["error"]["code"]) == (400, "unknown_parts")


def test_batch_transform_is_told_what_fits(numbers: Server) -> None:
    """What is promised is let in at once, and three columns of the shortest rows are never too many."""
    found = numbers.client.get("/execution-parameters").json()
    assert (found["BatchStrategy"], found["MaxPayloadInMB"]) == ("MULTI_RECORD", 3)
    assert 1 <= found["MaxConcurrentTransforms"] <= MOST_BYTES // (3 * MEBIBYTE)


@pytest.mark.parametrize("columns", [1, 2, 3, 7, 8, 30, 500])
def test_what_is_promised_to_batch_transform_has_few_enough_rows_and_cells(columns: int) -> None:
    """A body of the promised size is let through, though its rows are as short as rows can be."""
    row = b"1\n" if columns == 1 else b"," * (columns - 1) + b"\n"
    rows = sure_megabytes(columns) * MEBIBYTE // len(row)
    check_text(row * rows, "csv")
    check_table(rows, columns)


def test_a_transform_job_is_let_in() -> None:
    """As many requests as the job's own settings say, each as large as they say, are in flight at once; one more is not."""
    admission = Admission(body_limit=6 * MEBIBYTE, transforms=16)
    for _ in range(16):
        admission.admit(6 * MEBIBYTE)
    with pytest.raises(RequestError) as refused:
        admission.admit(6 * MEBIBYTE)
    assert refused.value.status == 503
    few = Admission(body_limit=MEBIBYTE, transforms=1)
    for _ in range(25):
        few.admit(MEBIBYTE)


def test_errors_are_logged_without_the_payload(loans) -> None:
    """A refusal is one line of JSON with the inference id and the place; what was sent is not in the log."""
    with serving(loans.base, PERENNIAL_PREDICTIONS="labels") as server:
        server.wait_for_ping(200)
        refused = server.invoke("secret-figure,3,a,true\n", **{"x-amzn-sagemaker-inference-id": "request-17"})
        answered = server.invoke("0.5,3,a,true\n", **{"x-amzn-sagemaker-inference-id": "request-18"})
        assert stop(server) == 0
        assert server.process.stdout is not None
        log = server.process.stdout.read()
    assert refused.status_code == 400
    assert "secret-figure" in refused.text
    assert answered.headers["x-amzn-sagemaker-inference-id"] == "request-18"
    assert answered.text in ("yes\n", "no\n"), "the environment chooses what is answered unasked"
    assert "secret-figure" not in log
    [line] = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert line == {
        "event": "invocation",
        "inference_id": "request-17",
        "status": 400,
        "code": "wrong_type",
        "line": 1,
        "column": "ratio",
    }
