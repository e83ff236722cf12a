"""SageMaker endpoints, endpoint configs and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from perennial.aws.clients import client, code, invoking_client, message, within_quota
from perennial.aws.components import SageMakerComponents
from perennial.components import combined
from perennial.deployment import EndpointState
from perennial.errors import EndpointRefused, TransientError
from perennial.names import Names
from perennial.smoke_test import INFERENCE_ID


class SageMakerEndpoints:
    def __init__(
        self,
        names: Names,
        execution_role: str,
        sagemaker: Any = None,
        runtime: Any = None,
        *,
        components: SageMakerComponents | None = None,
    ) -> None:
        self._names = names
        self._role = execution_role
        self._sagemaker = sagemaker or client("sagemaker")
        self._components = components or SageMakerComponents(self._sagemaker)
        self._given_runtime = runtime

    def get(self, name: str) -> EndpointState | None:
        try:
            endpoint = self._sagemaker.describe_endpoint(EndpointName=name)
        except ClientError as error:
            if code(error) == "ValidationException" and "could not find" in message(error).lower():
                return None
            raise
        state = EndpointState(
            name,
            endpoint["EndpointStatus"],
            endpoint.get("EndpointConfigName", ""),
            endpoint.get("FailureReason", ""),
            endpoint.get("LastModifiedTime"),
            sum(variant.get("DesiredInstanceCount", 0) for variant in endpoint.get("ProductionVariants", [])),
            tuple(variant["VariantName"] for variant in endpoint.get("ProductionVariants", [])),
        )
        hosts = any("ManagedInstanceScaling" in each for each in endpoint.get("ProductionVariants", []))
        return combined(state, self._components.get(name)) if hosts else state

    def config(self, config_name: str) -> Mapping[str, Any] | None:
        """DescribeEndpointConfig's answer; None when it is gone."""
        try:
            found: Mapping[str, Any] = self._sagemaker.describe_endpoint_config(
                EndpointConfigName=config_name
            )
        except ClientError as error:
            if "could not find" in message(error).lower():
                return None
            raise
        return found

    def instance_type(self, config_name: str) -> str | None:
        """Of a config's first variant; None when it is serverless or gone."""
        config = self.config(config_name)
        found: str | None = config["ProductionVariants"][0].get("InstanceType") if config else None
        return found

    def ensure_model(
        self,
        name: str,
        package_arn: str,
        model: str,
        *,
        isolated: bool,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        container: dict[str, Any] = {"ModelPackageName": package_arn}
        if environment:
            container["Environment"] = dict(environment)
        self._create(
            self._sagemaker.create_model,
            ModelName=name,
            Containers=[container],
            ExecutionRoleArn=self._role,
            EnableNetworkIsolation=isolated,
            Tags=[{"Key": "perennial:model", "Value": model}],
        )

    def ensure_config(self, request: Mapping[str, Any]) -> None:
        """A config that names no model, for inference components, names the role instead."""
        named = all("ModelName" in variant for variant in request["ProductionVariants"])
        role = {} if named else {"ExecutionRoleArn": self._role}
        self._create(self._sagemaker.create_endpoint_config, **request, **role)

    def create(self, name: str, config_name: str, model: str) -> bool:
        with within_quota(f"endpoint {name} with {config_name}"):
            return self._create(
                self._sagemaker.create_endpoint,
                EndpointName=name,
                EndpointConfigName=config_name,
                Tags=[{"Key": "perennial:model", "Value": model}],
            )

    def update(
        self, name: str, config_name: str, deployment: Mapping[str, Any] | None, *, keep_counts: bool = True
    ) -> bool:
        request: dict[str, Any] = {"EndpointName": name, "EndpointConfigName": config_name}
        if deployment:
            request["DeploymentConfig"] = deployment
        try:
            with within_quota(f"endpoint {name} with {config_name}"):
                self._sagemaker.update_endpoint(**request, RetainAllVariantProperties=keep_counts)
        except ClientError as error:
            if "in-progress" in message(error):
                return self._pending(name) == config_name
            raise
        return True

    def _pending(self, name: str) -> str:
        """The config that an endpoint is asked to become."""
        endpoint = self._sagemaker.describe_endpoint(EndpointName=name)
        return str(endpoint.get("PendingDeploymentSummary", {}).get("EndpointConfigName", ""))

    def delete(self, name: str) -> None:
        try:
            self._sagemaker.delete_endpoint(EndpointName=name)
        except ClientError as error:
            if "could not find" not in message(error).lower():
                raise

    def invoke(self, name: str, body: str, *, component: str | None = None) -> str:
        target = {"EndpointName": name} | ({"InferenceComponentName": component} if component else {})
        try:
            answer = self._runtime.invoke_endpoint(
                **target,
                ContentType="application/json",
                Accept="application/json",
                InferenceId=INFERENCE_ID,
                Body=body.encode(),
            )
            return str(answer["Body"].read().decode(errors="replace"))
        except ReadTimeoutError as error:
            raise EndpointRefused("no answer in time") from error
        except ClientError as error:
            if code(error) != "ModelError":
                raise TransientError(message(error)) from error
            said = error.response.get("OriginalMessage") or message(error)
            raise EndpointRefused(
                f"status {error.response.get('OriginalStatusCode')}, {said[:200]}"
            ) from error

    @property
    def _runtime(self) -> Any:
        return self._given_runtime or invoking_client()

    def configs(self, model: str) -> Sequence[tuple[str, datetime]]:
        pages = self._sagemaker.get_paginator("list_endpoint_configs").paginate(
            NameContains=self._names.package_group(model) + "-v"
        )
        return [
            (item["EndpointConfigName"], item["CreationTime"])
            for page in pages
            for item in page["EndpointConfigs"]
            if (parsed := self._names.parse_endpoint_config(item["EndpointConfigName"]))
            and parsed.model == model
        ]

    def forget(self, config_name: str) -> None:
        """Config and model have one name; both may be gone already."""
        for delete, key in (
            (self._sagemaker.delete_endpoint_config, "EndpointConfigName"),
            (self._sagemaker.delete_model, "ModelName"),
        ):
            try:
                delete(**{key: config_name})
            except ClientError as error:
                if "could not find" not in message(error).lower():
                    raise

    @staticmethod
    def _create(create: Any, **request: Any) -> bool:
        """False when the thing exists: somebody was faster, which is a success."""
        try:
            create(**request)
        except ClientError as error:
            if "already exist" in message(error):
                return False
            # SageMaker is eventually consistent: a config made a moment ago may not be found yet.
            if code(error) == "ValidationException" and "could not find" in message(error).lower():
                raise TransientError(message(error)) from error
            raise
        return True
