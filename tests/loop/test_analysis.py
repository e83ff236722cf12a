"""From captured traffic to a report: on the schedule, after an outage, on request, and by a Processing job."""

import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from stranger import Entry, Model, Stack, wait_for
from watched import HOUR, Captured, analyze, put_state, serve, stamp, this_hour, usual

from stack.places import ROOT

EVERY = timedelta(minutes=5)
MONITORS = {
    "data_quality": {"every": "5m", "min_records": 50},
    "model_quality": {"every": "1h", "min_records": 50},
}
NAMESPACE = "aws/sagemaker/Endpoints/data-metrics"


@pytest.fixture(scope="module")
def watch(stack: Stack) -> Model:
    """A model in service, watched in windows of five minutes whose traffic arrives at once."""
    return serve(stack, "watch", monitors=MONITORS, capture={"delay_minutes": 0})


def asked(model: Model) -> list[Entry]:
    return [entry for entry in model.ledger() if entry.details.get("request")]


def records_metric(model: Model, end: datetime) -> list[float]:
    found = model.stack.client("cloudwatch").get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName="records",
        Dimensions=[
            {"Name": "Endpoint", "Value": model.name},
            {"Name": "MonitoringSchedule", "Value": f"{model.name}-data-quality"},
        ],
        StartTime=end - timedelta(minutes=1),
        EndTime=end + timedelta(minutes=1),
        Period=60,
        Statistics=["Maximum"],
    )
    return [point["Maximum"] for point in found["Datapoints"]]


def test_the_version_carries_its_baseline(watch: Model) -> None:
    """What training kept lies with the version, and the registry names it where SageMaker has places for it."""
    package = watch.package(1)
    uri = package["DriftCheckBaselines"]["ModelDataQuality"]["Statistics"]["S3Uri"]
    assert uri.endswith("/baseline/statistics.json")
    assert package["ModelMetrics"]["ModelDataQuality"]["Constraints"]["ContentType"] == "application/json"
    statistics = watch.document(uri.partition(f"models/{watch.model}/")[2])
    names = [feature["name"] for feature in statistics["features"]]
    assert {"income", "ratio", "region"} <= set(names)


def test_a_window_on_request(watch: Model) -> None:
    """Report, metrics in the names that alarms use, and the reason in the ledger; a replayed hint changes nothing."""
    hour = this_hour() - 2 * HOUR
    Captured(watch, hour).write(usual(400, seed=5), broken=3)
    found = analyze(watch, "data_quality", hour)
    assert (found["records"], found["broken"]["count"]) == (400, 3), found
    entry = wait_for("its decision", lambda: asked(watch))[-1]
    assert (entry.decision, entry.details["records"], entry.news) == ("window_analyzed", "400", "none")
    assert (
        watch.read(entry.details["report"].removeprefix(f"models/{watch.model}/"))
        .lower()
        .startswith(b"<!doctype")
    )
    assert records_metric(watch, hour + HOUR) == [400.0]

    before = len(asked(watch))
    event = {
        "version": "0",
        "id": entry.details["request"],
        "detail-type": "Model Due",
        "source": "perennial",
        "account": "123456789012",
        "time": stamp(datetime.now(UTC)),
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "model": watch.model,
            "reaction": "analyze_traffic",
            "subject": f"data_quality@{stamp(hour)}/{stamp(hour + HOUR)}",
            "because": "a test replays it",
        },
    }
    assert watch.stack.invoke("AnalyzeTraffic", event)["outcome"] == "nothing"
    assert len(asked(watch)) == before


def test_an_outage_is_caught_up(watch: Model) -> None:
    """Windows that nobody analysed come oldest first, each once, and a person is told once."""
    watch.stack.sweep()
    known = wait_for("the monitor to begin", lambda: watch.state("monitor#data_quality"))
    back = datetime.now(UTC) - 12 * EVERY
    start = back - (back - datetime(1970, 1, 1, tzinfo=UTC)) % EVERY
    expected = [stamp(start + n * EVERY) for n in range(11)]

    def scheduled() -> list[str]:
        """Of these windows: a sweep of the stack's own may be about to end a later one."""
        return [
            entry.details["start"]
            for entry in watch.ledger()
            if entry.decision in ("window_empty", "window_analyzed")
            and entry.details["monitor"] == "data_quality"
            and entry.details["start"] in expected
            and not entry.details.get("request")
        ]

    put_state(watch, "monitor#data_quality", known | {"through": stamp(start)})
    watch.stack.sweep()
    watch.stack.sweep()
    watch.wait_until("every window", lambda: set(scheduled()) == set(expected))
    found = scheduled()
    assert list(dict.fromkeys(found)) == expected
    for begun, times in Counter(found).items():
        # A run that failed after its word was kept, as on a machine too busy to answer, says it again.
        assert times <= watch.state(f"window#data_quality#{begun}")["attempts"]
    [late] = [entry for entry in watch.decided("analysis_late") if "data_quality" in entry.fact]
    assert late.news == "warning"


