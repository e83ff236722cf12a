"""The analyze command by Model Monitor's contract for containers of one's own."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from traffic import FEATURES, START, Traffic, analyze, capture_lines, configure, record, write_lines

from perennial_analysis.constraints import read_constraints
from perennial_analysis.statistics_file import read_statistics

SOURCE = "/opt/ml/processing/input/endpoint"
BASELINE = "/opt/ml/processing/input/baseline_dataset_input"
CAPTURE = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}
COLUMNS = ["predicted_label", "score_of_yes", *FEATURES]


def at(base: Path, path: str) -> Path:
    return base / path.removeprefix("/opt/ml/")


def monitor(
    base: Path, dataset_format: Mapping[str, Any], **settings: str
) -> tuple[int, str, dict[str, bytes]]:
    """Run a job; its settings are in processingjobconfig.json, as a Processing job's environment is."""
    environment = {
        "dataset_format": json.dumps(dataset_format),
        "dataset_source": SOURCE,
        "output_path": "/opt/ml/processing/resultdata",
        "publish_cloudwatch_metrics": "Disabled",
        **settings,
    }
    (base / "config").mkdir(parents=True, exist_ok=True)
    (base / "config" / "processingjobconfig.json").write_text(json.dumps({"Environment": environment}))
    code, message, _ = analyze(base)
    found = base / "processing" / "resultdata"
    return code, message, {path.name: path.read_bytes() for path in found.glob("*")}


def rows_with_answers(traffic: Traffic) -> list[dict[str, Any]]:
    """Rows as a baseline dataset has them: the outputs' columns first."""
    answers = [answer.split(",") for answer in traffic.answers]
    return [
        {"predicted_label": label, "score_of_yes": float(score), **{name: row[name] for name in FEATURES}}
        for (label, score), row in zip(answers, traffic.rows, strict=True)
    ]


def as_csv(file: Path, rows: list[dict[str, Any]]) -> None:
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def as_json_lines(file: Path, rows: list[dict[str, Any]]) -> None:
    known = [{name: None if value in ("NA", "") else value for name, value in row.items()} for row in rows]
    write_lines(file, [json.dumps(row) for row in known])


def as_parquet(file: Path, rows: list[dict[str, Any]]) -> None:
    known = [{name: None if value in ("NA", "") else value for name, value in row.items()} for row in rows]
    pa.parquet.write_table(pa.Table.from_pylist(known), file)


DATASETS = [
    pytest.param({"csv": {"header": True, "output_columns_position": "START"}}, as_csv, id="csv"),
    pytest.param({"Csv": {"Header": True}}, as_csv, id="the API's csv"),
    pytest.param({"json": {"lines": True}}, as_json_lines, id="json lines"),
    pytest.param({"Json": {"Line": True}}, as_json_lines, id="the API's json lines"),
    pytest.param({"Parquet": {}}, as_parquet, id="parquet"),
]
Writer = Callable[[Path, list[dict[str, Any]]], None]


@pytest.mark.parametrize(("dataset_format", "write"), DATASETS)
def test_a_baseline_of_any_dataset(
    traffic: Traffic,
    tmp_path: Path,
    dataset_format: Mapping[str, Any],
    write: Writer,
):
    """Without a baseline to compare with, a dataset in any format becomes one, in either spelling of AWS's."""
    at(tmp_path, BASELINE).mkdir(parents=True)
    rows = rows_with_answers(traffic)
    write(at(tmp_path, BASELINE) / "data", rows)
    code, message, files = monitor(tmp_path, dataset_format, dataset_source=BASELINE)
    assert (code, set(files)) == (0, {"statistics.json", "constraints.json"})
    assert message == "Completed: Job completed successfully with no violations. The baseline is of 600 rows."
    found = read_statistics(files["statistics.json"]).features
    assert list(found) == COLUMNS
    assert {name: feature.kind for name, feature in found.items()} == {
        "predicted_label": "String", "score_of_yes": "Fractional", "ratio": "Fractional", "score": "Integral",
        "group": "String", "first": "String",
    }  # fmt: skip
    assert found["ratio"].missing == sum(row["ratio"] == "NA" for row in rows)
    assert list(read_constraints(files["constraints.json"]).features) == COLUMNS


