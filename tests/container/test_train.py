"""The train command, run as SageMaker runs it."""

import hashlib
import json
import logging
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from container_jobs import DEADLINE_SECONDS, LOANS, PACKAGES, Job, loan_rows, make_job, schema


@pytest.fixture(autouse=True)
def _log_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_outputs(loans: Job):
    """A training leaves a graph, its description and an evaluation, and no failure."""
    assert {path.name for path in loans.model.iterdir()} == {"model.onnx", "model.json"}
    assert not (loans.base / "output" / "failure").exists()
    evaluation = loans.evaluation
    assert evaluation["rows"]["total"] == 400
    assert evaluation["rows"]["training"] + evaluation["rows"]["holdout"] == 400
    assert set(evaluation["metrics"]) == {"auc", "accuracy", "precision", "recall", "f1", "log_loss"}
    assert evaluation["metrics"]["auc"] > 0.8
    assert evaluation["champion"] is None
    assert evaluation["hyperparameters"]["num_leaves"] == 31
    assert evaluation["bias"]["facet"] == "group"
    assert set(evaluation["bias"]["groups"]) == {"a", "b, c", 'd"e'}
    assert {"DPPL", "DI", "AD"} <= set(evaluation["bias"]["metrics"])


def test_metric_lines(loans: Job):
    """Every metric is a log line that SageMaker's metric definitions can read."""
    logged = dict(re.findall(r"^metric holdout:(\w+)=(\S+)$", (loans.base / "log").read_text(), re.MULTILINE))
    assert logged.keys() == loans.evaluation["metrics"].keys()
    for name, value in loans.evaluation["metrics"].items():
        assert float(logged[name]) == pytest.approx(value, rel=1e-5)


def test_deterministic(loans: Job, tmp_path: Path):
    """The same data, settings and seed give the same bytes."""
    rows = loan_rows(400)
    again = make_job(tmp_path, LOANS, {"one.csv": rows[:250], "two": rows[250:]})
    assert again.train().returncode == 0
    for name in ("model.onnx", "model.json"):
        assert (again.model / name).read_bytes() == (loans.model / name).read_bytes()


MULTICLASS = schema(
    "multiclass_classification",
    'the "kind", truly',
    {"größe (cm)": "float", "a, b": "string", "empty": "float", "same": "int", "id": "int"},
    ["1", "2", "10"],
)


def odd_rows(count: int) -> list[dict[str, object]]:
    generator = np.random.default_rng(3)
    sizes = generator.normal(170, 20, count)
    return [
        {
            "a, b": ["x, y", "", "null", 'q"r'][number % 4],
            'the "kind", truly': ["1", "2", "10"][int(size > 160) + int(size > 180)],
            "größe (cm)": f" {size:.2f} " if number % 5 else "n/a",
            "unused": "line\nbreak",
            "empty": "",
            "id": 10**12 + number,
            "same": 7,
        }
        for number, size in enumerate(sizes)
    ]


@pytest.mark.parametrize("estimator", ["gradient_boosting", "linear"])
def test_multiclass(tmp_path: Path, caplog: pytest.LogCaptureFixture, estimator: str):
    """Odd names, numeric labels, missing cells, empty and constant columns are learnt from all the same."""
    job = make_job(tmp_path, MULTICLASS, {"p.csv": odd_rows(300)}, estimator=estimator)
    assert job.run() == 0
    metrics = job.evaluation["metrics"]
    assert set(metrics) == {
        "accuracy", "weighted_precision", "weighted_recall", "weighted_f1", "log_loss",
    }  # fmt: skip
    assert metrics["accuracy"] > 0.7
    assert "'empty' has no value in any training row" in caplog.text


@pytest.mark.parametrize("estimator", ["gradient_boosting", "linear"])
def test_regression(tmp_path: Path, caplog: pytest.LogCaptureFixture, estimator: str):
    """A large target with a small spread is predicted to its spread; rows without a target are left out."""
    generator = np.random.default_rng(4)
    rows = [{"x": x, "y": 1e7 + 10 * x} for x in generator.normal(size=300).round(4)]
    rows[7]["y"] = rows[8]["y"] = "NaN"
    job = make_job(tmp_path, schema("regression", "y", {"x": "float"}), {"p.csv": rows}, estimator=estimator)
    assert job.run() == 0
    assert job.evaluation["rows"]["total"] == 298
    assert "left out 2 rows without a value in 'y'" in caplog.text
    assert set(job.evaluation["metrics"]) == {"rmse", "mse", "mae", "r2"}
    assert job.evaluation["metrics"]["r2"] > 0.95


