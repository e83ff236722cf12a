"""Shadow variants on the twin: copies of requests that nobody notices but the meters and the capture."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import eventually, unique
from serving_endpoints import VARIANT, Endpoints

SHADOW = "Shadow"


def variant(name: str, model: str, count: int = 1, weight: float = 1.0) -> dict[str, Any]:
    return {
        "VariantName": name,
        "ModelName": model,
        "InitialInstanceCount": count,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": weight,
    }


def shadowed(endpoints: Endpoints, weight: float = 1.0, **behaviour: Any) -> tuple[str, str]:
    """An endpoint with a shadow, and the prefix of what it captures."""
    prefix = unique("capture")
    config = unique("config")
    endpoints.sagemaker.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[variant(VARIANT, endpoints.model(answer="production"))],
        ShadowProductionVariants=[
            variant(SHADOW, endpoints.model(**{"answer": "shadow", **behaviour}), 2, weight)
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{endpoints.bucket}/{prefix}",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json"],
            },
        },
    )
    name = endpoints.start(config)
    assert endpoints.settled(name)["EndpointStatus"] == "InService"
    return name, prefix


def captured(endpoints: Endpoints, prefix: str, name: str, of: str) -> list[dict[str, Any]]:
    s3 = endpoints.twin.client("s3")
    listed = s3.list_objects_v2(Bucket=endpoints.bucket, Prefix=f"{prefix}/{name}/{of}/").get("Contents", [])
    bodies = [s3.get_object(Bucket=endpoints.bucket, Key=item["Key"])["Body"].read() for item in listed]
    return [json.loads(line) for body in bodies for line in body.splitlines()]


def measured(endpoints: Endpoints, name: str, of: str, metric: str) -> float:
    now = datetime.now(UTC)
    found = endpoints.twin.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": "EndpointName", "Value": name}, {"Name": "VariantName", "Value": of}],
        StartTime=now - timedelta(minutes=5),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in found["Datapoints"])


def test_a_shadow_gets_copies_and_answers_nobody(endpoints: Endpoints) -> None:
    """Callers hear production alone; both variants are captured in folders of their own, and measured apart."""
    name, prefix = shadowed(endpoints)
    told = Counter(
        endpoints.invoke(name, b"1,2", ContentType="text/csv", InferenceId=f"id-{n}")["answer"]
        for n in range(20)
    )
    assert told == {"production": 20}
    eventually(lambda: len(captured(endpoints, prefix, name, SHADOW)) == 20)
    eventually(lambda: len(captured(endpoints, prefix, name, VARIANT)) == 20)
    for of, answer in ((VARIANT, "production"), (SHADOW, "shadow")):
        records = captured(endpoints, prefix, name, of)
        outputs = {
            json.loads(record["captureData"]["endpointOutput"]["data"])["answer"] for record in records
        }
        assert outputs == {answer}
        assert {record["eventMetadata"]["inferenceId"] for record in records} == {
            f"id-{n}" for n in range(20)
        }
        eventually(lambda of=of: measured(endpoints, name, of, "Invocations") == 20)


def test_describe_tells_of_the_shadow(endpoints: Endpoints) -> None:
    """ShadowProductionVariants has weight and instances; ProductionVariants has production alone."""
    name, _ = shadowed(endpoints, weight=0.5)
    described = endpoints.describe(name)
    assert [one["VariantName"] for one in described["ProductionVariants"]] == [VARIANT]
    [shadow] = described["ShadowProductionVariants"]
    assert (shadow["VariantName"], shadow["CurrentInstanceCount"], shadow["CurrentWeight"]) == (
        SHADOW,
        2,
        0.5,
    )


def test_the_weight_is_the_share_that_is_copied(endpoints: Endpoints) -> None:
    """With a fifth of production's weight, about a fifth of the requests is copied."""
    name, _ = shadowed(endpoints, weight=0.2)
    for _ in range(200):
        endpoints.invoke(name)
    eventually(lambda: measured(endpoints, name, VARIANT, "Invocations") == 200)
    copied = measured(endpoints, name, SHADOW, "Invocations")
    assert 15 <= copied <= 70, "a fifth of 200, give or take four standard deviations"


@pytest.mark.parametrize("behaviour", [{"status": 500}, {"delay": 3.0}], ids=["failing", "slow"])
def test_an_ill_shadow_costs_callers_nothing(endpoints: Endpoints, behaviour: dict[str, Any]) -> None:
    """Its errors and its slowness stay its own."""
    name, _ = shadowed(endpoints, **behaviour)
    started = datetime.now(UTC)
    assert {endpoints.invoke(name)["answer"] for _ in range(5)} == {"production"}
    assert (datetime.now(UTC) - started).total_seconds() < 3
    eventually(lambda: measured(endpoints, name, SHADOW, "Invocations") == 5)
    assert measured(endpoints, name, SHADOW, "Invocation5XXErrors") == (5 if "status" in behaviour else 0)
    assert measured(endpoints, name, VARIANT, "Invocation5XXErrors") == 0


def test_a_shadow_comes_and_goes_with_its_config(endpoints: Endpoints) -> None:
    """An update to a config without it ends its instances, and no request fails meanwhile."""
    name, _ = shadowed(endpoints)
    with endpoints.traffic(name) as traffic:
        endpoints.sagemaker.update_endpoint(
            EndpointName=name, EndpointConfigName=endpoints.config(endpoints.model(answer="plain"))
        )
        assert endpoints.settled(name)["EndpointStatus"] == "InService"
    assert traffic.failures == []
    assert "ShadowProductionVariants" not in endpoints.describe(name)


def test_one_of_each_at_most(endpoints: Endpoints) -> None:
    """Exactly one production and one shadow variant, and none of them serverless."""
    model = endpoints.model()
    serverless = {
        "VariantName": SHADOW,
        "ModelName": model,
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
    }
    for production, shadows in (
        ([variant("A", model), variant("B", model)], [variant(SHADOW, model)]),
        ([variant("A", model)], [variant(SHADOW, model), variant("Other", model)]),
        ([variant("A", model)], [serverless]),
    ):
        with pytest.raises(ClientError, match="ValidationException"):
            endpoints.sagemaker.create_endpoint_config(
                EndpointConfigName=unique("config"),
                ProductionVariants=production,
                ShadowProductionVariants=shadows,
            )
