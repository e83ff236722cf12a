"""IAM on SageMaker's operations: every request is checked on the resources it really names."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from running_twin import ACCOUNT, REGION, Twin, allow, unique

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"


def training(name: str, role: str, **more: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "RoleArn": role,
        "AlgorithmSpecification": {"TrainingImage": "perennial:1", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://nowhere/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **more,
    }


def denied(act: Callable[[], Any]) -> str:
    """The message of the AccessDeniedException that an act meets."""
    with pytest.raises(ClientError) as refused:
        act()
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    return str(refused.value.response["Error"]["Message"])


def test_action_is_checked_on_the_resource_named(twin: Twin, job_role: str) -> None:
    """A policy for one prefix of jobs allows that prefix and refuses another, naming the job's ARN."""
    own = [
        allow("sagemaker:CreateTrainingJob", f"{ARN}:training-job/perennial-*"),
        allow("iam:PassRole", job_role),
    ]
    sagemaker = twin.acting_as("sagemaker", *own)
    sagemaker.create_training_job(**training(unique("perennial"), job_role))
    message = denied(lambda: sagemaker.create_training_job(**training("other", job_role)))
    assert "assumed-role/caller-" in message
    assert message.endswith(
        f"is not authorized to perform: sagemaker:CreateTrainingJob on resource: {ARN}:training-job/other because no "
        "identity-based policy allows the sagemaker:CreateTrainingJob action"
    )


def test_explicit_deny_wins(twin: Twin) -> None:
    """A deny statement beats an allow, and the message says so."""
    deny = {"Effect": "Deny", "Action": "sagemaker:List*", "Resource": "*"}
    sagemaker = twin.acting_as("sagemaker", allow("sagemaker:*"), deny)
    assert denied(sagemaker.list_training_jobs).endswith("with an explicit deny in an identity-based policy")


def test_lists_need_every_resource(twin: Twin) -> None:
    """A List operation takes no resource: a policy that names one does not allow it."""
    sagemaker = twin.acting_as("sagemaker", allow("sagemaker:ListTrainingJobs", f"{ARN}:training-job/*"))
    assert "on resource: *" in denied(sagemaker.list_training_jobs)


def test_passing_a_role_needs_its_own_right(twin: Twin, job_role: str) -> None:
    """A job's role must be one the caller may pass to SageMaker."""
    to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    to_lambda = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    create = allow("sagemaker:CreateTrainingJob", f"{ARN}:training-job/*")
    for statements in ([create], [create, allow("iam:PassRole", job_role, Condition=to_lambda)]):
        sagemaker = twin.acting_as("sagemaker", *statements)
        message = denied(lambda s=sagemaker: s.create_training_job(**training(unique("job"), job_role)))
        assert f"iam:PassRole on resource: {job_role}" in message
    sagemaker = twin.acting_as("sagemaker", create, allow("iam:PassRole", job_role, Condition=to_sagemaker))
    sagemaker.create_training_job(**training(unique("job"), job_role))


def test_tags_on_creation_need_add_tags(twin: Twin, job_role: str) -> None:
    """Creating with tags needs sagemaker:AddTags, and RequestTag conditions are met or not."""
    create = [allow("sagemaker:CreateTrainingJob"), allow("iam:PassRole", job_role)]
    tags = [{"Key": "model", "Value": "mortgage"}]
    sagemaker = twin.acting_as("sagemaker", *create)
    message = denied(lambda: sagemaker.create_training_job(**training(unique("job"), job_role, Tags=tags)))
    assert "sagemaker:AddTags" in message
    only = {"StringEquals": {"aws:RequestTag/model": "mortgage"}}
    sagemaker = twin.acting_as("sagemaker", *create, allow("sagemaker:AddTags", Condition=only))
    sagemaker.create_training_job(**training(unique("job"), job_role, Tags=tags))
    other = [{"Key": "model", "Value": "another"}]
    denied(lambda: sagemaker.create_training_job(**training(unique("job"), job_role, Tags=other)))


def test_resource_tags_are_conditions(twin: Twin) -> None:
    """aws:ResourceTag is the tag that the resource carries now."""
    group = unique("group")
    twin.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=group, Tags=[{"Key": "team", "Value": "risk"}]
    )
    for team, allowed in (("risk", True), ("fraud", False)):
        only = {"StringEquals": {"aws:ResourceTag/team": team}}
        sagemaker = twin.acting_as("sagemaker", allow("sagemaker:DescribeModelPackageGroup", Condition=only))
        describe = lambda s=sagemaker: s.describe_model_package_group(ModelPackageGroupName=group)  # noqa: E731
        assert describe()["ModelPackageGroupName"] == group if allowed else denied(describe)


def test_new_version_is_checked_on_group_and_package(twin: Twin) -> None:
    """CreateModelPackage needs its group and the package's own ARN."""
    group = unique("group")
    twin.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    for resources, missing in (
        ([f"{ARN}:model-package-group/{group}"], f"{ARN}:model-package/{group}/*"),
        ([f"{ARN}:model-package/{group}/*"], f"{ARN}:model-package-group/{group}"),
    ):
        sagemaker = twin.acting_as("sagemaker", allow("sagemaker:CreateModelPackage", resources))
        message = denied(lambda s=sagemaker: s.create_model_package(ModelPackageGroupName=group))
        assert f"on resource: {missing} " in message


def test_endpoint_is_invoked_by_those_who_may(twin: Twin) -> None:
    """sagemaker:InvokeEndpoint is checked on the endpoint's ARN, though the runtime is another service."""
    runtime = twin.acting_as("sagemaker-runtime", allow("sagemaker:InvokeEndpoint", f"{ARN}:endpoint/other"))
    message = denied(lambda: runtime.invoke_endpoint(EndpointName="mine", Body=b"1"))
    assert f"sagemaker:InvokeEndpoint on resource: {ARN}:endpoint/mine " in message


def test_unknown_keys_are_refused(twin: Twin) -> None:
    """A request signed with a key nobody has is an authentication failure, not a denial."""
    stranger = twin.client("sagemaker", {"AccessKeyId": "AKIASTRANGER", "SecretAccessKey": "guess"})
    with pytest.raises(ClientError) as refused:
        stranger.list_training_jobs()
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


def test_wrong_secret_is_refused(twin: Twin) -> None:
    """A request whose signature does not match its key is refused."""
    role = twin.role(unique("caller"), allow("sagemaker:*"))
    keys = twin.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    forger = twin.client("sagemaker", {**keys, "SecretAccessKey": "guess"})
    with pytest.raises(ClientError) as refused:
        forger.list_training_jobs()
    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"
