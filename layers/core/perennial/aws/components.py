"""SageMaker inference components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from perennial.aws.clients import client, code, message
from perennial.components import Component


class SageMakerComponents:
    """Implements `perennial.ports.Components`."""

    def __init__(self, sagemaker: Any = None) -> None:
        self._sagemaker = sagemaker or client("sagemaker")

    def get(self, name: str) -> Component | None:
        try:
            found = self._sagemaker.describe_inference_component(InferenceComponentName=name)
        except ClientError as error:
            if code(error) == "ValidationException" and "could not find" in message(error).lower():
                return None
            raise
        copies = found.get("RuntimeConfig", {})
        return Component(
            name,
            found.get("InferenceComponentStatus", ""),
            found.get("Specification", {}).get("ModelName", ""),
            found.get("FailureReason", ""),
            found.get("LastModifiedTime"),
            copies.get("DesiredCopyCount", 0),
            copies.get("CurrentCopyCount", 0),
        )

    def create(self, request: Mapping[str, Any]) -> bool:
        return self._accepted(self._sagemaker.create_inference_component, request, "already exist")

    def update(self, request: Mapping[str, Any]) -> bool:
        return self._accepted(self._sagemaker.update_inference_component, request, "in state")

    def delete(self, name: str) -> bool:
        """False while SageMaker is busy with it: it deletes no component that is coming or changing."""
        return self._accepted(
            self._sagemaker.delete_inference_component, {"InferenceComponentName": name}, "in state"
        )

    @staticmethod
    def _accepted(operation: Any, request: Mapping[str, Any], unless: str) -> bool:
        try:
            operation(**request)
        except ClientError as error:
            if unless in message(error):
                return False
            raise
        return True
