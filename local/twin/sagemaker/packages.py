"""Model package groups and packages: the store and its rules."""

from dataclasses import dataclass, field
from typing import Any

from twin.protocol import AwsError, Call, validation

Record = dict[str, Any]


def resource(name_or_arn: str, kind: str, call: Call) -> str:
    """The ARN that a name or an ARN means."""
    return name_or_arn if name_or_arn.startswith("arn:") else call.arn(f"{kind}/{name_or_arn}")


def group_arn(name_or_arn: str, call: Call) -> str:
    return resource(name_or_arn, "model-package-group", call)


def package_arn(name_or_arn: str, call: Call) -> str:
    return resource(name_or_arn, "model-package", call)


@dataclass
class Registry:
    """Groups and packages by ARN. Version numbers are never used twice."""

    groups: dict[str, Record] = field(default_factory=dict)
    packages: dict[str, Record] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    tokens: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def group(self, name: str, call: Call) -> Record:
        """A group by name or ARN."""
        arn = group_arn(name, call)
        if arn not in self.groups:
            raise validation(f"ModelPackageGroup {arn} does not exist.")
        return self.groups[arn]

    def package(self, name: str, call: Call) -> Record:
        """A package by ARN, or an unversioned one by name."""
        arn = package_arn(name, call)
        if arn not in self.packages:
            raise validation(f"ModelPackage {arn} does not exist.")
        return self.packages[arn]

    def create_group(self, record: Record, call: Call) -> Record:
        arn = group_arn(record["ModelPackageGroupName"], call)
        if arn in self.groups:
            raise validation(f"Model Package Group already exists: {arn}")
        self.groups[arn] = {
            **record,
            "ModelPackageGroupArn": arn,
            "CreationTime": call.now,
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
        }
        return self.groups[arn]

    def delete_group(self, name: str, call: Call) -> Record:
        group = self.group(name, call)
        if self.versions_of(group):
            raise AwsError(
                "ConflictException",
                f"Model Package Group {group['ModelPackageGroupArn']} cannot be deleted because it still contains "
                "Model Packages",
            )
        return self.groups.pop(group["ModelPackageGroupArn"])

    def versions_of(self, group: Record) -> list[Record]:
        name = group["ModelPackageGroupName"]
        scope = group["ModelPackageGroupArn"].partition("model-package-group/")[0]
        return [
            package
            for arn, package in self.packages.items()
            if arn.startswith(scope) and package.get("ModelPackageGroupName") == name
        ]

    def create_package(self, record: Record, call: Call) -> Record:
        """Add a version to a group, or an unversioned package; the record names one of the two."""
        named, grouped = record.get("ModelPackageName"), record.get("ModelPackageGroupName")
        if bool(named) == bool(grouped):
            raise validation("Exactly one of ModelPackageName and ModelPackageGroupName must be specified.")
        if grouped:
            group = self.group(grouped, call)
            name = group["ModelPackageGroupName"]
            version = self.versions.get(group["ModelPackageGroupArn"], 0) + 1
            self.versions[group["ModelPackageGroupArn"]] = version
            arn = package_arn(f"{name}/{version}", call)
            own = {
                "ModelPackageGroupName": name,
                "ModelPackageVersion": version,
                "ModelApprovalStatus": record.get("ModelApprovalStatus", "PendingManualApproval"),
            }
        else:
            arn = package_arn(str(named), call)
            if arn in self.packages:
                raise validation(f"Model Package already exists: {arn}")
            own = {}
        self.packages[arn] = {
            **record,
            **own,
            "ModelPackageArn": arn,
            "CreationTime": call.now,
            "CreatedBy": {},
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CertifyForMarketplace": record.get("CertifyForMarketplace", False),
        }
        return self.packages[arn]


# Members of UpdateModelPackage that replace what the package has, and their name in the event.
_REPLACED = {
    "ModelApprovalStatus": "ModelApprovalStatus",
    "ApprovalDescription": "ApprovalDescription",
    "InferenceSpecification": "InferenceSpecification",
    "SourceUri": "sourceUri",
    "ModelCard": "ModelCard",
    "ModelLifeCycle": "ModelLifeCycle",
}


def update_package(package: Record, request: Record, call: Call) -> list[str]:
    """Change the members the request gives and no others; their names as the event tells them."""
    changed = []
    for member, told in _REPLACED.items():
        if member in request:
            package[member] = request[member]
            changed.append(told)
    removed = request.get("CustomerMetadataPropertiesToRemove", ())
    if "CustomerMetadataProperties" in request or removed:
        kept = {k: v for k, v in package.get("CustomerMetadataProperties", {}).items() if k not in removed}
        merged = {**kept, **request.get("CustomerMetadataProperties", {})}
        if len(merged) > 50:
            raise validation("A model package can have at most 50 CustomerMetadataProperties.")
        package["CustomerMetadataProperties"] = merged
        changed.append("CustomerMetadataProperties")
    for specification in request.get("AdditionalInferenceSpecificationsToAdd", ()):
        package.setdefault("AdditionalInferenceSpecifications", []).append(specification)
    package["LastModifiedTime"] = call.now
    package["LastModifiedBy"] = {}
    return changed
