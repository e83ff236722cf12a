"""Claims, folders, sizes, baselines and the analysis request: tables of cases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fakes import NAMES, config

from perennial.intake.schema import Feature, Schema
from perennial.monitoring import claims
from perennial.monitoring.analysis import Datapoint, publishable, request_of
from perennial.monitoring.baselines import Version, registered, serving_at, version_of
from perennial.monitoring.monitors import delay, schedule_name
from perennial.monitoring.sizing import size
from perennial.monitoring.sources import capture_prefixes, hour_prefixes, label_prefixes
from perennial.monitoring.windows import Window

T = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
WINDOW = Window(T, T + HOUR)


def document(status, age=0, attempts=1, request=None):
    at = (T - age * MINUTE).isoformat()
    return {"status": status, "at": at, "attempts": attempts, "request": request}


@pytest.mark.parametrize(
    ("known", "request_id", "step"),
    [
        pytest.param(None, None, "analyze", id="untouched"),
        pytest.param(document("claimed", 5), None, "wait", id="another run is at it"),
        pytest.param(document("claimed", 21), None, "analyze", id="a run that died"),
        pytest.param(document("claimed", 21, attempts=5), None, "give_up", id="every run died"),
        pytest.param(document("retry"), None, "analyze", id="an attempt failed"),
        pytest.param(document("retry", attempts=5), None, "give_up", id="every attempt failed"),
        pytest.param(document("running", 90), None, "job", id="a job is at it"),
        pytest.param(document("done"), None, "finished", id="done"),
        pytest.param(document("failed"), None, "finished", id="given up and told"),
        pytest.param(document("done", request="a"), "a", "finished", id="a repeated event"),
        pytest.param(document("done", request="a"), "b", "analyze", id="a person asks again"),
    ],
)
def test_next_step(known, request_id, step):
    """A window is worked on by one run at a time, again after a death, and never without end."""
    assert step == claims.next_step(known, T, request_id)


@pytest.mark.parametrize(
    ("known", "attempts"),
    [(None, 1), (document("retry", attempts=2), 3), (document("claimed", 30), 2), (document("done"), 1)],
)
def test_attempts_are_counted(known, attempts):
    """A window that is done and asked for again begins anew."""
    assert attempts == claims.claimed(known, WINDOW, T, None)["attempts"]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(T, T + HOUR, ["2026/11/23/04/"], id="an hour"),
        pytest.param(T + 5 * MINUTE, T + 10 * MINUTE, ["2026/11/23/04/"], id="five minutes"),
        pytest.param(T + 50 * MINUTE, T + 70 * MINUTE, ["2026/11/23/04/", "2026/11/23/05/"], id="across"),
        pytest.param(
            T + 19 * HOUR,
            T + 45 * HOUR,
            ["2026/11/23/23/", "2026/11/24/", "2026/11/25/00/"],
            id="a whole day in one listing",
        ),
    ],
)
def test_hour_folders(start, end, expected):
    """Every hour that the window touches, in order; a whole day at once."""
    assert expected == hour_prefixes(start, end)


def test_capture_folders():
    """The window's hours and one on each side."""
    root = "models/mortgage/capture/perennial-mortgage/AllTraffic/2026/11/23/"
    found = capture_prefixes("mortgage", "perennial-mortgage", WINDOW)
    assert [root + "03/", root + "04/", root + "05/"] == found


def test_label_folders():
    """From the window's start until now, for labels come later; not for ever."""
    found = label_prefixes("mortgage", WINDOW, T + 2 * HOUR + MINUTE)
    assert [f"models/mortgage/ground-truth/2026/11/23/0{hour}/" for hour in (4, 5, 6)] == found
    assert len(label_prefixes("mortgage", WINDOW, T + 1000 * DAY)) < 150


@pytest.mark.parametrize(
    ("limit", "captured", "files", "instances"),
    [
        pytest.param(512, 512_000_000, 40, 0, id="fits"),
        pytest.param(512, 512_000_001, 40, 1, id="one byte more"),
        pytest.param(512, 5_000_000_000, 40, 2, id="two instances"),
        pytest.param(512, 5_000_000_000, 1, 1, id="one file is one shard"),
        pytest.param(512, 10**12, 9999, 10, id="no more than ten"),
        pytest.param(0, 1, 3, 1, id="always a job"),
        pytest.param(0, 0, 0, 0, id="nothing needs no job"),
    ],
)
def test_size(limit, captured, files, instances):
    """A window larger than the limit is a job's, on instances by its size; predictions and labels stay together."""
    settings = config(monitors={"data_quality": {"processing_above_mb": limit}})
    assert instances == size(settings, "data_quality", captured, files).instances
    assert min(instances, 1) == size(settings, "bias", captured, files).instances


@pytest.mark.parametrize(("monitor", "expected"), [("data_quality", 10 * MINUTE), ("model_quality", 2 * DAY)])
def test_delay(monitor, expected):
    """Labels are waited for where they matter."""
    settings = config(monitors={"model_quality": {"label_delay": "2d"}})
    assert expected == delay(settings, monitor) - (10 * MINUTE if monitor == "model_quality" else 0 * DAY)


