"""Inference components: create, update, rescale, describe, list and delete."""

import asyncio

from twin import seams
from twin.protocol import Call, Gate, Service, validation
from twin.sagemaker import component_metrics, component_state, component_work
from twin.sagemaker.component_state import Component, Components, hosts_components, variant_of
from twin.sagemaker.hosting_state import Endpoint, Hosting, Record
from twin.sagemaker.listing import listed

RESOURCE = "inference-component/{InferenceComponentName}"


def register(service: Service, hosting: Hosting) -> None:
    """Add the operations of inference components."""
    components, tags = component_state.of(hosting), hosting.world.tags
    table = components.table

    @service.operation("CreateInferenceComponent", RESOURCE, "endpoint/{EndpointName}")
    async def create(request: Record, call: Call) -> Record:
        name = request["InferenceComponentName"]
        arn = table.vacant(call, name)
        endpoint = _hosting_endpoint(hosting, request, call)
        specification = _specification(request)
        if "RuntimeConfig" not in request:
            raise validation("RuntimeConfig must be specified.")
        component = Component(
            name,
            arn,
            call,
            endpoint,
            variant_of(endpoint)["VariantName"],
            specification,
            _container(hosting, specification, call),
            request["RuntimeConfig"]["CopyCount"],
        )
        table.put(call, name, component)
        tags.add(arn, request.get("Tags"))
        components.start(component, component_work.create(components, component))
        return {"InferenceComponentArn": arn}

    @service.operation("UpdateInferenceComponent", RESOURCE)
    async def update(request: Record, call: Call) -> Record:
        component = table.get(call, request["InferenceComponentName"])
        _check_idle(component, "update")
        copies = request.get("RuntimeConfig", {}).get("CopyCount", component.desired)
        if "Specification" not in request and "Specifications" not in request:
            _rescale(components, component, copies)
            return {"InferenceComponentArn": component.arn}
        specification = _specification(request)
        deployment = request.get("DeploymentConfig")
        _check_deployment(component, deployment, copies)
        container = _container(hosting, specification, call)
        component.deployment = deployment
        component.enter("Updating", "UPDATE_IN_PROGRESS")
        components.start(
            component, component_work.update(components, component, specification, container, copies)
        )
        return {"InferenceComponentArn": component.arn}

    @service.operation("UpdateInferenceComponentRuntimeConfig", RESOURCE)
    async def rescale(request: Record, call: Call) -> Record:
        component = set_copies(
            components, request["InferenceComponentName"], request["DesiredRuntimeConfig"]["CopyCount"], call
        )
        return {"InferenceComponentArn": component.arn}

    @service.operation("DescribeInferenceComponent", RESOURCE)
    def describe(request: Record, call: Call) -> Record:
        return _described(table.get(call, request["InferenceComponentName"]))

    @service.operation("ListInferenceComponents")
    def list_components(request: Record, call: Call) -> Record:
        wanted = {
            "EndpointName": request.get("EndpointNameEquals"),
            "VariantName": request.get("VariantNameEquals"),
        }

        def keep(item: Record) -> bool:
            return all(value in (None, item[key]) for key, value in wanted.items())

        items = [_summary(one) for one in table.of(call)]
        return listed(items, request, "InferenceComponents", "InferenceComponent", keep=keep)

    @service.operation("DeleteInferenceComponent", RESOURCE)
    async def delete(request: Record, call: Call) -> None:
        component = table.get(call, request["InferenceComponentName"])
        _check_idle(component, "delete")
        component.enter("Deleting", "DELETE_IN_PROGRESS")
        components.start(component, component_work.delete(components, component))

    def orphan(endpoint: Endpoint, _gate: Gate, _call: Call) -> None:
        """DeleteEndpoint leaves components behind, as AWS was seen to do; their copies end with the instances."""
        for component in components.on(endpoint):
            components.start(component, component_work.close(component))

    hosting.on_delete.append(orphan)
    hosting.on_publish.append(lambda at, _seconds: component_metrics.publish(components, at))
    hosting.on_tick.append(lambda at, _seconds: component_metrics.publish_concurrency(components, at))


