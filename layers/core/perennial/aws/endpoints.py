"""SageMaker endpoints, endpoint configs and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from perennial.aws.clients import client, code, invoking_client, message
from perennial.deployment import EndpointState
from perennial.errors import EndpointRefused, TransientError
from perennial.names import Names

SMOKE_TEST = "perennial-smoke-test"  # the inference id in the captured traffic


class SageMakerEndpoints:
    def __init__(self, names: Names, execution_role: str, sagemaker: Any = None, runtime: Any = None) -> None:
        self._names = names
        self._role = execution_role
        self._sagemaker = sagemaker or client("sagemaker")
        self._given_runtime = runtime

    def get(self, name: str) -> EndpointState | None:
        try:
            endpoint = self._sagemaker.describe_endpoint(EndpointName=name)
        except ClientError as error:
            if code(error) == "ValidationException" and "could not find" in message(error).lower():
                return None
            raise
        return EndpointState(
            name,
            endpoint["EndpointStatus"],
            endpoint.get("EndpointConfigName", ""),
            endpoint.get("FailureReason", ""),
            endpoint.get("LastModifiedTime"),
            sum(variant.get("DesiredInstanceCount", 0) for variant in endpoint.get("ProductionVariants", [])),
            tuple(variant["VariantName"] for variant in endpoint.get("ProductionVariants", [])),
        )

    def instance_type(self, config_name: str) -> str | None:
        """Of a config's first variant; None when it is serverless or gone."""
        try:
            config = self._sagemaker.describe_endpoint_config(EndpointConfigName=config_name)
        except ClientError as error:
            if "could not find" in message(error).lower():
                return None
            raise
        found: str | None = config["ProductionVariants"][0].get("InstanceType")
        return found

    def ensure_model(self, name: str, package_arn: str, model: str, *, isolated: bool) -> None:
        self._create(
            self._sagemaker.create_model,
            ModelName=name,
            Containers=[{"ModelPackageName": package_arn}],
            ExecutionRoleArn=self._role,
            EnableNetworkIsolation=isolated,
            Tags=[{"Key": "perennial:model", "Value": model}],
        )

    def ensure_config(self, request: Mapping[str, Any]) -> None:
        self._create(self._sagemaker.create_endpoint_config, **request)

    def create(self, name: str, config_name: str, model: str) -> bool:
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
            self._sagemaker.update_endpoint(**request, RetainAllVariantProperties=keep_counts)
        except ClientError as error:
            if "in-progress" in message(error):
                return False
            raise
        return True

    def delete(self, name: str) -> None:
        self._sagemaker.delete_endpoint(EndpointName=name)

    def invoke(self, name: str, body: str) -> str:
        try:
            answer = self._runtime.invoke_endpoint(
                EndpointName=name,
                ContentType="application/json",
                Accept="application/json",
                InferenceId=SMOKE_TEST,
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