@pytest.fixture
def baseline(traffic: Traffic, tmp_path: Path) -> dict[str, str]:
    """A baseline of the traffic itself, in place for a monitoring job."""
    base = tmp_path / "baseline"
    at(base, BASELINE).mkdir(parents=True)
    as_csv(at(base, BASELINE) / "data.csv", rows_with_answers(traffic))
    _, _, files = monitor(base, {"csv": {"header": True}}, dataset_source=BASELINE)
    folder = at(tmp_path, "/opt/ml/processing/baseline")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return {
        f"baseline_{kind}": f"/opt/ml/processing/baseline/{kind}.json"
        for kind in ("statistics", "constraints")
    }


def captured(base: Path, traffic: Traffic, **changes: Any) -> None:
    rows = [{**row, **changes} for row in traffic.rows]
    lines = list(capture_lines(rows, traffic.answers, FEATURES))
    folder = at(base, SOURCE) / "perennial-loans/blue/2026/11/23"
    late = record(9999, START.replace(hour=5), "NA,77,z,True", "no,0.1")
    write_lines(folder / "04/one.jsonl", lines[:300])
    write_lines(folder / "04/two.jsonl", [*lines[300:], late])


WINDOW = {
    "start_time": "2026-11-23T04: 00: 00Z",
    "end_time": "2026-11-23T05: 00: 00Z",
    "sagemaker_endpoint_name": "perennial-loans",
    "sagemaker_monitoring_schedule_name": "loans-schedule",
    "publish_cloudwatch_metrics": "Enabled",
}


def test_captured_traffic_like_the_baseline(traffic: Traffic, tmp_path: Path, baseline: dict[str, str]):
    """Rows without names have the baseline's; what is not of the window, whose times have blanks, is left out."""
    captured(tmp_path, traffic)
    code, message, files = monitor(tmp_path, CAPTURE, **baseline, **WINDOW)
    assert (code, message) == (0, "Completed: Job completed successfully with no violations.")
    assert read_statistics(files["statistics.json"]).rows == 600
    assert json.loads(files["constraint_violations.json"]) == {"violations": []}


def test_captured_traffic_that_moved(traffic: Traffic, tmp_path: Path, baseline: dict[str, str]):
    """Violations are in the file, counted in the message, and the metrics are in Model Monitor's names."""
    captured(tmp_path, traffic, score=9)
    code, message, files = monitor(tmp_path, CAPTURE, **baseline, **WINDOW)
    violations = json.loads(files["constraint_violations.json"])["violations"]
    assert {(each["feature_name"], each["constraint_check_type"]) for each in violations} == {
        ("score", "baseline_drift_check")
    }
    assert code == 0
    assert message == "CompletedWithViolations: Job completed successfully with 1 violations."
    lines = (tmp_path / "output/metrics/cloudwatch/cloudwatch_metrics.jsonl").read_text().splitlines()
    metrics = {metric["MetricName"]: metric for metric in map(json.loads, lines)}
    assert metrics["feature_data_score"]["StatisticValues"] == {
        "SampleCount": 600, "Sum": 5400.0, "Minimum": 9.0, "Maximum": 9.0,
    }  # fmt: skip
    assert metrics["feature_baseline_drift_score"]["Value"] > 0.3
    missing = sum(row["ratio"] == "NA" for row in traffic.rows)
    assert metrics["feature_non_null_ratio"]["StatisticValues"]["Sum"] == 600 - missing
    assert metrics["violations"] == {
        "MetricName": "violations",
        "Timestamp": "2026-11-23T05:00:00Z",
        "Dimensions": [
            {"Name": "Endpoint", "Value": "perennial-loans"},
            {"Name": "MonitoringSchedule", "Value": "loans-schedule"},
        ],
        "Value": 1,
    }


@pytest.mark.parametrize(
    ("sides", "width"),
    [
        pytest.param(["endpointInput"], 4, id="inputs"),
        pytest.param(["endpointOutput"], 2, id="outputs"),
        pytest.param(["endpointInput", "endpointOutput"], 6, id="both"),
    ],
)
def test_sides_of_captured_traffic(traffic: Traffic, tmp_path: Path, sides: list[str], width: int):
    """Only the asked sides of captured traffic are looked at; without names its columns are named as Spark does."""
    captured(tmp_path, traffic)
    asked = {"sagemakerCaptureJson": {"captureIndexNames": sides}}
    code, _, files = monitor(tmp_path, asked)
    assert code == 0
    assert list(read_statistics(files["statistics.json"]).features) == [
        f"_c{place}" for place in range(width)
    ]