def test_late_labels(watch: Model) -> None:
    """Labels that have not come are counted; asked for again after they came, the window is judged on all."""
    hour, rows = this_hour() - 4 * HOUR, usual(400, seed=7)
    traffic = Captured(watch, hour)
    traffic.write(rows)
    traffic.label(rows[:300])
    first = analyze(watch, "model_quality", hour)
    assert first["labels"] == {"joined": 300, "missing": 100, "unmatched": 0, "late": 0}, first
    assert first["label_coverage"] == 0.75
    traffic.label(rows)
    second = analyze(watch, "model_quality", hour)
    assert (second["label_coverage"], second["labels"]["joined"]) == (1, 400)
    assert 0.5 < second["quality"]["auc"]["value"] <= 1


def test_a_large_window_is_a_jobs(watch: Model) -> None:
    """Above `processing_above_mb` two instances analyse their shards, and the parts make one report."""
    limits = {**MONITORS, "data_quality": {**MONITORS["data_quality"], "processing_above_mb": 1}}
    watch.reconfigure(
        monitors=limits,
        capture={"delay_minutes": 0},
        gate={"metric": "auc", "minimum": 0.5, "approval": "automatic"},
    )
    hour = this_hour() - 6 * HOUR
    for part in range(4):
        Captured(watch, hour).write(usual(3600, seed=part) * 2)
    found = analyze(watch, "data_quality", hour)
    assert found["records"] == 4 * 7200, found
    started = watch.decided("analysis_job_started")[-1]
    job = watch.sagemaker.describe_processing_job(ProcessingJobName=started.details["job"])
    assert job["ProcessingJobStatus"] == "Completed"
    assert job["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == 2
    entry = watch.wait_for("window_analyzed", job=started.details["job"])
    assert entry.details["records"] == str(found["records"])
    assert records_metric(watch, hour + HOUR) == [float(found["records"])]


@contextmanager
def model_monitor(stack: Stack) -> Iterator[None]:
    """The account has SageMaker Model Monitor for a while."""

    def switch(wanted: bool) -> None:
        body = json.dumps({"open": wanted}).encode()
        request = urllib.request.Request(
            stack.endpoint_url + "/_twin/model-monitor", data=body, method="POST"
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    switch(True)
    yield
    switch(False)


def test_model_monitor_where_the_account_has_it(stack: Stack) -> None:
    """A schedule on AWS's image, with the version's baseline; it goes when model.yaml wants the other engine."""
    hourly = {"data_quality": {"every": "1h"}}
    with model_monitor(stack):
        model = serve(stack, "scheduled", monitors=hourly, engine="model-monitor")
        stack.sweep()
        assert "model-monitor watches" in model.wait_for("engine_chosen").reason
        named = {"MonitoringScheduleName": f"{model.name}-data-quality"}
        schedule = model.sagemaker.describe_monitoring_schedule(**named)["MonitoringScheduleConfig"]
        assert schedule["ScheduleConfig"]["ScheduleExpression"] == "cron(0 * ? * * *)"
        definition = model.sagemaker.describe_data_quality_job_definition(
            JobDefinitionName=schedule["MonitoringJobDefinitionName"]
        )
        assert "sagemaker-model-monitor-analyzer" in definition["DataQualityAppSpecification"]["ImageUri"]
        baseline = definition["DataQualityBaselineConfig"]
        assert baseline["StatisticsResource"]["S3Uri"].endswith("/baseline/statistics.json")
        constraints = model.document(
            baseline["ConstraintsResource"]["S3Uri"].partition(f"models/{model.model}/")[2]
        )
        distances = constraints["monitoring_config"]["distribution_constraints"]
        assert distances["comparison_method"] == "Robust"
        model.reconfigure(monitors=hourly, engine="built-in")
        stack.sweep()
        model.wait_for("schedule_removed")
        assert (
            model.sagemaker.list_monitoring_schedules(NameContains=model.name)["MonitoringScheduleSummaries"]
            == []
        )


def test_the_command_asks_and_follows(watch: Model) -> None:
    """`perennial analyze` ends with status and report, and `perennial reports` lists it."""
    hour = this_hour() - 8 * HOUR
    Captured(watch, hour).write(usual(200, seed=9))
    environment = {
        "PATH": os.environ["PATH"],
        "PERENNIAL_PYTHON": sys.executable,
        "AWS_ENDPOINT_URL": watch.stack.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def perennial(*arguments: str) -> str:
        command = [str(ROOT / "cli/perennial"), *arguments]
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    times = ("--start", stamp(hour), "--end", stamp(hour + HOUR), "--wait", "1.5")
    told = perennial("analyze", watch.model, *times)
    assert f"{stamp(hour)} to {stamp(hour + HOUR)}: " in told
    assert f"reports/data_quality/{hour:%Y/%m/%d/%H%M}" in told
    assert "report.html" in told
    assert f"{stamp(hour)[:16]}" in perennial("reports", watch.model, "-n", "100")
