"""SageMaker models: which container serves which artefact, as which role."""

import asyncio
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from twin import seams
from twin.protocol import Call, Service, validation
from twin.sagemaker.dataplane.artifact import inaccessible, location
from twin.sagemaker.hosting_state import Hosting, Record
from twin.sagemaker.listing import listed


def register(service: Service, hosting: Hosting) -> None:
    """Create, describe, list and delete models."""
    models, tags = hosting.models, hosting.world.tags

    @service.operation("CreateModel", "model/{ModelName}", roles=("ExecutionRoleArn",))
    async def create(request: Record, call: Call) -> Record:
        name = request["ModelName"]
        arn = models.vacant(call, name)
        container = _only_container(request)
        role = request.get("ExecutionRoleArn")
        if role is None:
            raise validation("ExecutionRoleArn must be specified for a model that is hosted on an endpoint.")
        if not seams.assumable(role):
            raise validation(
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role."
            )
        runnable = hosting.runnable(container, call)
        if runnable.get("ModelDataUrl"):
            await asyncio.to_thread(_check_artifact, hosting, runnable["ModelDataUrl"], role)
        models.vacant(call, name)
        models.put(call, name, {**request, "ModelArn": arn, "CreationTime": call.now, "Runnable": runnable})
        tags.add(arn, request.get("Tags"))
        return {"ModelArn": arn}

    @service.operation("DescribeModel", "model/{ModelName}")
    def describe(request: Record, call: Call) -> Record:
        return models.get(call, request["ModelName"])

    @service.operation("ListModels")
    def list_models(request: Record, call: Call) -> Record:
        return listed([_summary(one) for one in models.of(call)], request, "Models", "Model")

    @service.operation("DeleteModel", "model/{ModelName}")
    def delete(request: Record, call: Call) -> None:
        tags.forget(models.remove(call, request["ModelName"])["ModelArn"])


def _only_container(request: Record) -> Record:
    given = ([request["PrimaryContainer"]] if "PrimaryContainer" in request else []) + request.get(
        "Containers", []
    )
    if not given:
        raise validation("Either PrimaryContainer or Containers must be specified.")
    if "PrimaryContainer" in request and "Containers" in request:
        raise validation("Only one of PrimaryContainer and Containers can be specified.")
    if len(given) > 1:
        raise validation("The twin serves models of one container; see docs/twin.md.")
    container: dict[str, Any] = given[0]
    if not ("Image" in container or "ModelPackageName" in container):
        raise validation("Image must be specified for a container without ModelPackageName.")
    return container


def _check_artifact(hosting: Hosting, url: str, role: str) -> None:
    """As AWS does when a model is created: the role must be able to read the artefact."""
    bucket, key = location(url)
    try:
        hosting.world.storage(role).head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NoSuchBucket"):
            raise validation(f"Could not find model data at {url}.") from error
        raise validation(inaccessible(url, role)) from error
    except BotoCoreError as error:
        raise validation(inaccessible(url, role)) from error


def _summary(record: Record) -> Record:
    return {name: record[name] for name in ("ModelName", "ModelArn", "CreationTime")}
