"""Endpoints on the twin: their life, from creation to deletion."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import Events, Twin, eventually, unique
from serving_endpoints import IMAGE, VARIANT, Endpoints, arn, artefact


def test_a_model_package_is_served(endpoints: Endpoints) -> None:
    """A model that names a package serves the package's artefact with both environments."""
    sagemaker, group, model = endpoints.sagemaker, unique("group"), unique("model")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    package = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [
                {
                    "Image": IMAGE,
                    "ModelDataUrl": endpoints.put(artefact(answer="packaged")),
                    "Environment": {"GREETING": "package", "OWN": "1"},
                }
            ],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    sagemaker.create_model(
        ModelName=model,
        ExecutionRoleArn=endpoints.role,
        Containers=[{"ModelPackageName": package, "Environment": {"GREETING": "model"}}],
    )
    endpoint = endpoints.start(endpoints.config(model))
    assert endpoints.settled(endpoint)["EndpointStatus"] == "InService"
    said = endpoints.invoke(endpoint)
    assert (said["answer"], said["environment"]["GREETING"], said["environment"]["OWN"]) == (
        "packaged",
        "model",
        "1",
    )


def test_a_serverless_endpoint_answers(endpoints: Endpoints) -> None:
    """A serverless variant shows its memory and concurrency in place of instances."""
    serverless, config, name = (
        {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
        unique("config"),
        unique("endpoint"),
    )
    variant = {
        "VariantName": VARIANT,
        "ModelName": endpoints.model(answer="v1"),
        "ServerlessConfig": serverless,
    }
    endpoints.sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant])
    endpoints.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    shown = endpoints.settled(name)["ProductionVariants"][0]
    assert shown["CurrentServerlessConfig"] == serverless
    assert "CurrentInstanceCount" not in shown
    assert endpoints.invoke(name)["answer"] == "v1"


def test_an_endpoint_says_what_it_runs(endpoints: Endpoints) -> None:
    """DescribeEndpoint shows counts, weights and images of what serves."""
    described = endpoints.describe(endpoints.serving(2))
    variant = described["ProductionVariants"][0]
    assert variant["VariantName"] == VARIANT
    assert (variant["CurrentInstanceCount"], variant["DesiredInstanceCount"]) == (2, 2)
    assert (variant["CurrentWeight"], variant["DesiredWeight"]) == (1.0, 1.0)
    assert variant["DeployedImages"][0]["SpecifiedImage"] == IMAGE


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(
            artefact(exit=1),
            f"The primary container for production variant {VARIANT} did not pass the ping health check. "
            "Please check CloudWatch logs for this endpoint.",
            id="server ends at once",
        ),
        pytest.param(
            b"not a tar", "Failed to extract model data archive for container", id="artefact is no archive"
        ),
    ],
)
def test_a_model_that_cannot_serve_fails_its_endpoint(endpoints: Endpoints, data: bytes, reason: str) -> None:
    """The endpoint ends as Failed with the reason, and can only be deleted."""
    config = endpoints.config(endpoints.model(data))
    name = endpoints.start(config)
    described = endpoints.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"].startswith(reason)
    with pytest.raises(ClientError, match="Cannot update"):
        endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    endpoints.sagemaker.delete_endpoint(EndpointName=name)


def test_a_server_that_never_gets_healthy_fails_its_endpoint(endpoints: Endpoints) -> None:
    """A process that lives but answers /ping with 503 is given up after the start-up limit."""
    limit = {"ContainerStartupHealthCheckTimeoutInSeconds": 60}
    described = endpoints.settled(endpoints.start(endpoints.config(endpoints.model(ping=503), **limit)))
    assert described["EndpointStatus"] == "Failed"


@pytest.mark.parametrize(
    ("fault", "code"), [("limit", "ResourceLimitExceeded"), ("throttling", "ThrottlingException")]
)
def test_an_armed_fault_meets_the_endpoint(endpoints: Endpoints, fault: str, code: str) -> None:
    """Creating an endpoint can be refused as AWS refuses it when capacity or patience ends."""
    config, name = endpoints.config(endpoints.model()), unique("endpoint")
    endpoints.twin.admin("POST", "faults", fault=fault, name=name, times=2)  # boto3 tries again
    with pytest.raises(ClientError) as caught:
        endpoints.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert caught.value.response["Error"]["Code"] == code
    endpoints.twin.admin("DELETE", "faults")
    endpoints.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert endpoints.settled(name)["EndpointStatus"] == "InService"


def test_an_endpoint_under_way_takes_no_other_change(endpoints: Endpoints) -> None:
    """While it is created, an endpoint can be neither updated, scaled nor deleted."""
    config = endpoints.config(endpoints.model(ping=503))
    name = endpoints.start(config)
    weights = [{"VariantName": VARIANT, "DesiredInstanceCount": 2}]
    for change in (
        lambda: endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config),
        lambda: endpoints.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=weights
        ),
        lambda: endpoints.sagemaker.delete_endpoint(EndpointName=name),
    ):
        with pytest.raises(ClientError) as caught:
            change()
        message = caught.value.response["Error"]["Message"]
        assert message == f'Cannot update in-progress endpoint "{arn("endpoint", name)}".'