def test_a_window_without_traffic(tmp_path: Path, baseline: dict[str, str]):
    """No record is no violation and no failure: the statistics say 0 rows, and so does the message."""
    at(tmp_path, SOURCE).mkdir(parents=True)
    code, message, files = monitor(tmp_path, CAPTURE, **baseline, **WINDOW)
    assert (code, read_statistics(files["statistics.json"]).rows) == (0, 0)
    assert message.endswith("There were no records.")


def test_broken_lines(traffic: Traffic, tmp_path: Path, baseline: dict[str, str]):
    """Lines that are no records are counted and shown, in a message of at most a kilobyte of UTF-8."""
    captured(tmp_path, traffic)
    write_lines(at(tmp_path, SOURCE) / "broken.jsonl", ["ü" * 4000, '{"captureData": ' + "Ж" * 4000])
    code, message, _ = monitor(tmp_path, CAPTURE, **baseline, **WINDOW)
    assert code == 0
    assert "2 could not be read, such as: " in message
    assert len(message.encode()) <= 1024


def labelled_rows(traffic: Traffic) -> list[dict[str, Any]]:
    answers = rows_with_answers(traffic)
    return [{**answer, "deny": row["deny"]} for answer, row in zip(answers, traffic.rows, strict=True)]


QUALITY = {
    "analysis_type": "MODEL_QUALITY",
    "problem_type": "BinaryClassification",
    "publish_cloudwatch_metrics": "Enabled",
}


def test_model_quality(traffic: Traffic, tmp_path: Path):
    """Quality is measured on a dataset, and on merged records against that: equal where the rows are, worse if not."""
    base = tmp_path / "baseline"
    at(base, BASELINE).mkdir(parents=True)
    as_csv(at(base, BASELINE) / "data.csv", labelled_rows(traffic))
    columns = {
        "ground_truth_attribute": "deny",
        "inference_attribute": "predicted_label",
        "probability_attribute": "score_of_yes",
    }
    code, message, files = monitor(
        base, {"csv": {"header": True}}, dataset_source=BASELINE, **QUALITY, **columns
    )
    assert (code, set(files)) == (0, {"statistics.json", "constraints.json", "errors.json"})
    assert message.endswith("The baseline is of 600 rows.")
    before = json.loads(files["statistics.json"])["binary_classification_metrics"]
    assert before["auc"]["value"] > 0.8

    folder = at(tmp_path, "/opt/ml/processing/baseline")
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    places = {
        "inference_attribute": "0",
        "probability_attribute": "1",
        "baseline_constraints": "/opt/ml/processing/baseline/constraints.json",
    }
    merged = at(tmp_path, SOURCE) / "merged.jsonl"
    write_lines(merged, list(capture_lines(traffic.rows, traffic.answers, FEATURES, merged=True)))
    code, message, files = monitor(tmp_path, CAPTURE, **QUALITY, **places)
    assert (code, message) == (0, "Completed: Job completed successfully with no violations.")
    assert json.loads(files["statistics.json"])["binary_classification_metrics"] == before

    wrong = [{**row, "deny": {"yes": "no", "no": "yes"}[row["deny"]]} for row in traffic.rows]
    write_lines(merged, list(capture_lines(wrong, traffic.answers, FEATURES, merged=True)))
    code, message, files = monitor(tmp_path, CAPTURE, **QUALITY, **places)
    violations = json.loads(files["constraint_violations.json"])["violations"]
    assert {"auc", "accuracy"} <= {each["metric_name"] for each in violations}
    assert (
        message == f"CompletedWithViolations: Job completed successfully with {len(violations)} violations."
    )


