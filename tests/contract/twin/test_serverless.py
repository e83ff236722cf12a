"""Serverless endpoints on the twin: cold starts, limits, idleness, provisioned concurrency, changes of kind."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import Twin, answering, eventually, free_port, launch, unique
from serverless_requests import alive, statistics, together
from serving_endpoints import IMAGE, VARIANT, Endpoints

IDLE = 1.0  # seconds; 60 of AWS's


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """A twin whose serverless environments go cold after a second."""
    running = answering(launch(tmp_path_factory.mktemp("serverless"), free_port(), serverless_idle=60 * IDLE))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def endpoints(twin: Twin) -> Endpoints:
    """Endpoints on this module's twin."""
    return Endpoints.on(twin)


@contextmanager
def kept_warm(endpoints: Endpoints) -> Iterator[None]:
    """Nothing goes cold for a while, however long a test takes from one request to the next."""
    endpoints.twin.admin("POST", "serverless", idle_seconds=86400)
    try:
        yield
    finally:
        endpoints.twin.admin("POST", "serverless", idle_seconds=60 * IDLE)


def test_an_idle_endpoint_sleeps_and_a_request_wakes_it(endpoints: Endpoints) -> None:
    """Without requests no process is left, the endpoint stays InService, and the next request starts one."""
    name = endpoints.serving_serverless()
    first = endpoints.invoke(name)["pid"]
    eventually(lambda: not alive(first))
    described = endpoints.describe(name)
    assert described["EndpointStatus"] == "InService"
    assert "CurrentInstanceCount" not in described["ProductionVariants"][0]
    with kept_warm(endpoints):
        second = endpoints.invoke(name)["pid"]
        assert second != first
        assert endpoints.invoke(name)["pid"] == second, "a warm environment is used again"
    eventually(lambda: statistics(endpoints, name, "OverheadLatency", "SampleCount") == {"SampleCount": 3.0})
    setup = statistics(endpoints, name, "ModelSetupTime", "Maximum", "SampleCount")
    assert setup["SampleCount"] == 1.0
    overhead = statistics(endpoints, name, "OverheadLatency", "Maximum")["Maximum"]
    assert overhead >= 0.9 * setup["Maximum"] > 10_000, "microseconds; the cold start counts as overhead"


def test_more_requests_at_once_than_allowed_are_throttled(endpoints: Endpoints) -> None:
    """Beyond MaxConcurrency: ThrottlingException with 429; afterwards the endpoint answers again."""
    name = endpoints.serving_serverless({"delay": 1.0}, MaxConcurrency=2)
    with kept_warm(endpoints):
        seen = together(endpoints, name, 5)
        answered = [one for one in seen if isinstance(one, int)]
        assert len(set(answered)) == 2, "each in an environment of its own"
        assert sorted(str(one) for one in seen if one not in answered) == ["ThrottlingException 429"] * 3
        assert endpoints.invoke(name)["pid"] in answered
    eventually(lambda: statistics(endpoints, name, "Invocation4XXErrors", "Sum") == {"Sum": 3.0})
    busiest = statistics(endpoints, name, "ServerlessConcurrentExecutionsUtilization", "Maximum")
    assert busiest == {"Maximum": 1.0}


def test_further_requests_share_the_environments_that_a_laptop_has_room_for(endpoints: Endpoints) -> None:
    """MaxConcurrency above the twin's processes is answered all the same."""
    name = endpoints.serving_serverless({"delay": 0.5}, MaxConcurrency=20)
    seen = together(endpoints, name, 12)
    assert all(isinstance(one, int) for one in seen)
    assert len(set(seen)) < 12