def test_capacities_change_real_instances(endpoints: Endpoints) -> None:
    """UpdateEndpointWeightsAndCapacities adds and removes servers, and no request fails."""
    name = endpoints.serving(1)

    def scale(count: int) -> None:
        wanted = [{"VariantName": VARIANT, "DesiredInstanceCount": count, "DesiredWeight": 2.0}]
        endpoints.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=wanted
        )
        endpoints.settled(name)

    answered: set[int] = set()

    def all_three_answer() -> bool:
        # The router throws dice, so one after the other may ask the same server again.
        answered.add(endpoints.invoke(name)["pid"])
        return len(answered) == 3

    with endpoints.traffic(name, threads=2) as traffic:
        scale(3)
        assert endpoints.count(name) == 3
        eventually(all_three_answer)
        scale(1)
    assert endpoints.count(name) == 1
    assert endpoints.describe(name)["ProductionVariants"][0]["CurrentWeight"] == 2.0
    assert not traffic.failures
    with pytest.raises(ClientError, match="must be at least 1"):
        scale(0)
    with pytest.raises(ClientError, match="is/are not present within endpoint configuration"):
        endpoints.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "other", "DesiredWeight": 1.0}]
        )


def test_a_killed_instance_is_missing_until_it_is_replaced(endpoints: Endpoints) -> None:
    """An endpoint whose only server was killed does not call itself InService until another answers."""
    name = endpoints.serving(1)
    pid = endpoints.invoke(name)["pid"]
    os.kill(pid, signal.SIGKILL)
    seen = []

    def back() -> bool:
        described = endpoints.describe(name)
        healthy = described["ProductionVariants"][0]["CurrentInstanceCount"]
        seen.append((described["EndpointStatus"], healthy))
        try:
            return healthy == 1 and endpoints.invoke(name)["pid"] != pid
        except endpoints.twin.client("sagemaker-runtime").exceptions.ServiceUnavailable:
            return False  # it was counted before its death was noticed

    eventually(back)
    assert all(status == "OutOfService" for status, healthy in seen if healthy == 0)


def test_deleting_an_endpoint_ends_its_servers(endpoints: Endpoints) -> None:
    """After DeleteEndpoint nothing of it runs or is described."""
    name = endpoints.serving(1)
    pid = endpoints.invoke(name)["pid"]
    endpoints.sagemaker.delete_endpoint(EndpointName=name)

    def gone() -> bool:
        try:
            endpoints.describe(name)
        except ClientError:
            return True
        return False

    eventually(gone)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_servers_end_with_a_twin_that_is_killed(start_twin: Callable[..., Twin]) -> None:
    """kill -9 of the twin leaves no server running."""
    own = Endpoints.on(start_twin())
    pids = {own.invoke(name)["pid"] for name in (own.serving(1), own.serving(1))}
    own.twin.process.kill()
    own.twin.process.wait()
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def test_models_and_configs_can_go_before_their_endpoint(endpoints: Endpoints) -> None:
    """AWS lets a model and a config be deleted while an endpoint uses them; the endpoint goes on."""
    model = endpoints.model(answer="still here")
    config = endpoints.config(model)
    name = endpoints.start(config)
    endpoints.settled(name)
    endpoints.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    endpoints.sagemaker.delete_model(ModelName=model)
    killed = endpoints.invoke(name)["pid"]
    os.kill(killed, signal.SIGKILL)

    def said() -> dict[str, Any] | None:
        try:
            return endpoints.invoke(name)
        except ClientError:
            return None  # it is on its way to the killed server, or the other one still starts

    another = eventually(said)
    assert (another["answer"], another["pid"] != killed) == ("still here", True)


def test_every_state_is_told_to_eventbridge(endpoints: Endpoints, events: Events) -> None:
    """`SageMaker Endpoint State Change` spells statuses in upper snake case and comes more than once."""
    name = endpoints.serving()
    resource = arn("endpoint", name)

    def told() -> list[str]:
        return [event["detail"]["EndpointStatus"] for event in events.about(resource)]

    eventually(lambda: told().count("IN_SERVICE") >= 2)
    assert told()[0] == "CREATING"
    event = events.about(resource)[-1]
    assert event["detail-type"] == "SageMaker Endpoint State Change"
    assert event["source"] == "aws.sagemaker"
    detail = event["detail"]
    assert (detail["EndpointName"], detail["EndpointArn"]) == (name, resource)
    assert detail["ProductionVariants"][0]["DesiredInstanceCount"] == 1
    assert isinstance(detail["CreationTime"], float)
    assert detail["Tags"] == {}
