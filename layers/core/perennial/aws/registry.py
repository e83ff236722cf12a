"""SageMaker's model registry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from perennial import registration
from perennial.aws.clients import client, code, message
from perennial.deployment import PackageVersion
from perennial.names import Names


class SageMakerModelRegistry:
    def __init__(self, names: Names, sagemaker: Any = None) -> None:
        self._names = names
        self._sagemaker = sagemaker or client("sagemaker")

    def ensure_group(self, model: str, description: str) -> bool:
        """True when the group is new."""
        try:
            self._sagemaker.create_model_package_group(
                ModelPackageGroupName=self._names.package_group(model),
                ModelPackageGroupDescription=registration.description(description),
                Tags=[{"Key": "perennial:model", "Value": model}],
            )
        except ClientError as error:
            if code(error) in (
                "ValidationException",
                "ResourceInUse",
                "ConflictException",
            ) and "exist" in message(error):
                return False
            raise
        return True

    def versions(self, model: str) -> Sequence[PackageVersion]:
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=self._names.package_group(model)
        )
        try:
            return [
                PackageVersion(
                    summary["ModelPackageVersion"],
                    summary["ModelPackageArn"],
                    summary.get("ModelApprovalStatus", "PendingManualApproval"),
                    summary["CreationTime"],
                )
                for page in pages
                for summary in page["ModelPackageSummaryList"]
            ]
        except ClientError as error:
            if code(error) in ("ValidationException", "ResourceNotFound") and "not exist" in message(error):
                return []
            raise

    def get(self, model: str, version: int) -> PackageVersion | None:
        """One version with its artefact, and who decided on it."""
        summary = next((found for found in self.versions(model) if found.version == version), None)
        if summary is None:
            return None
        package = self._sagemaker.describe_model_package(ModelPackageName=summary.arn)
        containers = package.get("InferenceSpecification", {}).get("Containers", [{}])
        return PackageVersion(
            summary.version,
            summary.arn,
            summary.approval,
            summary.created_at,
            containers[0].get("ModelDataUrl"),
            package.get("ApprovalDescription", ""),
        )

    def describe(self, model: str, version: int) -> Mapping[str, Any] | None:
        """All that the registry knows of one version."""
        summary = next((found for found in self.versions(model) if found.version == version), None)
        if summary is None:
            return None
        package: Mapping[str, Any] = self._sagemaker.describe_model_package(ModelPackageName=summary.arn)
        return package

    def create(self, request: Mapping[str, Any]) -> str:
        return str(self._sagemaker.create_model_package(**request)["ModelPackageArn"])

    def decide(self, arn: str, approval: str, why: str) -> None:
        """Set a version's approval; SageMaker sends this back as an event of the package."""
        self._sagemaker.update_model_package(
            ModelPackageArn=arn,
            ModelApprovalStatus=approval,
            ApprovalDescription=registration.description(why),
        )

    def add_history(self, arn: str, entry: Mapping[str, str], stage: str) -> None:
        """Add to the deployment history, unless it is there. SageMaker sends this back as an event of the package."""
        package = self._sagemaker.describe_model_package(ModelPackageName=arn)
        existing = package.get("CustomerMetadataProperties", {})
        if set(entry.items()) <= set(existing.items()):
            return
        merged = registration.with_history(existing, entry)
        request: dict[str, Any] = {"ModelPackageArn": arn, "CustomerMetadataProperties": merged}
        if gone := sorted(set(existing) - set(merged)):
            request["CustomerMetadataPropertiesToRemove"] = gone
        self._sagemaker.update_model_package(
            **request,
            ModelLifeCycle={
                "Stage": stage,
                "StageStatus": "Deployed",
                "StageDescription": registration.description(next(iter(entry.values()))),
            },
        )
