"""The analyze command on a window's request: what the analysis Lambda starts when a window is too large for it."""

import json
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from container_jobs import DEADLINE_SECONDS, Job
from traffic import END, FEATURES, START, Traffic, analyze, capture_lines, configure, label_lines, write_lines

from perennial_analysis.window.request import Request

ROWS = 600


def request(monitor: str, **settings: Any) -> Request:
    return Request(
        model="loans",
        monitor=monitor,
        endpoint="perennial-loans",
        schedule=f"perennial-loans-{monitor.replace('_', '-')}",
        start=START,
        end=END,
        problem="binary_classification",
        features=FEATURES,
        model_version=3,
        dataset_version="0123456789ab",
        settings={"min_records": 50, "positive": "yes", **settings},
        classes=("no", "yes"),
    )


def lay_out(
    base: Path, asked: Request, baseline: Path, files: dict[str, Sequence[str]], labels: Sequence[str] = ()
) -> Path:
    """A host's /opt/ml, as SageMaker makes it."""
    given = base / "processing" / "input"
    (given / "request").mkdir(parents=True)
    (given / "request" / "request.json").write_bytes(asked.to_json())
    shutil.copytree(baseline, given / "baseline")
    for name, lines in files.items():
        write_lines(given / "capture" / name, lines)
    if labels:
        write_lines(given / "labels" / "2026/11/23/05/labels.jsonl", labels)
    return base


MONITORS = [
    pytest.param(
        request("data_quality"), {"statistics.json", "constraint_violations.json"}, id="data quality"
    ),
    pytest.param(
        request("model_quality", metric="auc", label_delay="1h"), {"statistics.json"}, id="model quality"
    ),
    pytest.param(
        request("bias", facet="group", privileged="a", metrics=["DPPL"], tolerance=0.1),
        {"analysis.json"},
        id="bias",
    ),
]


@pytest.mark.parametrize(("asked", "some"), MONITORS)
def test_hosts_that_share_a_window(
    loans: Job, traffic: Traffic, tmp_path: Path, asked: Request, some: set[str]
):
    """One host, or three that write parts and one that joins them: the same files, but for the order of sums."""
    lines = list(capture_lines(traffic.rows, traffic.answers, FEATURES))
    labels = list(label_lines(traffic.rows))
    files = {f"2026/11/23/04/{part}.jsonl": lines[part::4] for part in range(4)}
    baseline = loans.base / "output/data/baseline"
    code, message, whole = analyze(lay_out(tmp_path / "one", asked, baseline, files, labels))
    assert code == 0
    assert message.startswith("Completed")
    assert {"summary.json", "report.html", "datapoints.json"} | some <= set(whole)
    assert json.loads(whole["summary.json"])["records"] == ROWS

    hosts = ["algo-1", "algo-2", "algo-3"]
    merging = lay_out(tmp_path / "merge", asked, baseline, {})
    for place, host in enumerate(hosts):
        shard = {name: files[name] for name in sorted(files)[place :: len(hosts) - 1] if place < 2}
        base = lay_out(tmp_path / host, asked, baseline, shard, labels)
        configure(base, host, *hosts)
        code, message, written = analyze(base)
        assert (code, set(written)) == (0, {f"parts/{host}.part"})
        assert message.startswith(f"Completed: Host {host} ")
        part = merging / "processing/input" / f"parts/{host}.part"
        part.parent.mkdir(exist_ok=True)
        part.write_bytes(written[f"parts/{host}.part"])
    joined = analyze(merging)[2]
    assert rounded(joined.pop("statistics.json", b"{}")) == rounded(whole.pop("statistics.json", b"{}"))
    assert joined == whole


def rounded(document: bytes) -> Any:
    """JSON with its numbers to ten figures."""
    return json.loads(document, parse_float=lambda text: float(f"{float(text):.10g}"))


def test_metrics_are_for_whoever_may_put_them(loans: Job, traffic: Traffic, tmp_path: Path):
    """datapoints.json has what PutMetricData needs, in the names that alarms use, at the window's end."""
    lines = list(capture_lines(traffic.rows, traffic.answers, FEATURES))
    base = lay_out(tmp_path, request("data_quality"), loans.base / "output/data/baseline", {"a.jsonl": lines})
    found = {each["name"]: each for each in json.loads(analyze(base)[2]["datapoints.json"])}
    assert found["records"] == {
        "namespace": "aws/sagemaker/Endpoints/data-metrics",
        "name": "records",
        "dimensions": {"Endpoint": "perennial-loans", "MonitoringSchedule": "perennial-loans-data-quality"},
        "value": float(ROWS),
        "timestamp": END.isoformat(),
        "unit": "Count",
    }
    assert {"violations", "drifted_features"} <= set(found)


def test_violations_are_in_the_message(loans: Job, traffic: Traffic, tmp_path: Path):
    """A window that violates its baseline says so in Model Monitor's words, and the job completes."""
    moved = [{**row, "score": row["score"] + 20} for row in traffic.rows]
    lines = list(capture_lines(moved, traffic.answers, FEATURES))
    base = lay_out(tmp_path, request("data_quality"), loans.base / "output/data/baseline", {"a.jsonl": lines})
    code, message, files = analyze(base)
    count = len(json.loads(files["constraint_violations.json"])["violations"])
    assert (code, count > 0) == (0, True)
    assert message.startswith(
        f"CompletedWithViolations: Job completed successfully with {count} violations. "
    )


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        pytest.param([], "empty", id="no file"),
        pytest.param(['{"captureData": 7}', "\x00", "ü" * 3000], "too_few", id="nothing but rubbish"),
    ],
)
def test_windows_without_records(loans: Job, tmp_path: Path, lines: list[str], status: str):
    """A window without a readable record is an explicit report, and the message keeps to its kilobyte of UTF-8."""
    files = {"a.jsonl": lines} if lines else {}
    base = lay_out(tmp_path, request("data_quality"), loans.base / "output/data/baseline", files)
    code, message, written = analyze(base)
    summary = json.loads(written["summary.json"])
    assert (code, summary["status"], summary["broken"]["count"]) == (0, status, len(lines))
    assert len(message.encode()) <= 1024


BAD = [
    pytest.param("request/request.json", b"{}", "request.json: not the request", id="request"),
    pytest.param("parts/algo-1.part", b"\xff", "algo-1.part: not a part", id="part"),
]


@pytest.mark.parametrize(("name", "content", "reason"), BAD)
def test_what_cannot_be_understood(loans: Job, tmp_path: Path, name: str, content: bytes, reason: str):
    """A request or a part that is none fails the job with a sentence, in the message and in `failure`."""
    base = lay_out(tmp_path, request("data_quality"), loans.base / "output/data/baseline", {})
    file = base / "processing/input" / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    code, message, written = analyze(base)
    assert (code, written) == (1, {})
    assert reason in message
    assert (base / "output/failure").read_text() == message


def test_nothing_to_analyse(tmp_path: Path):
    """A job that brings neither a request nor a dataset is told what is missing."""
    code, message, _ = analyze(tmp_path)
    assert code == 1
    assert message.startswith("there is nothing to analyse: neither request/request.json")


def test_a_stopped_job(tmp_path: Path):
    """A job that is stopped ends at once, though it is the first process of its container, and claims nothing."""
    asked = tmp_path / "processing/input/request/request.json"
    asked.parent.mkdir(parents=True)
    os.mkfifo(asked)
    with Job(tmp_path).start("analyze") as process, asked.open("wb"):  # opens once the process reads
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_SECONDS) == 143
    assert not (tmp_path / "output").exists()
