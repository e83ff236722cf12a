"""Endpoint configs: which models on how many instances, with which share of the traffic."""

from twin.protocol import Call, Service, validation
from twin.sagemaker.hosting_state import Hosting, Record
from twin.sagemaker.listing import listed


def register(service: Service, hosting: Hosting) -> None:
    """Create, describe, list and delete endpoint configs."""
    configs, tags = hosting.configs, hosting.world.tags

    @service.operation(
        "CreateEndpointConfig", "endpoint-config/{EndpointConfigName}", roles=("ExecutionRoleArn",)
    )
    def create(request: Record, call: Call) -> Record:
        name = request["EndpointConfigName"]
        arn = configs.vacant(call, name)
        _check(request)
        for variant in [*request["ProductionVariants"], *request.get("ShadowProductionVariants", [])]:
            if "ModelName" in variant:
                _check_model(hosting.models.get(call, variant["ModelName"]), variant)
            variant.setdefault("InitialVariantWeight", 1.0)
        configs.put(call, name, {**request, "EndpointConfigArn": arn, "CreationTime": call.now})
        tags.add(arn, request.get("Tags"))
        return {"EndpointConfigArn": arn}

    @service.operation("DescribeEndpointConfig", "endpoint-config/{EndpointConfigName}")
    def describe(request: Record, call: Call) -> Record:
        return configs.get(call, request["EndpointConfigName"])

    @service.operation("ListEndpointConfigs")
    def list_configs(request: Record, call: Call) -> Record:
        return listed(
            [_summary(one) for one in configs.of(call)], request, "EndpointConfigs", "EndpointConfig"
        )

    @service.operation("DeleteEndpointConfig", "endpoint-config/{EndpointConfigName}")
    def delete(request: Record, call: Call) -> None:
        # AWS deletes a config that an endpoint uses, too; the endpoint keeps its snapshot.
        tags.forget(configs.remove(call, request["EndpointConfigName"])["EndpointConfigArn"])


def _check(request: Record) -> None:
    production, shadow = request["ProductionVariants"], request.get("ShadowProductionVariants", [])
    names = [variant["VariantName"] for variant in [*production, *shadow]]
    if len(set(names)) < len(names):
        raise validation("Variant names must be unique within an endpoint configuration.")
    if shadow and (len(production) > 1 or len(shadow) > 1):
        raise validation("Shadow testing needs exactly one production variant and one shadow variant.")
    if shadow and any("ServerlessConfig" in variant for variant in [*production, *shadow]):
        raise validation("Shadow variants are not supported for serverless endpoints.")
    if any("ModelName" not in variant for variant in production):
        _check_for_components(request)
        return
    for variant in [*production, *shadow]:
        _check_variant(variant)
    if any("ServerlessConfig" in variant for variant in production):
        if len(production) > 1:
            raise validation("Serverless endpoints support one production variant only.")
        if shadow:
            raise validation("Shadow testing is not supported for serverless endpoints.")
        for unsupported in ("DataCaptureConfig", "AsyncInferenceConfig", "ExplainerConfig"):
            if unsupported in request:
                raise validation(f"{unsupported} is not supported for serverless endpoints.")


def _check_for_components(request: Record) -> None:
    """A variant without a model hosts inference components."""
    production = request["ProductionVariants"]
    name = production[0]["VariantName"]
    if "ExecutionRoleArn" not in request:
        raise validation(
            f"ModelName must be specified for production variant {name}, or ExecutionRoleArn for an endpoint that "
            "hosts inference components."
        )
    if len(production) > 1 or request.get("ShadowProductionVariants"):
        raise validation("The twin hosts inference components on one production variant; see docs/twin.md.")
    if "DataCaptureConfig" in request:
        raise validation("The twin captures no data of inference components; see docs/twin.md.")
    variant = production[0]
    if not {"InstanceType", "InitialInstanceCount"} <= variant.keys():
        raise validation(
            f"InstanceType and InitialInstanceCount must be specified for production variant {name}."
        )
    scaling = variant.get("ManagedInstanceScaling", {})
    if scaling.get("MinInstanceCount", 1) > scaling.get(
        "MaxInstanceCount", scaling.get("MinInstanceCount", 1)
    ):
        raise validation("MinInstanceCount must be less than or equal to MaxInstanceCount.")


def _check_variant(variant: Record) -> None:
    name = variant["VariantName"]
    if "ModelName" not in variant:
        raise validation(f"ModelName must be specified for production variant {name}.")
    if "ManagedInstanceScaling" in variant:
        raise validation("ManagedInstanceScaling is only supported for inference component endpoints.")
    if "ServerlessConfig" in variant:
        if "InstanceType" in variant or "InitialInstanceCount" in variant:
            raise validation(
                f"Only one of ServerlessConfig and InstanceType can be specified for production variant {name}."
            )
        check_serverless(variant["ServerlessConfig"])
        return
    if "InstanceType" not in variant or "InitialInstanceCount" not in variant:
        raise validation(
            f"InstanceType and InitialInstanceCount must be specified for production variant {name}."
        )


def _check_model(model: Record, variant: Record) -> None:
    if "ServerlessConfig" not in variant:
        return
    if model.get("VpcConfig") or model.get("EnableNetworkIsolation"):
        raise validation(
            f"Model {model['ModelName']} has a VPC configuration or network isolation, which serverless endpoints do "
            "not support."
        )


def check_serverless(serverless: Record) -> None:
    """Raise ValidationException for a ServerlessConfig that SageMaker refuses."""
    if serverless["MemorySizeInMB"] % 1024:
        raise validation(
            "MemorySizeInMB must be one of 1024, 2048, 3072, 4096, 5120 and 6144 for a serverless variant."
        )
    if serverless.get("ProvisionedConcurrency", 0) > serverless["MaxConcurrency"]:
        raise validation("ProvisionedConcurrency must be less than or equal to MaxConcurrency.")


def _summary(record: Record) -> Record:
    return {name: record[name] for name in ("EndpointConfigName", "EndpointConfigArn", "CreationTime")}