def test_champion(loans: Job, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """The champion is scored on the same holdout; a model compared with itself differs by nothing."""
    rows = loan_rows(400)
    job = make_job(tmp_path, LOANS, {"one.csv": rows[:250], "two": rows[250:]}, champion_version="3")
    job.add_champion(loans.model)
    assert job.run() == 0
    champion = job.evaluation["champion"]
    assert champion["version"] == "3"
    assert champion["metrics"] == job.evaluation["metrics"]
    assert champion["difference"]["auc"] == {"value": 0.0, "standard_error": 0.0}
    assert f"metric champion:auc={champion['metrics']['auc']:.6g}" in caplog.text


def test_weaker_champion(loans: Job, tmp_path: Path):
    """A difference to another champion comes with its standard error, on more rows and new categories."""
    rows = loan_rows(600)
    rows[-1]["group"] = "new"
    job = make_job(tmp_path, LOANS, {"p.csv": rows})
    job.add_champion(loans.model)
    assert job.run() == 0
    difference = job.evaluation["champion"]["difference"]
    metrics = job.evaluation["metrics"], job.evaluation["champion"]["metrics"]
    for name, entry in difference.items():
        assert entry["value"] == pytest.approx(metrics[0][name] - metrics[1][name])
        assert 0 < entry["standard_error"] < 0.3


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param({"model.onnx": b"x"}, "damaged", id="bytes changed"),
        pytest.param({"model.json": b"{"}, "not JSON", id="description unreadable"),
        pytest.param({"model.json": None}, "holds no", id="description missing"),
    ],
)
def test_broken_champion(loans: Job, tmp_path: Path, damage: dict[str, bytes | None], reason: str):
    """A champion that cannot be scored does not stop the training, and the reason is told."""
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in loans.model.iterdir():
        content = damage.get(file.name, file.read_bytes())
        if content is not None:
            (broken / file.name).write_bytes(content)
    job = make_job(tmp_path / "job", LOANS, {"p.csv": loan_rows(100)}, champion_version="2")
    job.add_champion(broken)
    assert job.run() == 0
    assert job.evaluation["champion"]["version"] == "2"
    assert reason in job.evaluation["champion"]["error"]


def test_champion_of_another_question(loans: Job, tmp_path: Path):
    """A champion that lacks a column of today's data, or answers other classes, is not compared."""
    job = make_job(tmp_path, MULTICLASS, {"p.csv": odd_rows(100)})
    job.add_champion(loans.model)
    assert job.run() == 0
    assert "answers another question" in job.evaluation["champion"]["error"]


FAILURES = [
    pytest.param({}, {"num_leafs": "7"}, "did you mean 'num_leaves'?", id="unknown hyperparameter"),
    pytest.param({}, {"num_leaves": "many"}, "expected a value like 31", id="wrong kind of hyperparameter"),
    pytest.param({}, {"learning_rate": "-1"}, "XGBoost refuses", id="impossible hyperparameter"),
    pytest.param({}, {"holdout": "2"}, "'holdout' is '2', expected a number", id="impossible holdout"),
    pytest.param({}, {"estimator": "magic"}, "known are gradient_boosting, linear", id="unknown estimator"),
    pytest.param({}, {"estimator": "no.such"}, "cannot be imported", id="missing module"),
    pytest.param({}, {"facet": "planet"}, "lacks the columns ['planet']", id="unknown facet"),
    pytest.param({}, {"facet": "group", "privileged": "z"}, "has no two groups", id="unknown group"),
    pytest.param(
        {},
        {"facet": "score", "facet_threshold": "9", "privileged": "10"},
        "the facet 'score' has no two groups: privileged is '(9, inf]', its values are ['(-inf, 9]']",
        id="threshold beyond the data",
    ),
    pytest.param(
        {},
        {"facet": "group", "facet_threshold": "9", "privileged": "10"},
        "facet_threshold parts numbers: p.csv, data row",
        id="threshold of texts",
    ),
    pytest.param(
        {},
        {"facet": "planet", "facet_threshold": "9"},
        "lacks the columns ['planet']",
        id="threshold of nothing",
    ),
    pytest.param(
        {"ratio": "x"}, {}, "p.csv, data row 41, column 'ratio': 'x' is not a number", id="bad cell"
    ),
    pytest.param({"score": "1.5"}, {}, "'1.5' is not a whole number", id="fraction in an int column"),
    pytest.param({"deny": "maybe"}, {}, "'maybe' is not one of the schema's classes", id="unknown label"),
]