def test_schedule_name():
    """The dimension MonitoringSchedule has hyphens."""
    assert "perennial-mortgage-data-quality" == schedule_name(NAMES, "mortgage", "data_quality")


URIS = {
    name: f"s3://data/models/mortgage/trainings/job/baseline/{name}"
    for name in (
        "statistics.json",
        "constraints.json",
        "model_quality_constraints.json",
        "bias_analysis.json",
    )
}


def test_baselines_go_to_the_registry_and_come_back():
    """The files are named in the places that SageMaker has for them, and found again; others lie beside them."""
    metrics, drift_check = registered(URIS)
    assert URIS["statistics.json"] == metrics["ModelDataQuality"]["Statistics"]["S3Uri"]
    assert "application/json" == drift_check["Bias"]["PostTrainingConstraints"]["ContentType"]
    folder = "s3://data/models/mortgage/trainings/job/baseline/"
    package = {
        "ModelPackageVersion": 3,
        "ModelMetrics": metrics,
        "DriftCheckBaselines": drift_check,
        "CustomerMetadataProperties": {"dataset-version": "0123456789ab", "baselines": folder},
    }
    found = version_of(package)
    assert (3, "0123456789ab") == (found.number, found.dataset)
    assert {**URIS, **{name: folder + name for name in ("errors.json", "calibration.json")}} == found.files


def test_a_version_without_baselines():
    """An older version names its evaluation where model quality's statistics stand now: that is no baseline."""
    evaluation = {"ContentType": "application/json", "S3Uri": "s3://data/evaluation.json"}
    package = {"ModelPackageVersion": 1, "ModelMetrics": {"ModelQuality": {"Statistics": evaluation}}}
    assert {} == version_of(package).files


OLD, NEW = Version(1, deployed=(T - 9 * DAY, T + 3 * DAY)), Version(2, deployed=(T,))


@pytest.mark.parametrize(
    ("moment", "serving", "expected"),
    [
        pytest.param(T + HOUR, NEW, 2, id="the present one"),
        pytest.param(T - HOUR, NEW, 1, id="before its rollout"),
        pytest.param(T - 20 * DAY, NEW, 2, id="before all history"),
        pytest.param(T + 4 * DAY, OLD, 1, id="back in service"),
        pytest.param(T + DAY, OLD, 2, id="between its two times"),
        pytest.param(T, replace(NEW, deployed=()), 2, id="without history"),
    ],
)
def test_serving_at(moment, serving, expected):
    """A window is held against the version that served then."""
    others = [version for version in (OLD, NEW) if version.number != serving.number]
    assert expected == serving_at(moment, serving, others).number


def test_request():
    """The library gets the monitor's section, the columns in order, and the positive class."""
    features = (Feature("ratio", "float", nullable=True), Feature("age", "int", nullable=False))
    schema = Schema("binary_classification", "deny", ("no", "yes"), "csv", 10, (), features)
    asked = request_of(config(), "data_quality", WINDOW, Version(2, "abc"), schema, NAMES)
    assert (("ratio", "age"), ("no", "yes"), 2) == (asked.features, asked.classes, asked.model_version)
    assert ("1h", "yes", "perennial-mortgage") == (
        asked.settings["every"],
        asked.settings["positive"],
        asked.endpoint,
    )
    assert () == request_of(config(), "data_quality", WINDOW, Version(2), None, NAMES).features


@pytest.mark.parametrize(
    ("section", "metric"),
    [
        ({"minimum": 0.7}, "auc"),
        ({"minimum": 0.7, "metric": "f1"}, "f1"),
        ({}, None),
        ({"metric": "f1"}, "f1"),
    ],
)
def test_a_persons_line_is_about_a_metric(section, metric):
    """A minimum or maximum without a metric is about the gate's."""
    settings = config(monitors={"model_quality": section})
    asked = request_of(settings, "model_quality", WINDOW, Version(1), None, NAMES)
    assert metric == asked.settings["metric"]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(T + 2 * HOUR, [T + HOUR], id="at the window's end"),
        pytest.param(T + 40 * MINUTE, [T + 40 * MINUTE], id="never in the future"),
        pytest.param(T + 15 * DAY, [], id="CloudWatch takes nothing older than two weeks"),
    ],
)
def test_publishable(now, expected):
    """A metric is dated to the end of its window, if CloudWatch takes it."""
    point = Datapoint("aws/sagemaker/Endpoints/data-metrics", "records", {}, 1.0, T + HOUR)
    assert expected == [found.timestamp for found in publishable([point], now)]


def test_metrics_that_waited_for_labels_are_dated_to_when_those_were_due():
    """Labels that take a month leave a metric that CloudWatch still takes; asked for before, it is dated to now."""
    point = Datapoint("aws/sagemaker/Endpoints/model-metrics", "violations", {}, 1.0, T)
    for now, dated in ((T + 30 * DAY + HOUR, T + 30 * DAY), (T + DAY, T + DAY)):
        assert [dated] == [found.timestamp for found in publishable([point], now, 30 * DAY)]
