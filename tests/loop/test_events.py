"""Events are hints: twice, late, in any order, at once, they lead to the same state."""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from stranger import Model, Stack, drop_of

SAGEMAKER = "aws.sagemaker"


@pytest.fixture(scope="module")
def model(stack: Stack) -> Model:
    """Version 2 serves, version 1 served, version 3 is rejected."""
    model = stack.model("events").configure()
    for version, rows in ((1, 150), (2, 200)):
        model.drop(f"number-{version}", drop_of(rows, seed=version))
        model.wait_for("version_registered", version=str(version))
        model.approve(version)
        model.wait_until_serving(version)
    model.register_again(status="Rejected")
    return model


def event(source: str, detail_type: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": detail_type,
        "source": source,
        "account": "000000000000",
        "time": "2026-03-01T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


def everything(model: Model) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every event that there was, or might have been, newest first, with the function that hears of it."""
    for status in ("DELETED", "FAILED", "IN_SERVICE", "CREATING"):
        endpoint = {"EndpointName": model.name, "EndpointStatus": status}
        yield "SettleEndpoint", event(SAGEMAKER, "SageMaker Endpoint State Change", endpoint)
    for version, status in ((3, "Approved"), (2, "Rejected"), (1, "Approved"), (2, "Approved")):
        package = {
            "ModelPackageGroupName": model.name,
            "ModelPackageVersion": version,
            "ModelApprovalStatus": status,
            "UpdatedModelPackageFields": ["ModelApprovalStatus"],
        }
        yield "DeployModel", event(SAGEMAKER, "SageMaker Model Package State Change", package)
    for job in reversed(model.jobs()):
        for status in ("Failed", "Completed", "InProgress"):
            detail = {"TrainingJobName": job, "TrainingJobStatus": status}
            yield "RegisterModel", event(SAGEMAKER, "SageMaker Training Job State Change", detail)
    for key in ("number-2/_SUCCESS", "number-1/_SUCCESS", "number-1/part-0.csv", "never/_SUCCESS"):
        yield "StartTraining", created(model, f"drops/{key}")
    yield "ConfigureModel", created(model, "model.yaml")


def created(model: Model, key: str) -> dict[str, Any]:
    place = {"bucket": {"name": model.bucket}, "object": {"key": f"models/{model.model}/{key}"}}
    return event("aws.s3", "Object Created", place)


def state(model: Model) -> dict[str, Any]:
    """What the stack made of the model, and what it told people to do."""
    configs = model.sagemaker.list_endpoint_configs(NameContains=model.name)["EndpointConfigs"]
    return {
        "jobs": model.jobs(),
        "versions": [(v["ModelPackageVersion"], v["ModelApprovalStatus"]) for v in model.versions()],
        "serves": model.endpoint()["EndpointConfigName"],
        "configs": sorted(config["EndpointConfigName"] for config in configs),
        "datasets": [key for key in model.keys("datasets/") if key.endswith("dataset.json")],
        "decided": sorted(e.decision for e in model.ledger() if e.news != "none" and e.decision != "nothing"),
    }


def test_replayed_backwards(stack: Stack, model: Model) -> None:
    """Every event again, newest first, changes nothing and alarms nobody."""
    before = state(model)
    for function, replayed in everything(model):
        stack.invoke(function, replayed)
    assert state(model) == before, model.story()


def test_several_at_once(stack: Stack, model: Model) -> None:
    """The same event delivered three times at the same moment is the event once."""
    before = state(model)
    failures: list[str] = []

    def deliver(function: str, replayed: dict[str, Any]) -> None:
        try:
            stack.invoke(function, replayed)
        except AssertionError as error:
            failures.append(str(error))

    for function, replayed in list(everything(model))[::4]:
        threads = [threading.Thread(target=deliver, args=(function, replayed)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    assert state(model) == before, model.story()


def test_an_upload_delivered_three_times_at_once(stack: Stack) -> None:
    """A new drop whose event comes three times at the same moment trains once, and people hear of it once."""
    model = stack.model("thrice").configure()
    model.drop("one", drop_of(120), marker=None)
    model.put("drops/one/_SUCCESS")
    client = stack.client("lambda")
    function, payload = stack.resource("StartTraining"), created(model, "drops/one/_SUCCESS")
    for _ in range(2):
        client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(payload).encode())
    model.wait_for("version_registered")
    assert len(model.jobs()) == len(model.versions()) == 1
    assert model.news().count("training_started") == 1, model.story()
