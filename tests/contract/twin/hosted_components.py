"""An endpoint for inference components, made with plain boto3."""

from typing import Any

from botocore.exceptions import ClientError
from running_twin import eventually, unique
from serving_endpoints import VARIANT, Endpoints

NEEDS = {"NumberOfCpuCoresRequired": 1, "MinMemoryRequiredInMb": 1024}


class Hosted:
    """An endpoint for inference components, and what one does with it."""

    def __init__(self, endpoints: Endpoints, *, least: int = 0, most: int = 4) -> None:
        self.endpoints, self.sagemaker = endpoints, endpoints.sagemaker
        self.config = unique("config")
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=self.config,
            ExecutionRoleArn=endpoints.role,
            ProductionVariants=[
                {
                    "VariantName": VARIANT,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1,
                    "ManagedInstanceScaling": {
                        "Status": "ENABLED",
                        "MinInstanceCount": least,
                        "MaxInstanceCount": most,
                    },
                    "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
                }
            ],
        )
        self.name = endpoints.start(self.config)
        assert endpoints.settled(self.name)["EndpointStatus"] == "InService"

    def create(self, copies: int = 1, needs: dict[str, Any] | None = None, **behaviour: Any) -> str:
        name = unique("component")
        self.sagemaker.create_inference_component(
            InferenceComponentName=name,
            EndpointName=self.name,
            VariantName=VARIANT,
            Specification=self.specification(needs, **behaviour),
            RuntimeConfig={"CopyCount": copies},
        )
        return name

    def specification(self, needs: dict[str, Any] | None = None, **behaviour: Any) -> dict[str, Any]:
        model = self.endpoints.model(**behaviour)
        return {"ModelName": model, "ComputeResourceRequirements": needs or NEEDS}

    def describe(self, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.sagemaker.describe_inference_component(InferenceComponentName=name)
        return answer

    def settled(self, name: str) -> dict[str, Any]:
        busy = ("Creating", "Updating", "Deleting")
        eventually(lambda: self.describe(name)["InferenceComponentStatus"] not in busy)
        return self.describe(name)

    def serving(self, copies: int = 1, **behaviour: Any) -> str:
        name = self.create(copies, **behaviour)
        assert self.settled(name)["InferenceComponentStatus"] == "InService"
        return name

    def copies(self, name: str, count: int) -> None:
        self.sagemaker.update_inference_component_runtime_config(
            InferenceComponentName=name, DesiredRuntimeConfig={"CopyCount": count}
        )
        self.settled(name)

    def invoke(self, name: str, body: bytes = b"1,2") -> Any:
        return self.endpoints.invoke(self.name, body, InferenceComponentName=name)

    def instances(self) -> int:
        return self.endpoints.count(self.name)

    def remove(self) -> None:
        listed = self.sagemaker.list_inference_components(EndpointNameEquals=self.name)
        for one in listed["InferenceComponents"]:
            name = one["InferenceComponentName"]
            self.settled(name)
            self.sagemaker.delete_inference_component(InferenceComponentName=name)
            eventually(lambda name=name: gone(self, name))
        self.sagemaker.delete_endpoint(EndpointName=self.name)


def gone(hosted: Hosted, name: str) -> bool:
    try:
        hosted.describe(name)
    except ClientError as error:
        return "Could not find inference component" in str(error)
    return False
