"""The deployed stack, as the operator's command needs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

SHOWN = 10  # names in a line


def others(models: list[str]) -> str:
    """What there is in place of a model that there is not."""
    if not models:
        return "it has none yet, upload a models/<name>/model.yaml"
    more = f" and {len(models) - SHOWN} more" if len(models) > SHOWN else ""
    return f"there is {', '.join(models[:SHOWN])}{more}; see `perennial models`"


@dataclass(frozen=True)
class Stack:
    """The stack's outputs, and clients for the account that the environment names."""

    name: str
    outputs: dict[str, str]

    @classmethod
    def find(cls, name: str) -> Stack:
        """Ends the command when there is no such stack."""
        cloudformation = boto3.client("cloudformation")
        try:
            [found] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            region = cloudformation.meta.region_name
            raise SystemExit(
                f"perennial: there is no stack {name} in {region}: say another with --stack or PERENNIAL_STACK, "
                "or deploy it"
            ) from error
        return cls(name, {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])})

    @property
    def prefix(self) -> str:
        return self.outputs["ModelPackageGroupPrefix"]

    def group(self, model: str) -> str:
        return f"{self.prefix}-{model}"

    def models(self) -> list[str]:
        return [item["sk"]["S"] for item in self._query("models")]

    def require(self, model: str) -> None:
        """Ends the command unless there is such a model."""
        found = self.models()
        if model not in found:
            raise SystemExit(
                f"perennial: there is no model {model} in the stack {self.name}: {others(found)}"
            )

    def ledger(self, model: str, most: int) -> list[dict[str, str]]:
        """The newest decisions, oldest of them first."""
        newest = self._query(f"model#{model}", newest_first=True)
        items = [item for item, _ in zip(newest, range(most), strict=False)]
        return [{key: value["S"] for key, value in item.items()} for item in reversed(items)]

    def versions(self, model: str) -> list[dict[str, Any]]:
        """Model package summaries, newest first; none of a model that there is not."""
        pages = (
            boto3.client("sagemaker")
            .get_paginator("list_model_packages")
            .paginate(ModelPackageGroupName=self.group(model), SortBy="CreationTime", SortOrder="Descending")
        )
        try:
            return [summary for page in pages for summary in page["ModelPackageSummaryList"]]
        except ClientError as error:
            if "does not exist" in str(error):
                return []
            raise

    def endpoint_name(self, model: str) -> str:
        """Of the endpoint that serves the model now: the route's, if it ever moved."""
        key = {"pk": {"S": f"state#{model}"}, "sk": {"S": "route"}}
        found = boto3.client("dynamodb").get_item(TableName=self.outputs["LedgerTable"], Key=key)
        route = json.loads(found["Item"]["body"]["S"]) if "Item" in found else {}
        return str(route.get("endpoint", self.group(model)))

    def endpoint(self, model: str) -> dict[str, Any] | None:
        return self.described(self.endpoint_name(model))

    def described(self, endpoint: str) -> dict[str, Any] | None:
        """DescribeEndpoint; None when there is no such endpoint."""
        sagemaker = boto3.client("sagemaker")
        try:
            return dict(sagemaker.describe_endpoint(EndpointName=endpoint))
        except ClientError as error:
            if "Could not find" in str(error):
                return None
            raise

    def _query(self, pk: str, *, newest_first: bool = False) -> Iterator[dict[str, Any]]:
        pages = (
            boto3.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.outputs["LedgerTable"],
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": pk}},
                ScanIndexForward=not newest_first,
            )
        )
        for page in pages:
            yield from page["Items"]