def test_provisioned_concurrency_stays_warm(endpoints: Endpoints) -> None:
    """Its environments outlive idleness, are replaced when killed, and have metrics of their own."""
    name = endpoints.serving_serverless({"delay": 1.0}, MaxConcurrency=4, ProvisionedConcurrency=2)
    warm = {one for one in together(endpoints, name, 2) if isinstance(one, int)}
    assert len(warm) == 2
    more = {one for one in together(endpoints, name, 4) if isinstance(one, int)}
    assert len(more) == 4
    eventually(lambda: sum(map(alive, more)) == 2)
    kept = next(pid for pid in more if alive(pid))
    os.kill(kept, signal.SIGKILL)
    eventually(lambda: not alive(kept))
    eventually(lambda: statistics(endpoints, name, "ServerlessProvisionedConcurrencyInvocations", "Sum"))
    assert endpoints.invoke(name)["pid"] != kept

    def read(metric: str, statistic: str) -> float | None:
        return statistics(endpoints, name, f"ServerlessProvisionedConcurrency{metric}", statistic).get(
            statistic
        )

    eventually(lambda: read("Invocations", "Sum") == 5.0)
    assert read("SpilloverInvocations", "Sum") == 2.0
    assert read("Utilization", "Maximum") == 2.0, "four requests for two provisioned"
    assert read("Executions", "Maximum") == 4.0
    assert statistics(endpoints, name, "ConcurrentRequestsPerModel", "Maximum") == {}


def test_a_killed_environment_costs_nobody_else_a_request(endpoints: Endpoints) -> None:
    """kill -9 of an idle environment: the next request finds another."""
    name = endpoints.serving_serverless()
    for _ in range(3):
        pid = endpoints.invoke(name)["pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda gone=pid: not alive(gone))
    assert endpoints.describe(name)["EndpointStatus"] == "InService"


def test_a_request_that_waits_for_a_cold_start_survives_an_update(endpoints: Endpoints) -> None:
    """The old config's environments end only when whoever came before has an answer."""
    name = endpoints.serving_serverless({"answer": "old", "boot": 1.5})
    first = endpoints.invoke(name)["pid"]
    eventually(lambda: not alive(first))
    seen: list[int | str] = []
    waiting = threading.Thread(target=lambda: seen.extend(together(endpoints, name, 3)))
    waiting.start()
    fresh = endpoints.serverless_config(endpoints.model(answer="new"))
    endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=fresh)
    assert endpoints.settled(name)["EndpointConfigName"] == fresh
    waiting.join()
    assert [one for one in seen if isinstance(one, str)] == []
    eventually(lambda: not any(alive(one) for one in seen if isinstance(one, int)))


def test_deleting_an_endpoint_ends_what_is_starting(endpoints: Endpoints) -> None:
    """No process is left of an endpoint that is deleted while a request wakes it."""
    name = endpoints.serving_serverless({"boot": 1.5})
    first = endpoints.invoke(name)["pid"]
    eventually(lambda: not alive(first))
    seen: list[int | str] = []
    waiting = threading.Thread(target=lambda: seen.extend(together(endpoints, name, 2)))
    waiting.start()
    endpoints.sagemaker.delete_endpoint(EndpointName=name)
    waiting.join()
    folder = f"/endpoints/{name}/"

    def left() -> list[str]:
        found = [Path(entry) / "cwd" for entry in Path("/proc").glob("[0-9]*")]
        return [str(one) for one in found if os.path.lexists(one) and folder in _target(one)]

    eventually(lambda: not left())


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # the process is gone, or another user's
        return ""


def test_an_environment_that_outgrows_its_memory_is_ended(endpoints: Endpoints) -> None:
    """MemorySizeInMB is a limit: the process is killed and the log says so; the next request is served."""
    name = endpoints.serving_serverless({"hold_mb": 1200, "delay": 30.0}, MemorySizeInMB=1024)
    with pytest.raises(ClientError, match="model process exited"):
        endpoints.invoke(name)
    logs, group = endpoints.twin.client("logs"), f"/aws/sagemaker/Endpoints/{name}"
    told = logs.filter_log_events(logGroupName=group, filterPattern="memory")["events"]
    assert "MemorySizeInMB is 1024" in told[0]["message"]


