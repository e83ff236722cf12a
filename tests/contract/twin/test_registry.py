"""The model registry: what moto and the twin answer alike, then what only the twin does."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, REGION, Events, Twin, eventually, unique

Client = Callable[[str], Any]
INFERENCE = {
    "Containers": [{"Image": "perennial:1", "ModelDataUrl": "s3://bucket/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


def new_group(sagemaker: Any) -> str:
    name = unique("group")
    sagemaker.create_model_package_group(ModelPackageGroupName=name, ModelPackageGroupDescription="a model")
    return name


def new_version(sagemaker: Any, group: str, **more: Any) -> str:
    request = {"ModelPackageGroupName": group, "InferenceSpecification": INFERENCE, **more}
    return str(sagemaker.create_model_package(**request)["ModelPackageArn"])


def test_versions_count_up(client: Client) -> None:
    """A group's packages are numbered from 1 and wait for approval unless told otherwise."""
    sagemaker = client("sagemaker")
    group = new_group(sagemaker)
    arns = [new_version(sagemaker, group), new_version(sagemaker, group, ModelApprovalStatus="Approved")]
    found = [sagemaker.describe_model_package(ModelPackageName=arn) for arn in arns]
    assert [package["ModelPackageVersion"] for package in found] == [1, 2]
    assert found[1]["ModelApprovalStatus"] == "Approved"
    assert all(package["ModelPackageGroupName"] == group for package in found)
    assert all(package["ModelPackageStatus"] == "Completed" for package in found)
    assert [package["InferenceSpecification"]["Containers"][0]["Image"] for package in found] == [
        "perennial:1"
    ] * 2


def test_groups_are_described_and_listed(client: Client) -> None:
    """A group is found by its name and by a part of it."""
    sagemaker = client("sagemaker")
    group = new_group(sagemaker)
    described = sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    assert described["ModelPackageGroupDescription"] == "a model"
    assert described["ModelPackageGroupArn"].endswith(f":model-package-group/{group}")
    listed = sagemaker.list_model_package_groups(NameContains=group)["ModelPackageGroupSummaryList"]
    assert [item["ModelPackageGroupName"] for item in listed] == [group]


def test_approval_changes(client: Client) -> None:
    """UpdateModelPackage sets the approval status and its description."""
    sagemaker = client("sagemaker")
    arn = new_version(sagemaker, new_group(sagemaker))
    for status in ("Approved", "Rejected", "Approved"):
        sagemaker.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus=status, ApprovalDescription="why"
        )
        package = sagemaker.describe_model_package(ModelPackageName=arn)
        assert (package["ModelApprovalStatus"], package["ApprovalDescription"]) == (status, "why")


def test_packages_are_listed_by_approval(client: Client) -> None:
    """ListModelPackages keeps to the group, the status and the order asked for."""
    sagemaker = client("sagemaker")
    group, other = new_group(sagemaker), new_group(sagemaker)
    arns = [
        new_version(sagemaker, group, ModelApprovalStatus=status)
        for status in ("Approved", "Rejected", "Approved")
    ]
    new_version(sagemaker, other, ModelApprovalStatus="Approved")
    listed = sagemaker.list_model_packages(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        SortBy="CreationTime",
        SortOrder="Descending",
    )["ModelPackageSummaryList"]
    assert [item["ModelPackageArn"] for item in listed] == [arns[2], arns[0]]


def test_metadata_survives_creation(client: Client) -> None:
    """Metrics, metadata and baselines come back as they were given."""
    sagemaker = client("sagemaker")
    given = {
        "CustomerMetadataProperties": {"dataset": "0123456789ab"},
        "ModelMetrics": {
            "ModelQuality": {
                "Statistics": {"ContentType": "application/json", "S3Uri": "s3://bucket/evaluation.json"}
            }
        },
        "MetadataProperties": {"GeneratedBy": "arn:aws:sagemaker:us-east-1:000000000000:training-job/one"},
    }
    arn = new_version(sagemaker, new_group(sagemaker), **given)
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert {name: package[name] for name in given} == given


# --- only the twin: what moto lacks or does otherwise ---


