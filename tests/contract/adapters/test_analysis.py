"""What the analysis of traffic reaches of AWS: each case runs on the fakes and, through the adapters, on a twin."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import fakes
import pytest
from running_twin import Twin, allow, eventually, unique
from serving_endpoints import Endpoints

from perennial.aws.metrics import CloudWatch
from perennial.aws.model_monitor import SageMakerModelMonitor
from perennial.aws.processing_jobs import SageMakerProcessingJobs
from perennial.aws.registry import SageMakerModelRegistry
from perennial.errors import NotAvailable
from perennial.monitoring.analysis import Datapoint, request_of
from perennial.monitoring.baselines import Version, registered, version_of
from perennial.monitoring.model_monitor import Definition, definition
from perennial.monitoring.processing import job_request
from perennial.monitoring.windows import Window
from perennial.training import Platform

NAMES = fakes.NAMES
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/perennial@sha256:" + 64 * "0"
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
DATA = "aws/sagemaker/Endpoints/data-metrics"


@dataclass
class World:
    """The adapters of one kind, and what each kind is helped with or asked in its own way."""

    metrics: Any
    processing: Any
    registry: Any
    monitor: Any
    platform: Platform
    write: Callable[[str, bytes], None]
    values: Callable[[Datapoint], list[float]]
    open: Callable[[bool], None]
    endpoint: Callable[[str], None]
    scheduled: Callable[[str], str | None]


def in_memory() -> World:
    world = fakes.InMemoryWorld()

    def switch(wanted: bool) -> None:
        world.model_monitor.closed = "" if wanted else "not available to new customers"

    def values(point: Datapoint) -> list[float]:
        return [
            found.value
            for found in world.metrics.points
            if replace(found, value=0) == replace(point, value=0)
        ]

    return World(
        *(world.metrics, world.processing, world.registry, world.model_monitor, world.platform),
        write=world.bucket.write,
        values=values,
        open=switch,
        endpoint=lambda model: None,
        scheduled=world.model_monitor.schedules.get,
    )


def on_twin(twin: Twin) -> World:
    endpoints = Endpoints.on(twin)
    role = twin.role(unique("role"), allow(["s3:*", "logs:*", "cloudwatch:*"]))
    sagemaker = twin.client("sagemaker")

    def values(point: Datapoint) -> list[float]:
        found = twin.client("cloudwatch").get_metric_statistics(
            Namespace=point.namespace,
            MetricName=point.name,
            Dimensions=[{"Name": name, "Value": value} for name, value in point.dimensions.items()],
            StartTime=point.timestamp - timedelta(minutes=2),
            EndTime=point.timestamp + timedelta(minutes=2),
            Period=60,
            Statistics=["Maximum"],
        )
        return [each["Maximum"] for each in found["Datapoints"]]

    def serve(model: str) -> None:
        """An endpoint of the model that captures its traffic."""
        name, made = NAMES.endpoint(model), endpoints.model(answer="v1")
        config = endpoints.config(made, capture=endpoints.capture())
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        endpoints.settled(name)

    def scheduled(name: str) -> str | None:
        listed = sagemaker.list_monitoring_schedules(NameContains=name)["MonitoringScheduleSummaries"]
        return listed[0]["MonitoringJobDefinitionName"] if listed else None

    return World(
        CloudWatch(twin.client("cloudwatch")),
        SageMakerProcessingJobs(sagemaker),
        SageMakerModelRegistry(NAMES, sagemaker),
        SageMakerModelMonitor(sagemaker),
        Platform(endpoints.bucket, IMAGE, role, "abc", role),
        write=lambda key, body: twin.client("s3").put_object(Bucket=endpoints.bucket, Key=key, Body=body),
        values=values,
        open=lambda wanted: twin.admin("POST", "model-monitor", open=wanted),
        endpoint=serve,
        scheduled=scheduled,
    )


@pytest.fixture(scope="module")
def started(twin: Twin) -> World:
    return on_twin(twin)


@pytest.fixture(params=["memory", "twin"])
def world(request: pytest.FixtureRequest) -> Any:
    return in_memory() if request.param == "memory" else request.getfixturevalue("started")


def test_metrics(world: World, model: str) -> None:
    """Every datapoint arrives under its namespace, dimensions and time, more than one request takes, too."""
    dimensions = {"Endpoint": model, "MonitoringSchedule": f"{model}-data-quality"}
    points = [Datapoint(DATA, f"feature_{n}", dimensions, float(n), NOW) for n in range(501)]
    other = Datapoint("aws/sagemaker/Endpoints/model-metrics", "auc", dimensions, 0.8, NOW, "None")
    world.metrics.put([*points, other])
    world.metrics.put([])
    for point in (points[0], points[500], other):
        assert world.values(point) == [point.value]


def test_processing_jobs(world: World, model: str) -> None:
    """A name is taken once, and a job is found with its environment; others are None."""
    folder = f"models/{model}/reports/data_quality/2026/03/01/1200/"
    world.write(folder + "request.json", b"{}")
    world.write(folder + "capture.manifest", f'[{{"prefix": "s3://{world.platform.bucket}/"}}]'.encode())
    name, document = NAMES.analysis_job(model, [1]), "window#data_quality#2026-03-01T12:00:00Z"
    uri = f"s3://{world.platform.bucket}/{folder}"
    request = job_request(
        name, document, model, uri, None, labels=False, instances=1, platform=world.platform
    )
    assert world.processing.get(name) is None
    assert [world.processing.create(request) for _ in range(2)] == [True, False]
    job = world.processing.get(name)
    assert job.status in ("InProgress", "Completed")
    assert job.environment == {"PERENNIAL_MODEL": model, "PERENNIAL_WINDOW": document}


def test_the_registry_tells_all_of_a_version(world: World, model: str) -> None:
    """Baselines and metadata come back as they went in; a version that is not there is None."""
    folder = f"s3://{world.platform.bucket}/models/{model}/trainings/job/baseline/"
    world.write(f"models/{model}/model.tar.gz", b"")
    metrics, drift_check = registered({"statistics.json": folder + "statistics.json"})
    world.registry.ensure_group(model, "a test's")
    assert world.registry.describe(model, 1) is None
    container = {"Image": IMAGE, "ModelDataUrl": f"s3://{world.platform.bucket}/models/{model}/model.tar.gz"}
    arn = world.registry.create(
        {
            "ModelPackageGroupName": NAMES.package_group(model),
            "InferenceSpecification": {
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
                "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
            },
            "ModelApprovalStatus": "Approved",
            "ModelMetrics": metrics,
            "DriftCheckBaselines": drift_check,
            "CustomerMetadataProperties": {"baselines": folder, "dataset-version": "0123456789ab"},
            "ClientToken": model.rjust(36, "0")[:36],
        }
    )
    world.registry.add_history(arn, {"deployment-2026-03-01T12-00-00Z": "InService on x as y"}, "Production")
    found = version_of(world.registry.describe(model, 1))
    assert (found.number, found.dataset) == (1, "0123456789ab")
    assert found.files["statistics.json"] == folder + "statistics.json"
    assert found.deployed == (datetime(2026, 3, 1, 12, tzinfo=UTC),)


def wanted(world: World, model: str, every: str) -> Definition:
    settings = fakes.config(model=model, monitors={"data_quality": {"every": every}})
    window = Window(NOW, NOW + timedelta(hours=1))
    request = request_of(settings, "data_quality", window, Version(1), None, NAMES)
    image = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
    return definition(settings, request, {}, None, image, world.platform)


def test_model_monitor_is_closed(world: World, model: str) -> None:
    """An account without Model Monitor says so in one exception, and keeps nothing."""
    world.open(False)
    hourly = wanted(world, model, "1h")
    with pytest.raises(NotAvailable, match="not available to new customers"):
        world.monitor.ensure(hourly)
    assert world.scheduled(hourly.name) is None


def test_model_monitor_is_open(world: World, model: str) -> None:
    """A schedule is made once, moves on to another definition, and is removed; each may come twice."""
    world.endpoint(model)
    world.open(True)
    hourly, daily = wanted(world, model, "1h"), wanted(world, model, "1d")
    for made in (hourly, hourly, daily):
        world.monitor.ensure(made)
        eventually(lambda made=made: world.scheduled(made.name) == made.job["JobDefinitionName"])
    world.monitor.forget("DataQuality", hourly.job["JobDefinitionName"])
    world.monitor.forget("DataQuality", hourly.job["JobDefinitionName"])
    assert list(world.monitor.executions(daily.name, NOW - timedelta(days=1))) == []
    for _ in range(2):
        world.monitor.remove("DataQuality", daily.name, daily.job["JobDefinitionName"])
        assert world.scheduled(daily.name) is None
    world.open(False)
