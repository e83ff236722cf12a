"""Fixtures: a running twin for the whole session, and what its services need to do real work."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from running_twin import ACCOUNT, REGION, Events, Twin, allow, answering, free_port, launch, unique
from serving_endpoints import Endpoints


@pytest.fixture
def start_twin(tmp_path: Path) -> Iterator[Callable[..., Twin]]:
    """Start further twins, each with its own folder and port; they end with the test."""
    started: list[Twin] = []

    def start(**options: Any) -> Twin:
        started.append(launch(tmp_path / f"home-{len(started)}", free_port(), **options))
        return answering(started[-1])

    yield start
    for twin in started:
        if twin.process.poll() is None:
            twin.stop()


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """The session's twin; its containers are the double."""
    running = answering(launch(tmp_path_factory.mktemp("twin"), free_port()))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def bucket(twin: Twin) -> str:
    """A bucket with a manifest, two parts and a schema."""
    name, s3 = unique("data"), twin.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="drops/one/a.csv", Body=b"x,y\n1,2\n")
    s3.put_object(Bucket=name, Key="drops/one/b.csv", Body=b"x,y\n3,4\n")
    s3.put_object(Bucket=name, Key="schema.json", Body=b"{}")
    manifest = [{"prefix": f"s3://{name}/"}, "drops/one/a.csv", "drops/one/b.csv"]
    s3.put_object(Bucket=name, Key="manifest.json", Body=json.dumps(manifest).encode())
    return name


@pytest.fixture(scope="session")
def job_role(twin: Twin, bucket: str) -> str:
    """What a job may do: its bucket, its logs."""
    own = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return twin.role(
        unique("job"), allow(["s3:GetObject", "s3:PutObject", "s3:ListBucket"], own), allow("logs:*")
    )


@pytest.fixture
def train(twin: Twin, bucket: str, job_role: str) -> Callable[..., str]:
    """Start a training job whose container does what `behaviour` says; its name."""

    def start(behaviour: str = "train", *, at: Twin = twin, **more: Any) -> str:
        name = unique("job")
        channel = {
            "ChannelName": "training",
            "DataSource": {
                "S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": f"s3://{bucket}/manifest.json"}
            },
        }
        request = {
            "TrainingJobName": name,
            "RoleArn": job_role,
            "AlgorithmSpecification": {
                "TrainingImage": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/perennial:1",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "holdout:auc", "Regex": r"metric holdout:auc=(\S+)"}],
            },
            "HyperParameters": {"behaviour": behaviour, "num_leaves": "31"},
            "InputDataConfig": [channel],
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/trainings"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "Tags": [{"Key": "model", "Value": "mortgage"}],
        }
        twin.client("sagemaker").create_training_job(**{**request, **more})
        return name

    return start


@pytest.fixture(scope="session")
def endpoints(twin: Twin) -> Endpoints:
    """What it takes to put servers that misbehave on demand behind endpoints."""
    return Endpoints.on(twin)


@pytest.fixture(scope="session")
def events(twin: Twin) -> Events:
    """Every event of `aws.sagemaker` on the default bus."""
    return Events.of(twin, "aws.sagemaker")


@pytest.fixture(params=["twin", "moto"])
def client(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Any]]:
    """Clients by service name, of the twin and of moto: what both must answer alike."""
    if request.param == "twin":
        yield request.getfixturevalue("twin").client
        return
    with mock_aws():
        yield lambda service: boto3.client(
            service, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )
