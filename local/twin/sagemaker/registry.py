"""The model registry: package groups, versions, approval, and the events that follow from them."""

from datetime import datetime
from typing import Any

from twin.protocol import AwsError, Call, Request, Service, validation
from twin.sagemaker.listing import listed
from twin.sagemaker.packages import Record, Registry, group_arn, package_arn, update_package
from twin.world import World

_SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)
_EVENT = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageName",
    "ModelPackageDescription",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
    "CertifyForMarketplace",
    "ModelApprovalStatus",
    "ApprovalDescription",
    "MetadataProperties",
    "ModelMetrics",
    "CustomerMetadataProperties",
    "ModelLifeCycle",
    "LastModifiedTime",
)


def of(world: World) -> Registry:
    """The registry of this twin."""
    return world.registry


def register(service: Service, world: World) -> None:
    """Add the registry's operations."""
    _groups(service, world)
    _group_policies(service, world)
    _packages(service, world)


def _groups(service: Service, world: World) -> None:
    registry = of(world)

    @service.operation("CreateModelPackageGroup", "model-package-group/{ModelPackageGroupName}")
    def create(request: Request, call: Call) -> Request:
        given = {name: value for name, value in request.items() if name != "Tags"}
        arn = registry.create_group(given, call)["ModelPackageGroupArn"]
        world.tags.add(arn, request.get("Tags"))
        return {"ModelPackageGroupArn": arn}

    @service.operation("DescribeModelPackageGroup", _named_group)
    def describe(request: Request, call: Call) -> Request:
        return registry.group(request["ModelPackageGroupName"], call)

    @service.operation("ListModelPackageGroups")
    def list_(request: Request, call: Call) -> Request:
        here = [group for arn, group in registry.groups.items() if arn.startswith(call.arn(""))]
        return listed(here, request, "ModelPackageGroupSummaryList", "ModelPackageGroup", order="Ascending")

    @service.operation("DeleteModelPackageGroup", _named_group)
    def delete(request: Request, call: Call) -> None:
        group = registry.delete_group(request["ModelPackageGroupName"], call)
        world.tags.forget(group["ModelPackageGroupArn"])


def _named_group(request: Request, call: Call) -> list[str]:
    return [group_arn(str(request.get("ModelPackageGroupName")), call)]


def _group_policies(service: Service, world: World) -> None:
    registry, policies = of(world), dict[str, str]()

    @service.operation("PutModelPackageGroupPolicy", _named_group)
    def put(request: Request, call: Call) -> Request:
        arn = registry.group(request["ModelPackageGroupName"], call)["ModelPackageGroupArn"]
        policies[arn] = request["ResourcePolicy"]
        return {"ModelPackageGroupArn": arn}

    @service.operation("GetModelPackageGroupPolicy", _named_group)
    def get(request: Request, call: Call) -> Request:
        arn = registry.group(request["ModelPackageGroupName"], call)["ModelPackageGroupArn"]
        if arn not in policies:
            raise validation(f"Model Package Group Policy does not exist: {arn}")
        return {"ResourcePolicy": policies[arn]}

    @service.operation("DeleteModelPackageGroupPolicy", _named_group)
    def delete(request: Request, call: Call) -> None:
        arn = registry.group(request["ModelPackageGroupName"], call)["ModelPackageGroupArn"]
        policies.pop(arn, None)


