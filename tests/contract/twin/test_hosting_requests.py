"""Requests about models, endpoint configs and endpoints on the twin: what is refused, and in which words; lists."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import Twin, allow, unique
from serving_endpoints import IMAGE, Endpoints, arn, artefact


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        pytest.param("describe_model", {"ModelName": "x"}, 'Could not find model "{model}".', id="model"),
        pytest.param(
            "delete_model", {"ModelName": "x"}, 'Could not find model "{model}".', id="model to delete"
        ),
        pytest.param(
            "describe_endpoint_config",
            {"EndpointConfigName": "x"},
            'Could not find endpoint configuration "{config}".',
            id="config",
        ),
        pytest.param(
            "describe_endpoint", {"EndpointName": "x"}, 'Could not find endpoint "{endpoint}".', id="endpoint"
        ),
        pytest.param(
            "create_endpoint",
            {"EndpointName": "y", "EndpointConfigName": "x"},
            'Could not find endpoint configuration "{config}".',
            id="endpoint without config",
        ),
        pytest.param(
            "delete_endpoint",
            {"EndpointName": "x"},
            'Could not find endpoint "{endpoint}".',
            id="endpoint to delete",
        ),
    ],
)
def test_what_is_missing_is_named_as_aws_names_it(
    twin: Twin, operation: str, request_: dict[str, Any], message: str
) -> None:
    """A missing resource is a ValidationException with its ARN."""
    with pytest.raises(ClientError) as caught:
        getattr(twin.client("sagemaker"), operation)(**request_)
    expected = message.format(
        model=arn("model", "x"), config=arn("endpoint-config", "x"), endpoint=arn("endpoint", "x")
    )
    assert caught.value.response["Error"] == {"Code": "ValidationException", "Message": expected}


def test_a_name_can_be_used_once(endpoints: Endpoints) -> None:
    """Creating what exists is refused, for each kind, in AWS's words."""
    model = endpoints.model()
    config = endpoints.config(model)
    endpoint = endpoints.start(config)
    sagemaker = endpoints.sagemaker
    variant = {
        "VariantName": "v",
        "ModelName": model,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    again: list[tuple[str, Callable[[], Any]]] = [
        (
            f'model "{arn("model", model)}"',
            lambda: sagemaker.create_model(
                ModelName=model, ExecutionRoleArn=endpoints.role, PrimaryContainer={"Image": IMAGE}
            ),
        ),
        (
            f'endpoint configuration "{arn("endpoint-config", config)}"',
            lambda: sagemaker.create_endpoint_config(EndpointConfigName=config, ProductionVariants=[variant]),
        ),
        (
            f'endpoint "{arn("endpoint", endpoint.upper())}"',
            lambda: sagemaker.create_endpoint(EndpointName=endpoint.upper(), EndpointConfigName=config),
        ),
    ]
    for what, create in again:
        with pytest.raises(ClientError) as caught:
            create()
        assert caught.value.response["Error"]["Message"] == f"Cannot create already existing {what}."


@pytest.mark.parametrize(
    ("container", "message"),
    [
        pytest.param(
            {"ModelDataUrl": "s3://{bucket}/none.tar.gz"}, "Could not find model data at s3://", id="missing"
        ),
        pytest.param(
            {"ModelDataUrl": "s3://{other}/m.tar.gz"}, "Could not access model data at s3://", id="forbidden"
        ),
    ],
)
def test_a_model_needs_an_artefact_its_role_can_read(
    endpoints: Endpoints, container: dict[str, str], message: str
) -> None:
    """CreateModel looks for the artefact with the role's own rights."""
    other = unique("other")
    endpoints.twin.client("s3").create_bucket(Bucket=other)
    endpoints.twin.client("s3").put_object(Bucket=other, Key="m.tar.gz", Body=artefact())
    url = container["ModelDataUrl"].format(bucket=endpoints.bucket, other=other)
    with pytest.raises(ClientError, match=message):
        endpoints.sagemaker.create_model(
            ModelName=unique("model"),
            ExecutionRoleArn=endpoints.role,
            PrimaryContainer={"Image": IMAGE, "ModelDataUrl": url},
        )


def test_creating_a_model_needs_the_right_to_pass_its_role(twin: Twin, endpoints: Endpoints) -> None:
    """iam:PassRole is checked on the execution role."""
    other = twin.acting_as("sagemaker", allow("sagemaker:*"))
    with pytest.raises(ClientError, match="not authorized to perform: iam:PassRole"):
        other.create_model(
            ModelName=unique("model"), ExecutionRoleArn=endpoints.role, PrimaryContainer={"Image": IMAGE}
        )


def test_lists_are_paged_sorted_and_filtered(endpoints: Endpoints) -> None:
    """List operations honour NameContains, SortBy, SortOrder, MaxResults and NextToken."""
    mark, model = unique("page"), endpoints.model()
    container = endpoints.sagemaker.describe_model(ModelName=model)["PrimaryContainer"]
    names = [f"{mark}-{index:02}" for index in range(13)]
    for name in names:
        endpoints.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=endpoints.role, PrimaryContainer=container
        )
    first = endpoints.sagemaker.list_models(NameContains=mark)
    assert len(first["Models"]) == 10
    assert first["NextToken"]
    pages = endpoints.sagemaker.get_paginator("list_models").paginate(
        NameContains=mark, SortBy="Name", SortOrder="Ascending", MaxResults=5
    )
    assert [item["ModelName"] for page in pages for item in page["Models"]] == names


def test_endpoints_are_listed_by_status(endpoints: Endpoints) -> None:
    """StatusEquals keeps only endpoints of that status."""
    name = endpoints.serving()
    for status, expected in (("InService", [name]), ("Failed", [])):
        found = endpoints.sagemaker.list_endpoints(NameContains=name, StatusEquals=status)["Endpoints"]
        assert [item["EndpointName"] for item in found] == expected


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        pytest.param(
            [{"VariantName": "a", "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5}}] * 2,
            "Variant names must be unique",
            id="same name twice",
        ),
        pytest.param(
            [{"VariantName": "a"}],
            "InstanceType and InitialInstanceCount must be specified",
            id="no instances",
        ),
        pytest.param(
            [
                {
                    "VariantName": "a",
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                    "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 5},
                }
            ],
            "Only one of ServerlessConfig and InstanceType",
            id="both kinds",
        ),
    ],
)
def test_a_config_that_aws_refuses_is_refused(
    endpoints: Endpoints, variants: list[dict[str, Any]], message: str
) -> None:
    """Variants must have names of their own and exactly one kind of capacity."""
    model = endpoints.model()
    with pytest.raises(ClientError, match=message):
        endpoints.sagemaker.create_endpoint_config(
            EndpointConfigName=unique("config"),
            ProductionVariants=[{**variant, "ModelName": model} for variant in variants],
        )