def test_a_payload_may_have_4_mb(endpoints: Endpoints) -> None:
    """A larger one is refused before it costs a cold start."""
    name = endpoints.serving_serverless()
    with pytest.raises(ClientError) as caught:
        endpoints.invoke(name, b"x" * (4 * 1024 * 1024 + 1))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_container_that_does_not_start_fails_the_endpoint(endpoints: Endpoints) -> None:
    """SageMaker checks the container's health once, also where nothing is to be kept warm."""
    name = endpoints.start(endpoints.serverless_config(endpoints.model(exit=1)))
    assert endpoints.settled(name)["EndpointStatus"] == "Failed"


@pytest.mark.parametrize(
    ("serverless", "more", "message"),
    [
        pytest.param(
            {"ProvisionedConcurrency": 6}, {}, "less than or equal to MaxConcurrency", id="provisioned"
        ),
        pytest.param({"MemorySizeInMB": 1500}, {}, "MemorySizeInMB must be one of", id="memory"),
        pytest.param(
            {},
            {
                "DataCaptureConfig": {
                    "InitialSamplingPercentage": 100,
                    "DestinationS3Uri": "s3://bucket/capture",
                    "CaptureOptions": [{"CaptureMode": "Input"}],
                }
            },
            "DataCaptureConfig is not supported for serverless",
            id="data capture",
        ),
    ],
)
def test_what_serverless_endpoints_cannot_do_is_refused(
    endpoints: Endpoints, serverless: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    """CreateEndpointConfig answers ValidationException."""
    limits = {"MemorySizeInMB": 2048, "MaxConcurrency": 5, **serverless}
    variant = {"VariantName": VARIANT, "ModelName": endpoints.model(), "ServerlessConfig": limits}
    with pytest.raises(ClientError, match=message) as caught:
        endpoints.sagemaker.create_endpoint_config(
            EndpointConfigName=unique("config"), ProductionVariants=[variant], **more
        )
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_an_isolated_model_cannot_be_serverless(endpoints: Endpoints) -> None:
    """A model with network isolation is refused when the config is created."""
    model = unique("model")
    endpoints.sagemaker.create_model(
        ModelName=model,
        ExecutionRoleArn=endpoints.role,
        PrimaryContainer={"Image": IMAGE},
        EnableNetworkIsolation=True,
    )
    with pytest.raises(ClientError, match="network isolation"):
        endpoints.serverless_config(model)


def test_an_endpoint_changes_its_kind_in_one_direction_only(endpoints: Endpoints) -> None:
    """Serverless becomes instance-based without a lost request; there is no way back."""
    name = endpoints.serving_serverless({"answer": "serverless"})
    fixed = endpoints.config(endpoints.model(answer="instances"), 1)
    with endpoints.traffic(name, threads=2) as traffic:
        eventually(lambda: traffic.answers["serverless"] > 5)
        endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=fixed)
        endpoints.settled(name)
        eventually(lambda: traffic.answers["instances"] > 5)
    assert not traffic.failures
    shown = endpoints.describe(name)["ProductionVariants"][0]
    assert shown["CurrentInstanceCount"] == 1
    assert "CurrentServerlessConfig" not in shown
    back = endpoints.serverless_config(endpoints.model())
    with pytest.raises(ClientError) as caught:
        endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=back)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert endpoints.describe(name)["EndpointStatus"] == "InService"


def test_an_update_shifts_all_at_once_whatever_is_asked_for(endpoints: Endpoints) -> None:
    """Deployment guardrails are for instances: a serverless update neither bakes nor loses a request."""
    name = endpoints.serving_serverless({"answer": "old"})
    fresh = endpoints.serverless_config(endpoints.model(answer="new"))
    hour = {
        "Type": "CANARY",
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
        "WaitIntervalInSeconds": 3600,
    }
    guardrails = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": hour}}
    with endpoints.traffic(name, threads=2) as traffic:
        endpoints.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=fresh, DeploymentConfig=guardrails
        )
        assert endpoints.settled(name, 20)["EndpointConfigName"] == fresh
        eventually(lambda: traffic.answers["new"] > 5)
    assert not traffic.failures