def test_update_changes_only_the_given_members(twin: Twin) -> None:
    """An update leaves what it does not name alone, and merges metadata."""
    sagemaker = twin.client("sagemaker")
    arn = new_version(sagemaker, new_group(sagemaker), CustomerMetadataProperties={"a": "1", "b": "2"})
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    sagemaker.update_model_package(
        ModelPackageArn=arn, CustomerMetadataProperties={"c": "3"}, CustomerMetadataPropertiesToRemove=["a"]
    )
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert package["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
    assert package["ModelApprovalStatus"] == "Approved"


def test_client_token_makes_creation_idempotent(twin: Twin) -> None:
    """The same ClientToken is the same package, and no second event."""
    sagemaker = twin.client("sagemaker")
    group, token = new_group(sagemaker), unique("token")
    arns = {new_version(sagemaker, group, ClientToken=token) for _ in range(3)}
    assert len(arns) == 1
    assert len(sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 1


def test_version_numbers_are_not_used_again(twin: Twin) -> None:
    """A deleted version's number stays unused."""
    sagemaker = twin.client("sagemaker")
    group = new_group(sagemaker)
    new_version(sagemaker, group)
    last = new_version(sagemaker, group)
    sagemaker.delete_model_package(ModelPackageName=last)
    assert new_version(sagemaker, group).endswith("/3")


def test_group_with_packages_is_not_deleted(twin: Twin) -> None:
    """A group must be empty before it can go."""
    sagemaker = twin.client("sagemaker")
    group = new_group(sagemaker)
    arn = new_version(sagemaker, group)
    with pytest.raises(ClientError) as refused:
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    sagemaker.delete_model_package(ModelPackageName=arn)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)


def test_changes_are_events_with_the_changed_fields(twin: Twin, events: Events) -> None:
    """Creation tells no changed fields; every update tells exactly those it gave, our own metadata too."""
    sagemaker = twin.client("sagemaker")
    group = new_group(sagemaker)
    arn = new_version(sagemaker, group)
    sagemaker.update_model_package(
        ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="good"
    )
    sagemaker.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"endpoint": "one"})
    stage = {"Stage": "Production", "StageStatus": "Deployed", "StageDescription": "served"}
    sagemaker.update_model_package(ModelPackageArn=arn, ModelLifeCycle=stage)
    eventually(lambda: len(events.about(arn)) == 4)
    created, *updated = [event["detail"] for event in events.about(arn)]
    assert "UpdatedModelPackageFields" not in created
    assert [detail["UpdatedModelPackageFields"] for detail in updated] == [
        ["ModelApprovalStatus", "ApprovalDescription"],
        ["CustomerMetadataProperties"],
        ["ModelLifeCycle"],
    ]
    assert {detail["ModelApprovalStatus"] for detail in updated} == {"Approved"}
    assert (created["ModelPackageGroupName"], created["ModelPackageVersion"]) == (group, 1)
    assert created["CreationTime"].endswith("Z")


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        (
            "describe_model_package",
            {"ModelPackageName": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/none/1"},
            f"ModelPackage arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/none/1 does not exist.",
        ),
        (
            "describe_model_package_group",
            {"ModelPackageGroupName": "none"},
            f"ModelPackageGroup arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/none does not exist.",
        ),
        (
            "create_model_package",
            {"ModelPackageGroupName": "none", "InferenceSpecification": INFERENCE},
            f"ModelPackageGroup arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/none does not exist.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "_" in value else "",
)
def test_missing_things(twin: Twin, operation: str, request_: dict[str, Any], message: str) -> None:
    """What is not there is a ValidationException that names it."""
    with pytest.raises(ClientError) as refused:
        getattr(twin.client("sagemaker"), operation)(**request_)
    assert refused.value.response["Error"] == {"Code": "ValidationException", "Message": message}


def test_group_names_are_unique(twin: Twin) -> None:
    """A second group of the same name is refused with its ARN."""
    sagemaker = twin.client("sagemaker")
    group = new_group(sagemaker)
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/{group}"
    with pytest.raises(
        ClientError, match=rf"\(ValidationException\).*Model Package Group already exists: {arn}"
    ):
        sagemaker.create_model_package_group(ModelPackageGroupName=group)


def test_limits_of_metadata(twin: Twin) -> None:
    """A metadata value longer than 256 characters is refused as AWS refuses it."""
    sagemaker = twin.client("sagemaker")
    with pytest.raises(ClientError, match="Member must have length less than or equal to 256"):
        new_version(sagemaker, new_group(sagemaker), CustomerMetadataProperties={"parameters": "x" * 257})


def test_tags_belong_to_the_group(twin: Twin) -> None:
    """A versioned package takes no tags; its group does."""
    sagemaker = twin.client("sagemaker")
    group = new_group(sagemaker)
    with pytest.raises(ClientError, match="Tags are not supported for versioned model packages"):
        new_version(sagemaker, group, Tags=[{"Key": "a", "Value": "b"}])
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/{group}"
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]


def test_pages_hold_while_versions_are_added(twin: Twin) -> None:
    """A version registered between two pages neither repeats nor hides another."""
    sagemaker = twin.client("sagemaker")
    group = new_group(sagemaker)
    arns = [new_version(sagemaker, group) for _ in range(4)]
    order = {"ModelPackageGroupName": group, "SortOrder": "Descending", "MaxResults": 2}
    first = sagemaker.list_model_packages(**order)
    new_version(sagemaker, group)
    second = sagemaker.list_model_packages(**order, NextToken=first["NextToken"])
    listed = [item["ModelPackageArn"] for page in (first, second) for item in page["ModelPackageSummaryList"]]
    assert listed == arns[::-1]
