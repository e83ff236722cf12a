"""The built images do their work with as little as they can be given, and as SageMaker starts them."""

import json
from pathlib import Path

import pytest
from jobs import AS_ROOT, START, Image, lay_out_analysis, lay_out_training, rows

USER = 10001
ELSE = 4242
INVOKE = """
import json, sys, urllib.request
body = b"0.5,3,a\\n-2,1,b\\n"
asked = urllib.request.Request("http://127.0.0.1:8080/invocations", body, {"Content-Type": "text/csv"})
with urllib.request.urlopen(asked, timeout=10) as answer:
    print(json.dumps([answer.status, answer.headers["Content-Type"], answer.read().decode()]))
"""
INVOKE_PARQUET = """
import io, json, urllib.error, urllib.request
import pyarrow, pyarrow.parquet
def ask(body):
    url, kind = "http://127.0.0.1:8080/invocations", {"Content-Type": "application/x-parquet"}
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, body, kind), timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    return [answer.status, answer.read().decode()]
table = pyarrow.table({
    "group": pyarrow.array(["a", "b", None]).dictionary_encode(),
    "other": [1, 2, 3],
    "score": pyarrow.array([3, 1, None], pyarrow.int16()),
    "ratio": [0.5, -2.0, None],
})
file = io.BytesIO()
pyarrow.parquet.write_table(table, file)
whole = file.getvalue()
print(json.dumps([ask(whole), ask(whole[:-100]), ask(whole)]))
"""
SECURITY = """
status = dict(line.split(":\\t", 1) for line in open("/proc/1/status").read().splitlines() if ":\\t" in line)
try:
    open("/opt/app/written", "w")
    written = True
except OSError:
    written = False
print(status["Uid"].split()[0], int(status["CapEff"], 16), status["NoNewPrivs"], written)
"""


def of(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("image", names, indirect=True)


def test_a_model_is_trained(trained: Path) -> None:
    """Training leaves artefact, evaluation and baseline, without root, capabilities, network or a writable root."""
    assert {"model.onnx", "model.json"} <= {file.name for file in (trained / "model").iterdir()}
    assert json.loads((trained / "output/data/evaluation.json").read_text())["metrics"]["auc"] > 0.7
    assert (trained / "output/data/baseline/constraints.json").exists()
    assert not (trained / "output/failure").exists()


@of("perennial")
def test_any_user_trains(image: Image, tmp_path: Path) -> None:
    """Whoever starts the container as a user of theirs gets files of that user."""
    base = lay_out_training(tmp_path / "ml", ELSE, rows(300, seed=2))
    done = image.run(base, "train", "--user", f"{ELSE}:{ELSE}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert image.owner(base, "model/model.onnx") == ELSE


@of("train")
def test_sagemakers_root_is_given_up(image: Image, tmp_path: Path) -> None:
    """Started as root on folders of root's, training goes on as another user before it reads data."""
    base = lay_out_training(tmp_path / "ml", 0, rows(300, seed=3))
    done = image.run(base, "train", *AS_ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "started as root, going on as user 10001" in done.stdout
    assert image.owner(base, "model/model.onnx") == USER


@of("train")
def test_a_failure_is_told(image: Image, tmp_path: Path) -> None:
    """A training that can't be done exits with 1 and says why where SageMaker looks."""
    base = lay_out_training(tmp_path / "ml", USER, rows(300, seed=4))
    (base / "input/data/training/part-0.csv").write_text("ratio,score,group,deny\nx,1,a,yes\n")
    assert image.run(base, "train", "--user", str(USER)).returncode == 1
    assert "ratio" in (base / "output/failure").read_text()


@of("serve", "serve-parquet", "perennial")
def test_a_model_is_served(image: Image, trained: Path) -> None:
    """The server answers on 8080 as a plain user without any right, and ends on SIGTERM with 0."""
    with image.serving(trained / "model", "--user", f"{USER}:{USER}") as container:
        status, content_type, text = json.loads(container.python(INVOKE))
        assert (status, content_type.partition(";")[0]) == (200, "text/csv")
        assert [line.partition(",")[0] in {"yes", "no"} for line in text.splitlines()] == [True, True]
        assert container.python(SECURITY) == f"{USER} 0 1 False"
        code, seconds = container.stop()
    assert code == 0
    assert seconds < 30


@of("serve-parquet", "perennial")
def test_parquet_is_read(image: Image, trained: Path) -> None:
    """A Parquet body is answered by a process of its own, without any right and a place to write; a broken one is 400."""
    with image.serving(trained / "model", "--user", f"{USER}:{USER}") as container:
        whole, broken, again = json.loads(container.python(INVOKE_PARQUET))
        assert container.python(SECURITY) == f"{USER} 0 1 False"
    assert (whole[0], broken[0]) == (200, 400)
    assert len(json.loads(whole[1])["predictions"]) == 3
    assert json.loads(broken[1])["error"]["code"] == "malformed_parquet"
    assert again == whole


@of("serve")
def test_the_smallest_server_reads_no_parquet(image: Image, trained: Path) -> None:
    """Without pyarrow a Parquet body is 415, and what is read instead is said."""
    code = INVOKE.replace('b"0.5,3,a\\n-2,1,b\\n"', 'b"PAR1"').replace("text/csv", "application/x-parquet")
    with image.serving(trained / "model", "--user", f"{USER}:{USER}") as container:
        assert "HTTP Error 415" in container.execute("python", "-c", code).stderr


@of("perennial")
def test_a_server_that_root_starts_is_not_roots(image: Image, trained: Path) -> None:
    """As SageMaker starts it: process 1 has become user 10001 and has no capability left."""
    with image.serving(trained / "model", *AS_ROOT) as container:
        assert json.loads(container.python(INVOKE))[0] == 200
        assert container.execute("grep", "-E", "^(Uid|CapEff)", "/proc/1/status").stdout.split() == [
            *("Uid:", *[str(USER)] * 4),
            *("CapEff:", "0" * 16),
        ]


@of("analyze", "perennial")
def test_a_window_is_analysed(image: Image, trained: Path, tmp_path: Path) -> None:
    """A Processing job leaves summary, report and datapoints, with the least that it can be given."""
    baseline = trained / "output/data/baseline"
    base = lay_out_analysis(tmp_path / "ml", USER, baseline, rows(200, seed=5))
    done = image.run(base, "analyze", "--user", f"{USER}:{USER}")
    assert done.returncode == 0, done.stdout + done.stderr
    output = base / "processing/output"
    summary = json.loads((output / "summary.json").read_text())
    assert (summary["records"], summary["window"]["start"][:16]) == (200, f"{START:%Y-%m-%dT%H:%M}")
    assert {"report.html", "datapoints.json", "statistics.json"} <= {file.name for file in output.iterdir()}
    assert (base / "output/message").read_text().startswith("Completed")


@of("analyze", "perennial")
def test_nothing_to_analyse_is_a_failure(image: Image, tmp_path: Path) -> None:
    """A job without a request exits with 1 and says so."""
    (tmp_path / "ml").mkdir(mode=0o777)
    (tmp_path / "ml").chmod(0o777)
    assert image.run(tmp_path / "ml", "analyze", "--user", str(USER)).returncode == 1
    assert "nothing to analyse" in (tmp_path / "ml/output/failure").read_text()
