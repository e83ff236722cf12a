"""SageMaker Model Monitor on the twin: closed as for new customers, and open where it is switched on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import Twin, allow, eventually, unique
from serving_endpoints import Endpoints

IMAGE = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
KINDS = ("data_quality", "model_quality", "model_bias")


@pytest.fixture
def opened(twin: Twin) -> Iterator[None]:
    """The account has Model Monitor for the time of the test."""
    twin.admin("POST", "model-monitor", open=True)
    yield
    twin.admin("POST", "model-monitor", open=False)


@pytest.fixture(scope="module")
def captured(endpoints: Endpoints) -> str:
    """An endpoint that captures."""
    config = endpoints.config(endpoints.model(answer="v1"), capture=endpoints.capture())
    name = endpoints.start(config)
    endpoints.settled(name)
    return name


def definition(kind: str, endpoint: str, endpoints: Endpoints, **more: Any) -> dict[str, Any]:
    """A good request of Create...JobDefinition."""
    shape = {"data_quality": "DataQuality", "model_quality": "ModelQuality", "model_bias": "ModelBias"}[kind]
    given: dict[str, Any] = {
        "EndpointInput": {"EndpointName": endpoint, "LocalPath": "/opt/ml/processing/input/endpoint"}
    }
    application = {"ImageUri": IMAGE}
    if kind != "data_quality":
        given["GroundTruthS3Input"] = {"S3Uri": f"s3://{endpoints.bucket}/ground-truth"}
    if kind == "model_quality":
        application["ProblemType"] = "Regression"
    if kind == "model_bias":
        application["ConfigUri"] = f"s3://{endpoints.bucket}/analysis_config.json"
    output = {"S3Uri": f"s3://{endpoints.bucket}/reports", "LocalPath": "/opt/ml/processing/output"}
    return {
        "JobDefinitionName": unique("definition"),
        f"{shape}AppSpecification": application,
        f"{shape}JobInput": given,
        f"{shape}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
        "JobResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
        },
        "RoleArn": endpoints.role,
        "StoppingCondition": {"MaxRuntimeInSeconds": 1800},
        **more,
    }


def schedule(
    name: str, kind: str = "DataQuality", expression: str = "cron(0 * ? * * *)", **when: str
) -> dict[str, Any]:
    return {
        "MonitoringScheduleName": unique("schedule"),
        "MonitoringScheduleConfig": {
            "ScheduleConfig": {"ScheduleExpression": expression, **when},
            "MonitoringJobDefinitionName": name,
            "MonitoringType": kind,
        },
    }


def refused(call: Any, **request: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    error: dict[str, Any] = caught.value.response["Error"]
    return error


def test_a_new_account_has_no_model_monitor(twin: Twin, endpoints: Endpoints, captured: str) -> None:
    """Creating is refused in plain words, and there is nothing to list."""
    sagemaker = twin.client("sagemaker")
    assert twin.admin("GET", "model-monitor") == {"open": False}
    error = refused(
        sagemaker.create_data_quality_job_definition, **definition("data_quality", captured, endpoints)
    )
    assert error["Code"] == "ValidationException"
    assert "not available to new customers" in error["Message"]
    error = refused(sagemaker.create_monitoring_schedule, **schedule("any"))
    assert "not available to new customers" in error["Message"]
    assert sagemaker.list_monitoring_schedules()["MonitoringScheduleSummaries"] == []


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_is_kept_listed_and_deleted(
    twin: Twin, endpoints: Endpoints, captured: str, kind: str
) -> None:
    """What was created is described as it was asked for; its name is taken until it is deleted."""
    sagemaker = twin.client("sagemaker")
    call = {
        verb: getattr(sagemaker, f"{verb}_{kind}_job_definition") for verb in ("create", "describe", "delete")
    }
    request = definition(kind, captured, endpoints)
    arn = call["create"](**request)["JobDefinitionArn"]
    described = call["describe"](JobDefinitionName=request["JobDefinitionName"])
    assert {key: described[key] for key in request} == request
    listed = getattr(sagemaker, f"list_{kind}_job_definitions")(EndpointName=captured)
    assert arn in [one["MonitoringJobDefinitionArn"] for one in listed["JobDefinitionSummaries"]]
    assert refused(call["create"], **request)["Code"] == "ResourceInUse"
    call["delete"](JobDefinitionName=request["JobDefinitionName"])
    assert (
        refused(call["describe"], JobDefinitionName=request["JobDefinitionName"])["Code"]
        == "ResourceNotFound"
    )


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("expression", "when", "told"),
    [
        pytest.param("cron(0 * ? * * *)", {}, None, id="every hour"),
        pytest.param("cron(0 17 ? * * *)", {}, None, id="every day"),
        pytest.param("cron(0 0/6 ? * * *)", {}, None, id="every six hours"),
        pytest.param("cron(15 * ? * * *)", {}, "Invalid schedule expression", id="not on the hour"),
        pytest.param("rate(1 hour)", {}, "Invalid schedule expression", id="a rate"),
        pytest.param("NOW", {}, "are required for a NOW schedule", id="now without a window"),
        pytest.param(
            "NOW",
            {"DataAnalysisStartTime": "-P2D", "DataAnalysisEndTime": "-PT0H"},
            "up to 24 hours",
            id="now, two days",
        ),
        pytest.param(
            "NOW",
            {"DataAnalysisStartTime": "yesterday", "DataAnalysisEndTime": "-PT0H"},
            "not an ISO 8601 duration",
            id="now, no duration",
        ),
    ],
)
def test_a_schedule_takes_the_times_that_there_are(
    twin: Twin, endpoints: Endpoints, captured: str, expression: str, when: dict[str, str], told: str | None
) -> None:
    """Only full hours, and windows of at most a day, can be scheduled."""
    sagemaker, asked = twin.client("sagemaker"), definition("data_quality", captured, endpoints)
    sagemaker.create_data_quality_job_definition(**asked)
    request = schedule(asked["JobDefinitionName"], expression=expression, **when)
    if told is not None:
        assert told in refused(sagemaker.create_monitoring_schedule, **request)["Message"]
        return
    sagemaker.create_monitoring_schedule(**request)
    name = request["MonitoringScheduleName"]
    described = sagemaker.describe_monitoring_schedule(MonitoringScheduleName=name)
    assert described["MonitoringScheduleStatus"] == "Scheduled"
    assert (described["MonitoringType"], described["EndpointName"]) == ("DataQuality", captured)
    assert described["MonitoringScheduleConfig"] == request["MonitoringScheduleConfig"]


@pytest.mark.usefixtures("opened")
def test_a_schedule_stops_starts_moves_on_and_goes(twin: Twin, endpoints: Endpoints, captured: str) -> None:
    """A schedule is stopped and started, moves to another definition of its type, and is deleted."""
    sagemaker = twin.client("sagemaker")
    first, second = (definition("data_quality", captured, endpoints) for _ in range(2))
    other = definition("model_quality", captured, endpoints)
    sagemaker.create_data_quality_job_definition(**first)
    sagemaker.create_data_quality_job_definition(**second)
    sagemaker.create_model_quality_job_definition(**other)
    request = schedule(first["JobDefinitionName"])
    sagemaker.create_monitoring_schedule(**request)
    named = {"MonitoringScheduleName": request["MonitoringScheduleName"]}

    def status() -> str:
        return str(sagemaker.describe_monitoring_schedule(**named)["MonitoringScheduleStatus"])

    sagemaker.stop_monitoring_schedule(**named)
    assert status() == "Stopped"
    sagemaker.start_monitoring_schedule(**named)
    assert status() == "Scheduled"
    moved = {**schedule(second["JobDefinitionName"]), **named}
    sagemaker.update_monitoring_schedule(**moved)
    described = sagemaker.describe_monitoring_schedule(**named)["MonitoringScheduleConfig"]
    assert described["MonitoringJobDefinitionName"] == second["JobDefinitionName"]
    changed = {**schedule(other["JobDefinitionName"], "ModelQuality"), **named}
    assert "stays so" in refused(sagemaker.update_monitoring_schedule, **changed)["Message"]
    assert sagemaker.list_monitoring_executions(**named)["MonitoringExecutionSummaries"] == []
    sagemaker.delete_monitoring_schedule(**named)
    assert refused(sagemaker.describe_monitoring_schedule, **named)["Code"] == "ResourceNotFound"


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("kind", "more", "told"),
    [
        pytest.param(
            "model_quality", {"StoppingCondition": {"MaxRuntimeInSeconds": 3600}}, "1800", id="merge"
        ),
        pytest.param(
            "data_quality", {"RoleArn": "arn:aws:iam::000000000000:role/nobody"}, "assume role", id="no role"
        ),
    ],
)
def test_what_could_never_run_is_refused(
    twin: Twin, endpoints: Endpoints, captured: str, kind: str, more: dict[str, Any], told: str
) -> None:
    """A run must fit into its schedule, and its role must be one that SageMaker can assume."""
    sagemaker = twin.client("sagemaker")
    request = definition(kind, captured, endpoints, **more)
    create = getattr(sagemaker, f"create_{kind}_job_definition")
    if "RoleArn" in more:
        assert told in refused(create, **request)["Message"]
        return
    create(**request)
    asked = schedule(request["JobDefinitionName"], "ModelQuality")
    assert told in refused(sagemaker.create_monitoring_schedule, **asked)["Message"]


@pytest.mark.usefixtures("opened")
def test_a_schedule_of_now_runs_once(twin: Twin, endpoints: Endpoints, captured: str) -> None:
    """NOW analyses what was captured, as a processing job that names its schedule and leaves its report."""
    sagemaker = twin.client("sagemaker")
    endpoints.invoke(captured, b"1,2\n")
    twin.admin("POST", "capture/flush")
    asked = definition("data_quality", captured, endpoints)
    sagemaker.create_data_quality_job_definition(**asked)
    window = {"DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H"}
    request = schedule(asked["JobDefinitionName"], expression="NOW", **window)
    sagemaker.create_monitoring_schedule(**request)
    named = {"MonitoringScheduleName": request["MonitoringScheduleName"]}

    def executions() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = sagemaker.list_monitoring_executions(**named)[
            "MonitoringExecutionSummaries"
        ]
        return found

    eventually(lambda: executions()[0]["MonitoringExecutionStatus"] not in ("InProgress", "Pending"))
    (execution,) = executions()
    assert execution["MonitoringExecutionStatus"] == "Completed"
    job_name = execution["ProcessingJobArn"].rpartition("/")[2]
    job = sagemaker.describe_processing_job(ProcessingJobName=job_name)
    assert job["MonitoringScheduleArn"].endswith(named["MonitoringScheduleName"])
    assert job["Environment"]["sagemaker_endpoint_name"] == captured
    report = job["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    key = f"{report.removeprefix(f's3://{endpoints.bucket}/')}/algo-1.json"
    body = twin.client("s3").get_object(Bucket=endpoints.bucket, Key=key)["Body"].read()
    assert len(json.loads(body)["inputs"]) >= 1


def test_creating_needs_the_right_on_the_schedule(twin: Twin) -> None:
    """IAM is asked about the schedule before anything else."""
    client = twin.acting_as("sagemaker", allow("sagemaker:ListMonitoringSchedules"))
    assert refused(client.create_monitoring_schedule, **schedule("any"))["Code"] == "AccessDeniedException"