def test_quality_of_other_problems(tmp_path: Path):
    """Numbers and many classes are measured from a headerless dataset whose columns are named by their place."""
    at(tmp_path, SOURCE).mkdir(parents=True)
    data = at(tmp_path, SOURCE) / "data.csv"
    places = {"analysis_type": "MODEL_QUALITY", "inference_attribute": "0", "ground_truth_attribute": "1"}
    for problem, lines, key in (
        ("Regression", ["1.5,1.0", "2.5,3.0", ",7"], "regression_metrics"),
        ("MulticlassClassification", ["a,a", "b,c", "c,c"], "multiclass_classification_metrics"),
    ):
        write_lines(data, lines)
        code, message, files = monitor(tmp_path, {"csv": {"header": False}}, problem_type=problem, **places)
        assert code == 0, message
        assert json.loads(files["statistics.json"])[key]
    assert json.loads(files["statistics.json"])["dataset"]["item_count"] == 3


FAILURES = [
    pytest.param(None, {"dataset_source": "/opt/ml/processing/input/x"}, "does not exist", id="no input"),
    pytest.param({"xml": {}}, {}, "expected JSON such as", id="unknown format"),
    pytest.param(None, {"baseline_constraints": "/opt/ml/x.json"}, "which is not a file here", id="no file"),
    pytest.param(None, {"start_time": "noon"}, "start_time is 'noon', expected a time", id="no time"),
    pytest.param(
        None, {"analysis_type": "MODEL_BIAS"}, "knows DATA_QUALITY and MODEL_QUALITY", id="analysis"
    ),
    pytest.param(None, {"analysis_type": "MODEL_QUALITY"}, "problem_type is ''", id="no problem type"),
    pytest.param(None, {**QUALITY}, "name what the model predicts", id="no attribute"),
    pytest.param(
        None,
        {**QUALITY, "inference_attribute": "x", "ground_truth_attribute": "y"},
        "the dataset has no column 'y'; it has ['a', 'b']",
        id="no column",
    ),
    pytest.param(None, {"record_preprocessor_script": "/opt/ml/x.py"}, "is not supported", id="own script"),
    pytest.param(
        None, {"categorical_drift_method": "Magic"}, "known are Calibrated, ChiSquared", id="method"
    ),
]


@pytest.mark.parametrize(("dataset_format", "settings", "reason"), FAILURES)
def test_failure(
    tmp_path: Path, dataset_format: Mapping[str, Any] | None, settings: dict[str, str], reason: str
):
    """A job that cannot be done fails with what is wrong, in the message and in `failure`, and writes nothing."""
    at(tmp_path, SOURCE).mkdir(parents=True)
    write_lines(at(tmp_path, SOURCE) / "data.csv", ["a,b", "1,2"])
    chosen = {"csv": {"header": True}} if dataset_format is None else dataset_format
    code, message, files = monitor(tmp_path, chosen, **settings)
    assert (code, files) == (1, {})
    assert reason in message
    assert (tmp_path / "output" / "failure").read_text() == message


@pytest.mark.parametrize("what", ["statistics", "constraints"])
def test_a_damaged_baseline(tmp_path: Path, baseline: dict[str, str], what: str):
    """A baseline that is none is named."""
    at(tmp_path, SOURCE).mkdir(parents=True)
    at(tmp_path, baseline[f"baseline_{what}"]).write_text('{"features": 7}')
    code, message, _ = monitor(tmp_path, CAPTURE, **baseline)
    assert code == 1
    assert message.startswith(f"baseline_{what}: not a {what}.json")


def test_several_hosts(tmp_path: Path):
    """Model Monitor's files cannot be shared between hosts: the job is told to use one."""
    at(tmp_path, SOURCE).mkdir(parents=True)
    configure(tmp_path, "algo-2", "algo-1", "algo-2")
    code, message, _ = monitor(tmp_path, CAPTURE)
    assert (code, message) == (1, "Model Monitor's contract is for one instance: set InstanceCount to 1")


def test_settings_of_the_process(tmp_path: Path):
    """Where there is no configuration file, the process's own environment tells."""
    at(tmp_path, SOURCE).mkdir(parents=True)
    write_lines(at(tmp_path, SOURCE) / "data.csv", ["a,b", "1,2"])
    settings = {"dataset_format": '{"csv": {"header": true}}', "dataset_source": SOURCE}
    code, _, files = analyze(tmp_path, **settings)
    assert (code, set(files)) == (0, {"statistics.json", "constraints.json"})