def _packages(service: Service, world: World) -> None:
    registry = of(world)

    @service.operation("CreateModelPackage", _new_package)
    def create(request: Request, call: Call) -> Request:
        token = call.account, call.region, request.get("ClientToken", "")
        if token[-1] and token in registry.tokens:
            return {"ModelPackageArn": registry.tokens[token]}
        if request.get("Tags") and request.get("ModelPackageGroupName"):
            raise validation(
                "Tags are not supported for versioned model packages: tag the ModelPackageGroup."
            )
        if world.faults.strikes("throttling", request.get("ModelPackageGroupName", "")):
            raise AwsError("ThrottlingException", "Rate exceeded")
        given = {name: value for name, value in request.items() if name not in ("Tags", "ClientToken")}
        package = registry.create_package(given, call)
        arn = package["ModelPackageArn"]
        world.tags.add(arn, request.get("Tags"))
        if token[-1]:
            registry.tokens[token] = arn
        _announce(world, package, [])
        return {"ModelPackageArn": arn}

    @service.operation("DescribeModelPackage", _named_package)
    def describe(request: Request, call: Call) -> Request:
        package = registry.package(request["ModelPackageName"], call)
        return {"ModelPackageName": package["ModelPackageArn"].rpartition(":model-package/")[2], **package}

    @service.operation("BatchDescribeModelPackage", _listed_packages)
    def batch_describe(request: Request, _call: Call) -> Request:
        found: Request = {"ModelPackageSummaries": {}, "BatchDescribeModelPackageErrorMap": {}}
        for arn in request["ModelPackageArnList"]:
            if arn in registry.packages:
                found["ModelPackageSummaries"][arn] = registry.packages[arn]
            else:
                found["BatchDescribeModelPackageErrorMap"][arn] = {
                    "ErrorCode": "ValidationException",
                    "ErrorResponse": f"ModelPackage {arn} does not exist.",
                }
        return found

    @service.operation("ListModelPackages")
    def list_(request: Request, call: Call) -> Request:
        return _list(registry, request, call)

    @service.operation("UpdateModelPackage", "{ModelPackageArn}")
    def update(request: Request, call: Call) -> Request:
        package = registry.package(request["ModelPackageArn"], call)
        arn = package["ModelPackageArn"]
        token = call.account, call.region, request.get("ClientToken", "")
        if token[-1] and registry.tokens.get(token) == arn:
            return {"ModelPackageArn": arn}
        changed = update_package(package, request, call)
        if token[-1]:
            registry.tokens[token] = arn
        _announce(world, package, changed)
        return {"ModelPackageArn": arn}

    @service.operation("DeleteModelPackage", _named_package)
    def delete(request: Request, call: Call) -> None:
        arn = registry.package(request["ModelPackageName"], call)["ModelPackageArn"]
        del registry.packages[arn]
        world.tags.forget(arn)


def _new_package(request: Request, call: Call) -> list[str]:
    group, name = request.get("ModelPackageGroupName"), request.get("ModelPackageName")
    if isinstance(group, str):
        arn = group_arn(group, call)
        return [arn, arn.replace(":model-package-group/", ":model-package/") + "/*"]
    return [package_arn(str(name), call)]


def _named_package(request: Request, call: Call) -> list[str]:
    return [package_arn(str(request.get("ModelPackageName")), call)]


def _listed_packages(request: Request, _call: Call) -> list[str]:
    return [str(arn) for arn in request.get("ModelPackageArnList") or ()]


def _list(registry: Registry, request: Request, call: Call) -> Request:
    if request.get("ModelPackageGroupName"):
        packages = registry.versions_of(registry.group(request["ModelPackageGroupName"], call))
    else:
        kind = request.get("ModelPackageType", "Unversioned")
        packages = [
            package
            for arn, package in registry.packages.items()
            if arn.startswith(call.arn("")) and kind in ("Both", _kind(package))
        ]
    status = request.get("ModelApprovalStatus")
    summaries = [
        {name: package[name] for name in _SUMMARY if name in package}
        for package in packages
        if status in (None, package.get("ModelApprovalStatus"))
        and request.get("NameContains", "").lower() in package["ModelPackageArn"].lower()
    ]
    filters = {name: value for name, value in request.items() if name != "NameContains"}
    sort_keys = {"Name": "ModelPackageArn"}
    return listed(
        summaries, filters, "ModelPackageSummaryList", "ModelPackage", order="Ascending", sort_keys=sort_keys
    )


def _kind(package: Record) -> str:
    return "Versioned" if "ModelPackageVersion" in package else "Unversioned"


def _announce(world: World, package: Record, changed: list[str]) -> None:
    """`SageMaker Model Package State Change`; without UpdatedModelPackageFields on creation."""
    detail: dict[str, Any] = {name: _told(package[name]) for name in _EVENT if name in package}
    if changed:
        detail["UpdatedModelPackageFields"] = changed
    world.events.put("SageMaker Model Package State Change", detail, [package["ModelPackageArn"]])


def _told(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if isinstance(value, datetime) else value