@pytest.mark.parametrize(("cell", "hyperparameters", "reason"), FAILURES)
def test_failure(tmp_path: Path, cell: dict[str, str], hyperparameters: dict[str, str], reason: str):
    """A failure says what, where and what to do, in the file that SageMaker reads."""
    rows = loan_rows(60)
    rows[40].update(cell)
    job = make_job(tmp_path, LOANS, {"p.csv": rows}, **hyperparameters)
    assert job.run() == 1
    assert reason in job.failure
    assert len(job.failure) <= 1024
    assert not (job.model / "model.onnx").exists()


def pin(job: Job, *, besides: str | None = None) -> None:
    """Write dataset.json for the parts that are there, and for one that is not."""
    parts = [
        {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in sorted((job.base / "input/data/training").rglob("*.csv"))
    ]
    parts += [{"name": besides, "sha256": "0" * 64}] if besides else []
    channel = job.base / "input/data/dataset"
    channel.mkdir()
    (channel / "dataset.json").write_text(json.dumps({"parts": parts}))


def test_pinned_parts(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """Data that is what was pinned is trained on."""
    rows = loan_rows(200)
    job = make_job(tmp_path, LOANS, {"a.csv": rows[:100], "b.csv": rows[100:]})
    pin(job)
    assert job.run() == 0
    assert "all 2 parts are what was pinned" in caplog.text


def test_replaced_part(tmp_path: Path):
    """A part that was replaced after it was pinned is named, and nothing is trained."""
    job = make_job(tmp_path, LOANS, {"a.csv": loan_rows(200)})
    pin(job)
    with (job.base / "input/data/training/a.csv").open("a") as file:
        file.write("1,2,a,true,no\n")
    assert job.run() == 1
    assert "'a.csv' is not what was pinned" in job.failure


def test_removed_and_added_parts(tmp_path: Path):
    """A part that is gone is named; one that nobody pinned is refused."""
    gone, added = (make_job(tmp_path / name, LOANS, {"a.csv": loan_rows(200)}) for name in ("gone", "added"))
    pin(gone, besides="b.csv")
    pin(added)
    (added.base / "input/data/training/c.csv").write_bytes(b"x\n1\n")
    assert (gone.run(), added.run()) == (1, 1)
    assert "'b.csv' is not what was pinned" in gone.failure
    assert "more data than was pinned" in added.failure


def test_failed_process(tmp_path: Path):
    """A failed process exits with 1, and its reason is in the log, too."""
    job = make_job(tmp_path, LOANS, {"p.csv": loan_rows(5)})
    result = job.train()
    assert result.returncode == 1
    assert "at least 10 are needed" in job.failure
    assert job.failure in result.stdout


def test_one_class(tmp_path: Path):
    """A target that never varies cannot be learnt."""
    rows = [{**row, "deny": "no"} for row in loan_rows(60)]
    job = make_job(tmp_path, LOANS, {"p.csv": rows})
    assert job.run() == 1
    assert job.failure == "every training row has the same 'deny' (no): there is nothing to learn"


def test_constant_features(tmp_path: Path):
    """Features that say nothing make a model that predicts the share of each class."""
    rows = [{**row, "noise": number} for number, row in enumerate(loan_rows(200))]
    for row in rows:
        row.update(ratio="", score=1, group="a", first=True)
    constant = schema("binary_classification", "deny", {"ratio": "float", "score": "int"}, ["no", "yes"])
    constant["features"].append({"name": "noise", "type": "int"})
    job = make_job(tmp_path, constant, {"p.csv": rows}, num_leaves="2", min_child_weight="1000.0")
    assert job.run() == 0
    assert job.evaluation["metrics"]["auc"] == 0.5


PAGE = Path(__file__).parents[2] / "docs" / "container.md"


def own_estimator_job(folder: Path, source: str) -> tuple[Job, str]:
    """A job with an estimator that is not part of the image, and the PYTHONPATH that finds it."""
    (folder / "mycompany").mkdir()
    (folder / "mycompany" / "nearest_mean.py").write_text(source)
    settings = {"estimator": "mycompany.nearest_mean", "sharpness": "2.0"}
    return make_job(folder / "job", MULTICLASS, {"p.csv": odd_rows(200)}, **settings), f"{folder}:{PACKAGES}"


def documented_estimator() -> str:
    return re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[1]


def test_own_estimator(tmp_path: Path):
    """The page's example of an own estimator trains and ships."""
    job, path = own_estimator_job(tmp_path, documented_estimator())
    result = job.train(PYTHONPATH=path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "found the means of 3 classes" in result.stdout
    assert job.evaluation["estimator"] == "mycompany.nearest_mean"
    assert job.evaluation["hyperparameters"] == {"sharpness": 2.0}


def test_own_estimator_with_another_graph(tmp_path: Path):
    """An estimator whose graph says something else is not shipped."""
    source = documented_estimator().replace("array(-self.weights,", "array(-self.weights / 2,")
    job, path = own_estimator_job(tmp_path, source)
    assert job.train(PYTHONPATH=path).returncode == 1
    assert "what is served differs from the estimator by" in job.failure
    assert not (job.model / "model.onnx").exists()


def test_own_estimator_with_a_handler(tmp_path: Path):
    """The page's estimator without a graph ships its own files, and is judged by what its handler says."""
    page = (PAGE.parent / "own-model.md").read_text()
    [source] = re.findall(
        r'^```python\n(""".*?HANDLER = .*?)^```', page.split("## In the loop")[1], re.DOTALL | re.MULTILINE
    )
    (tmp_path / "mycompany").mkdir()
    (tmp_path / "mycompany" / "boosted.py").write_text(source)
    job = make_job(
        tmp_path / "job", LOANS, {"p.csv": loan_rows(300)}, estimator="mycompany.boosted", rounds="20"
    )
    result = job.train(PYTHONPATH=f"{tmp_path}:{PACKAGES}")
    assert result.returncode == 0, result.stdout + result.stderr
    assert {path.name for path in job.model.iterdir()} == {"model.ubj", "model.json"}
    description = json.loads((job.model / "model.json").read_text())
    assert (description["handler"], list(description["files"])) == ("xgboost", ["model.ubj"])
    assert description["parity"]["max_difference"] < 1e-4
    assert job.evaluation["metrics"]["auc"] > 0.8
    again = make_job(tmp_path / "again", LOANS, {"p.csv": loan_rows(300)})
    again.add_champion(job.model)
    assert again.run() == 0
    assert again.evaluation["champion"]["metrics"]["auc"] > 0.8


def test_interruption(tmp_path: Path):
    """After SIGTERM the next start goes on from the checkpoint and ends with the same model."""
    generator = np.random.default_rng(5)
    rows = [{"x": x, "y": x * x} for x in generator.normal(size=22_000).round(3)]
    document = schema("regression", "y", {"x": "float"})
    settings = {"holdout": "0.05", "rounds": "150", "learning_rate": "0.01", "early_stopping_rounds": "150"}
    whole = make_job(tmp_path / "whole", document, {"p.csv": rows}, **settings)
    assert whole.train().returncode == 0

    job = make_job(tmp_path / "cut", document, {"p.csv": rows}, **settings)
    with job.start() as process:
        for line in process.stdout:
            if line.startswith("round 50 "):
                process.send_signal(signal.SIGTERM)
                break
        process.stdout.read()
        assert process.wait(DEADLINE_SECONDS) == 143
    assert not (job.base / "output" / "failure").exists()
    assert not job.model.exists()
    assert len(list((job.base / "checkpoints").iterdir())) == 1

    result = job.train()
    assert "going on from round" in result.stdout
    assert (job.model / "model.onnx").read_bytes() == (whole.model / "model.onnx").read_bytes()
    assert json.loads((job.model / "model.json").read_text()) == json.loads(
        (whole.model / "model.json").read_text()
    )
    assert list((job.base / "checkpoints").iterdir()) == []
