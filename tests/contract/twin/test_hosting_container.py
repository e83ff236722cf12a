"""The container itself on the twin: a model that it trained is served by it."""

import csv
import io
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from running_twin import ROOT, allow, answering, eventually, free_port, interpreter, launch, unique
from serving_endpoints import IMAGE, Endpoints

SCHEMA = {
    "version": 1,
    "problem": "binary_classification",
    "target": "deny",
    "classes": ["no", "yes"],
    "format": "csv",
    "rows": 400,
    "drop": [],
    "features": [
        {"name": "ratio", "type": "float", "nullable": False, "min": None, "max": None, "allowed": None},
        {"name": "grade", "type": "string", "nullable": True, "min": None, "max": None, "allowed": None},
    ],
}


def drop(rows: int = 400) -> str:
    """Rows whose target follows from `ratio`."""
    text, luck = io.StringIO(), random.Random(7)
    write = csv.writer(text)
    write.writerow(["ratio", "grade", "deny"])
    for _ in range(rows):
        ratio = round(luck.random(), 4)
        write.writerow([ratio, luck.choice("abc"), "yes" if ratio > 0.5 else "no"])
    return text.getvalue()


def channel(name: str, url: str) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": url}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def trained(endpoints: Endpoints) -> str:
    """The artefact of a training job that the real container ran."""
    twin, bucket, job = endpoints.twin, endpoints.bucket, unique("job")
    twin.client("s3").put_object(Bucket=bucket, Key="data/part.csv", Body=drop().encode())
    twin.client("s3").put_object(Bucket=bucket, Key="schema/schema.json", Body=json.dumps(SCHEMA).encode())
    own = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    twin.client("sagemaker").create_training_job(
        TrainingJobName=job,
        RoleArn=twin.role(unique("training"), allow("s3:*", own)),
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        InputDataConfig=[
            channel("training", f"s3://{bucket}/data/"),
            channel("schema", f"s3://{bucket}/schema/"),
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{bucket}/trainings"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 120},
    )

    def ended() -> dict[str, Any] | None:
        described: dict[str, Any] = twin.client("sagemaker").describe_training_job(TrainingJobName=job)
        return described if described["TrainingJobStatus"] != "InProgress" else None

    described = eventually(ended, 120)
    assert described["TrainingJobStatus"] == "Completed", described.get("FailureReason")
    return str(described["ModelArtifacts"]["S3ModelArtifacts"])


ROWS = b"ratio,grade\n0.05,a\n0.95,b\n"


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Endpoints, str]]:
    """A twin with the real container, and the artefact of a training job on it."""
    twin = answering(
        launch(
            tmp_path_factory.mktemp("container"),
            free_port(),
            container=f"{ROOT / 'container'}:{ROOT / 'layers/analysis'}",
            container_python=interpreter("container"),
        )
    )
    endpoints = Endpoints.on(twin)
    yield endpoints, trained(endpoints)
    assert twin.stop() == 0


def model_of(endpoints: Endpoints, artefact: str, **environment: str) -> str:
    name = unique("model")
    container = {"Image": IMAGE, "ModelDataUrl": artefact, "Environment": environment}
    endpoints.sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=endpoints.role, PrimaryContainer=container
    )
    return name


def predictions(endpoints: Endpoints, name: str) -> list[dict[str, Any]]:
    answer = endpoints.twin.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, Body=ROWS, ContentType="text/csv", Accept="application/json"
    )
    assert answer["ContentType"].startswith("application/json")
    found: list[dict[str, Any]] = json.loads(answer["Body"].read())["predictions"]
    return found


def test_a_trained_model_answers(trainer: tuple[Endpoints, str]) -> None:
    """CSV in, labels and scores out, from the artefact that training left in S3."""
    endpoints, artefact = trainer
    name = endpoints.start(endpoints.config(model_of(endpoints, artefact), 2))
    assert endpoints.settled(name, 120)["EndpointStatus"] == "InService"
    found = predictions(endpoints, name)
    assert [one["predicted_label"] for one in found] == ["no", "yes"]
    assert found[0]["score"] < 0.5 < found[1]["score"]


def test_a_trained_model_tells_what_it_predicts(trainer: tuple[Endpoints, str]) -> None:
    """Sums that the container prints are datapoints of the endpoint's own minute, which an alarm sees."""
    endpoints, artefact = trainer
    mark = unique("config")
    model = model_of(endpoints, artefact, PERENNIAL_ENDPOINT_CONFIG=mark)
    name, cloudwatch = endpoints.start(endpoints.config(model)), endpoints.twin.client("cloudwatch")
    assert endpoints.settled(name, 120)["EndpointStatus"] == "InService"
    cloudwatch.put_metric_alarm(
        AlarmName=mark,
        Namespace="Perennial/Serving",
        MetricName="PredictionCount",
        Dimensions=[{"Name": "EndpointConfig", "Value": mark}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=100,  # of AWS's minute; here a second with two predictions
        ComparisonOperator="GreaterThanThreshold",
    )

    def alarm() -> str:
        predictions(endpoints, name)
        return str(cloudwatch.describe_alarms(AlarmNames=[mark])["MetricAlarms"][0]["StateValue"])

    eventually(lambda: alarm() == "ALARM")


def test_a_trained_model_wakes_for_a_request(trainer: tuple[Endpoints, str]) -> None:
    """A serverless endpoint of the real container starts it when it is asked."""
    endpoints, artefact = trainer
    endpoint = endpoints.start(endpoints.serverless_config(model_of(endpoints, artefact)))
    assert endpoints.settled(endpoint, 120)["EndpointStatus"] == "InService"
    endpoints.twin.admin("POST", "serverless", idle_seconds=0)
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    logs = endpoints.twin.client("logs")

    def environments() -> int:
        return len(logs.describe_log_streams(logGroupName=group)["logStreams"])

    eventually(lambda: logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"])
    before = environments()
    assert [one["predicted_label"] for one in predictions(endpoints, endpoint)] == ["no", "yes"]
    eventually(
        lambda: (
            not any(one["endpoint"] == endpoint for one in endpoints.twin.admin("GET", "servers")["servers"])
        )
    )
    assert predictions(endpoints, endpoint)
    eventually(lambda: environments() > before)
