"""Every request that we build is one that AWS's own service models accept."""

from datetime import timedelta

import pytest
from fakes import NAMES, NOW, config
from shapes import EVALUATION, check

from perennial import scaling
from perennial.alarms import rollback
from perennial.deployment import EndpointState
from perennial.endpoint_config import config_request, deployment_config
from perennial.gate import Verdict
from perennial.registration import package_request
from perennial.scaling_bounds import Raised
from perennial.training import Champion, Dataset, Platform, TrainingJob, job_request

DATASET = Dataset("0123456789ab", "monday", "csv", NOW, NOW)
PLATFORM = Platform("data", "image@sha256:1", "arn:aws:iam::123456789012:role/perennial-training", "abc123")
NAME = NAMES.training_job("mortgage", DATASET.version, "012345")
JOB = TrainingJob(
    NAME,
    f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{NAME}",
    "Completed",
    NOW,
    artefact="s3://data/models/mortgage/trainings/job/output/model.tar.gz",
    image="image@sha256:1",
    hyperparameters={"num_leaves": "31"},
    tags={"perennial:drop": "monday"},
)
MLFLOW = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/team"
TRAININGS = [{}, {"spot": False}, {"mlflow_tracking_server": MLFLOW}, {"hyperparameters": {"depth": 3}}]
ROLLOUTS = [{"type": kind} for kind in ("canary", "linear", "rolling", "all_at_once")]


@pytest.mark.parametrize("training", TRAININGS)
@pytest.mark.parametrize("champion", [None, Champion(3, "s3://data/v3.tar.gz")])
def test_training_job(training, champion):
    """CreateTrainingJob takes what we build, with and without spot, champion and MLflow."""
    check(
        "sagemaker",
        "CreateTrainingJob",
        job_request(NAME, DATASET, config(training=training), champion, PLATFORM, NAMES),
    )


def test_model_package():
    """CreateModelPackage takes what we build."""
    verdict = Verdict("PendingManualApproval", "the gate asks a person")
    request = package_request(
        JOB, NAMES.parse_training_job(NAME), EVALUATION, verdict, config(), "data", NAMES
    )
    check("sagemaker", "CreateModelPackage", request)


@pytest.mark.parametrize("kind", ["realtime", "serverless", {"serverless": {"provisioned": 2}}])
def test_endpoint_config(kind):
    """CreateEndpointConfig takes what we build, for both kinds of endpoint."""
    check(
        "sagemaker", "CreateEndpointConfig", config_request("c", "m", config(endpoint={"kind": kind}), "data")
    )


@pytest.mark.parametrize("rollout", ROLLOUTS)
def test_deployment_config(rollout):
    """UpdateEndpoint takes each rollout type's configuration."""
    deployment = deployment_config(
        config(endpoint={"rollout": rollout}), EndpointState("e", "InService", "c"), ["a", "b"]
    )
    request = {"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": deployment}
    check("sagemaker", "UpdateEndpoint", request)


def test_rollback_alarms():
    """PutMetricAlarm takes the alarms of a rollout."""
    requests = rollback.requests(config(), NAMES, NAMES.endpoint_config("mortgage", 1, "0123ab"))
    for request in requests:
        check("cloudwatch", "PutMetricAlarm", request)
    assert len(requests) == 2


def test_scaling():
    """Application Auto Scaling and CloudWatch take what we build: both metrics, schedules of all forms, both step sides."""
    schedule = [
        {"name": "morning", "at": "cron(0 8 ? * MON-FRI *)", "time_zone": "Europe/Zurich", "min": 3},
        {"name": "fair", "at": "at(2099-03-01T08:00:00)", "max": 9},
        {"name": "beat", "at": "rate(12 hours)", "min": 2, "start": NOW, "end": NOW + timedelta(days=9)},
    ]
    steps = [
        {"name": "cpu", "metric": "CPUUtilization", "above": {70: 1, 90: 2}, "statistic": "p99.9"},
        {"name": "idle", "metric": "Invocations", "below": {5: -50, 1: -100}, "change": "percent"},
    ]
    for metric in ("invocations", "concurrency"):
        settings = config(scaling={"metric": metric, "schedule": schedule, "steps": steps})
        wanted = scaling.wanted(settings, "e", Raised(), NOW)
        bounds = {"MinCapacity": wanted.bounds.least, "MaxCapacity": wanted.bounds.most}
        check("application-autoscaling", "RegisterScalableTarget", wanted.resource.key | bounds)
        for name, body in wanted.policies.items():
            request = wanted.resource.key | body | {"PolicyName": name}
            check("application-autoscaling", "PutScalingPolicy", request)
        assert len(wanted.actions) == 3
        for name, body in wanted.actions.items():
            request = wanted.resource.key | body | {"ScheduledActionName": name}
            check("application-autoscaling", "PutScheduledAction", request)
        for request in wanted.alarms.values():
            check("cloudwatch", "PutMetricAlarm", request)