def set_copies(components: Components, name: str, copies: int, call: Call) -> Component:
    """UpdateInferenceComponentRuntimeConfig: also Application Auto Scaling's way in."""
    component = components.table.get(call, name)
    _check_idle(component, "update")
    _rescale(components, component, copies)
    return component


def _rescale(components: Components, component: Component, copies: int) -> None:
    component.enter("Updating", "UPDATE_RC_IN_PROGRESS")
    components.start(component, component_work.rescale(components, component, copies))


def _check_idle(component: Component, verb: str) -> None:
    if verb == "update" and component.status == "Failed":
        raise validation(
            f'Cannot update inference component "{component.arn}" because it is in the Failed state.'
        )
    if component.busy:
        raise validation(
            f'Cannot {verb} inference component "{component.arn}" while it is in state {component.state}.'
        )


def _hosting_endpoint(hosting: Hosting, request: Record, call: Call) -> Endpoint:
    endpoint = hosting.endpoints.get(call, request["EndpointName"])
    variant = variant_of(endpoint)["VariantName"]
    if request.get("VariantName", variant) != variant:
        raise validation(
            f'Could not find production variant "{request["VariantName"]}" of endpoint "{endpoint.arn}".'
        )
    if not hosts_components(endpoint.config):
        raise validation(
            f'Endpoint "{endpoint.arn}" hosts a model of its endpoint configuration, so it cannot host inference '
            "components."
        )
    if endpoint.shown_status != "InService":
        raise validation(
            f'Cannot create an inference component on endpoint "{endpoint.arn}" while it is {endpoint.status}.'
        )
    return endpoint


def _specification(request: Record) -> Record:
    if "Specifications" in request or "BaseInferenceComponentName" in request.get("Specification", {}):
        raise validation(
            "The twin has inference components of one instance type without adapters; see docs/twin.md."
        )
    specification: Record = request.get("Specification", {})
    if "ModelName" not in specification:
        raise validation(
            "The twin's inference components name a model (Specification.ModelName); see docs/twin.md."
        )
    if "ComputeResourceRequirements" not in specification:
        raise validation("ComputeResourceRequirements must be specified.")
    return specification


def _container(hosting: Hosting, specification: Record, call: Call) -> Record:
    """The model's container, so that deleting the model later changes nothing."""
    runnable: Record = hosting.models.get(call, specification["ModelName"])["Runnable"]
    return runnable


def _check_deployment(component: Component, deployment: Record | None, copies: int) -> None:
    if deployment is None:
        return
    size = deployment["RollingUpdatePolicy"]["MaximumBatchSize"]
    percent = size["Type"] == "CAPACITY_PERCENT"
    if (percent and not 5 <= size["Value"] <= 50) or (not percent and size["Value"] > max(1, copies // 2)):
        raise validation(
            "MaximumBatchSize must be between 5 and 50 percent of the copy count of the inference component."
        )
    role = component.endpoint.config["ExecutionRoleArn"]
    if deployment.get("AutoRollbackConfiguration", {}).get("Alarms") and not seams.role_allows(
        role, "cloudwatch:DescribeAlarms", "*"
    ):
        raise validation(
            f"Role {role} is not authorized to perform cloudwatch:DescribeAlarms on the alarms of "
            "AutoRollbackConfiguration."
        )


def _described(component: Component) -> Record:
    image = component.container.get("Image", "")
    deployed = {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": component.created}
    return {
        **_summary(component),
        "FailureReason": component.failure,
        "Specification": {
            **{key: value for key, value in component.specification.items() if key != "Container"},
            "Container": {"DeployedImage": deployed, "ArtifactUrl": component.container.get("ModelDataUrl")},
        },
        "RuntimeConfig": {"DesiredCopyCount": component.desired, "CurrentCopyCount": component.current},
        "LastDeploymentConfig": component.deployment,
    }


def _summary(component: Component) -> Record:
    return {
        "InferenceComponentName": component.name,
        "InferenceComponentArn": component.arn,
        "EndpointName": component.endpoint.name,
        "EndpointArn": component.endpoint.arn,
        "VariantName": component.variant,
        "CreationTime": component.created,
        "LastModifiedTime": component.modified,
        "InferenceComponentStatus": component.status,
    }


async def settled(component: Component) -> None:
    """Wait for what is under way."""
    if component.work is not None:
        await asyncio.wait({component.work})