def test_concurrency_changes_without_a_new_config(endpoints: Endpoints, tmp_path: Path) -> None:
    """UpdateEndpointWeightsAndCapacities takes a ServerlessUpdateConfig; wrong kinds of change are refused."""
    up = tmp_path / "up"
    up.touch()
    name = endpoints.serving_serverless({"gate": str(up)}, MaxConcurrency=2)
    up.unlink()

    def change(**wanted: Any) -> None:
        endpoints.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": VARIANT, **wanted}]
        )

    change(ServerlessUpdateConfig={"MaxConcurrency": 6, "ProvisionedConcurrency": 2})
    under_way = endpoints.describe(name)["ProductionVariants"][0]
    assert under_way["CurrentServerlessConfig"] == {"MemorySizeInMB": 2048, "MaxConcurrency": 2}
    up.touch()
    shown = endpoints.settled(name)["ProductionVariants"][0]
    expected = {"MemorySizeInMB": 2048, "MaxConcurrency": 6, "ProvisionedConcurrency": 2}
    assert shown["CurrentServerlessConfig"] == shown["DesiredServerlessConfig"] == expected
    with pytest.raises(ClientError, match="less than or equal to MaxConcurrency"):
        change(ServerlessUpdateConfig={"ProvisionedConcurrency": 7})
    with pytest.raises(ClientError, match="DesiredInstanceCount is not supported"):
        change(DesiredInstanceCount=2)


def target(name: str) -> dict[str, str]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{name}/variant/{VARIANT}",
        "ScalableDimension": "sagemaker:variant:DesiredProvisionedConcurrency",
    }


def test_provisioned_concurrency_follows_its_utilization(endpoints: Endpoints) -> None:
    """The predefined metric scales out and in again; activities name the dimension."""
    name = endpoints.serving_serverless({"delay": 0.1}, MaxConcurrency=6, ProvisionedConcurrency=1)
    scaling = endpoints.twin.client("application-autoscaling")
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=3, **target(name))
    metric = {"PredefinedMetricType": "SageMakerVariantProvisionedConcurrencyUtilization"}
    scaling.put_scaling_policy(
        PolicyName="pc",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 0.7,
            "PredefinedMetricSpecification": metric,
            "ScaleInCooldown": 60,
            "ScaleOutCooldown": 60,
        },
        **target(name),
    )

    def provisioned() -> int:
        current = endpoints.describe(name)["ProductionVariants"][0]["CurrentServerlessConfig"]
        return int(current["ProvisionedConcurrency"])

    with endpoints.traffic(name, threads=3) as traffic:
        eventually(lambda: provisioned() == 3)
    assert not traffic.failures
    eventually(lambda: provisioned() == 1)
    found = scaling.describe_scaling_activities(**target(name))["ScalingActivities"]
    assert found[0]["Description"] == "Setting desired provisioned concurrency to 1."
    assert found[0]["ScalableDimension"] == target(name)["ScalableDimension"]
    fixed = endpoints.config(endpoints.model(), 1)
    with pytest.raises(ClientError, match="registered as a scalable target"):
        endpoints.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=fixed)


@pytest.mark.parametrize(
    ("dimension", "message"),
    [
        ("sagemaker:variant:DesiredProvisionedConcurrency", "has no provisioned concurrency"),
        ("sagemaker:variant:DesiredInstanceCount", "has no instances"),
    ],
)
def test_only_what_a_variant_has_can_be_scaled(endpoints: Endpoints, dimension: str, message: str) -> None:
    """A serverless variant without provisioned concurrency is no scalable target."""
    scaling = endpoints.twin.client("application-autoscaling")
    wanted = {**target(endpoints.serving_serverless()), "ScalableDimension": dimension}
    with pytest.raises(ClientError, match=message):
        scaling.register_scalable_target(MinCapacity=1, MaxCapacity=3, **wanted)
