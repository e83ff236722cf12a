"""The adapters on memory and on a twin, and what each kind is helped with in its own way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import fakes
from running_twin import Twin, allow, eventually, unique
from serving_endpoints import artefact

from perennial.aws.autoscaling import ApplicationAutoScaling
from perennial.aws.bucket import S3Bucket
from perennial.aws.bus import EventBus
from perennial.aws.endpoints import SageMakerEndpoints
from perennial.aws.registry import SageMakerModelRegistry
from perennial.aws.table import Table, TableCatalog, TableLedger, TableState
from perennial.aws.topic import SnsTopic
from perennial.aws.training_jobs import SageMakerExperiments, SageMakerTrainingJobs
from perennial.training import Platform

NAMES = fakes.NAMES
IMAGE = "000000000000.dkr.ecr.us-east-1.amazonaws.com/perennial@sha256:" + 64 * "0"


@dataclass
class World:
    """The adapters of one kind, and the few things that each kind is asked or helped with in its own way."""

    bucket: Any
    catalog: Any
    state: Any
    ledger: Any
    jobs: Any
    experiments: Any
    registry: Any
    endpoints: Any
    scaling: Any
    topic: Any
    platform: Platform
    kept: Callable[[str], int]
    history: Callable[[str], dict[str, str]]
    settle: Callable[[str, str], None]
    refuse: Callable[[str], None]  # what a model asks for next passes the account's quotas

    def package(self, model: str, token: str, approval: str = "Approved") -> str:
        """Register a version whose artefact exists."""
        key = f"models/{model}/trainings/{token}/output/model.tar.gz"
        self.bucket.write(key, artefact(answer=token), "application/x-tar")
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{self.bucket.name}/{key}"}
        return str(
            self.registry.create(
                {
                    "ModelPackageGroupName": NAMES.package_group(model),
                    "InferenceSpecification": {
                        "Containers": [container],
                        "SupportedContentTypes": ["text/csv"],
                        "SupportedResponseMIMETypes": ["text/csv"],
                        "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
                    },
                    "ModelApprovalStatus": approval,
                    "ClientToken": token.rjust(36, "0"),
                }
            )
        )


def in_memory() -> World:
    world = fakes.InMemoryWorld()

    def settle(endpoint: str, config_name: str) -> None:
        world.endpoints.become(endpoint, "InService", config_name)

    def refuse(_: str) -> None:
        world.jobs.quota = world.endpoints.quota = "The account-level service limit is 0 Instances"

    return World(
        *(world.bucket, world.catalog, world.state, world.ledger, world.jobs, world.experiments),
        *(world.registry, world.endpoints, world.scaling, world.topic, world.platform),
        kept=lambda model: len([d for d in world.ledger.decisions if d.model == model]),
        history=lambda arn: world.registry.history.get(arn, {}),
        settle=settle,
        refuse=refuse,
    )


def on_twin(twin: Twin) -> World:
    bucket, table, bus = unique("data"), unique("ledger"), unique("bus")
    twin.client("s3").create_bucket(Bucket=bucket)
    twin.client("events").create_event_bus(Name=bus)
    keys = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    twin.client("dynamodb").create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=keys,
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    )
    topic = twin.client("sns").create_topic(Name=unique("alerts"))["TopicArn"]
    role = twin.role(unique("role"), allow(["s3:*", "logs:*", "cloudwatch:*"]))
    sagemaker, items = twin.client("sagemaker"), Table(table, twin.client("dynamodb"))

    def kept(model: str) -> int:
        return len(list(items.query(f"model#{model}")))

    def history(arn: str) -> dict[str, str]:
        package = sagemaker.describe_model_package(ModelPackageName=arn)
        return dict(package.get("CustomerMetadataProperties", {}))

    def settle(endpoint: str, config_name: str) -> None:
        def done() -> bool:
            found = sagemaker.describe_endpoint(EndpointName=endpoint)
            return (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", config_name)

        eventually(done, 60)

    def refuse(model: str) -> None:
        twin.admin("POST", "faults", fault="limit", name=f"*{model}*", times=1)

    return World(
        S3Bucket(bucket, twin.client("s3")),
        TableCatalog(items),
        TableState(items),
        TableLedger(items, EventBus(bus, twin.client("events"))),
        SageMakerTrainingJobs(NAMES, sagemaker, twin.client("logs")),
        SageMakerExperiments(sagemaker),
        SageMakerModelRegistry(NAMES, sagemaker),
        SageMakerEndpoints(NAMES, role, sagemaker),
        ApplicationAutoScaling(twin.client("application-autoscaling")),
        SnsTopic(topic, twin.client("sns")),
        Platform(bucket, IMAGE, role, "abc123"),
        kept,
        history,
        settle,
        refuse,
    )
