"""Endpoints in memory, as the rollouts see them and as those see them who want predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from fakes.components import InMemoryComponents
from fakes.constants import NAMES, NOW
from perennial.components import combined
from perennial.deployment import EndpointState
from perennial.errors import EndpointMissing, EndpointRefused, QuotaReached
from perennial.prediction.invocation import Invocation, Reply


@dataclass
class InMemoryEndpoints:
    endpoints: dict[str, EndpointState] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    isolated: dict[str, bool] = field(default_factory=dict)
    environments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    config_requests: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    deployments: list[Mapping[str, Any] | None] = field(default_factory=list)
    answer: str | EndpointRefused = ""
    invoked: list[tuple[str, str]] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)  # by endpoint, the config that it is asked to become
    quota: str = ""  # AWS's words while the account may have no more instances
    components: InMemoryComponents = field(default_factory=InMemoryComponents)

    def get(self, name: str) -> EndpointState | None:
        endpoint = self.endpoints.get(name)
        request = self.config_requests.get(endpoint.config_name) if endpoint else None
        if (
            endpoint is None
            or request is None
            or "ManagedInstanceScaling" not in request["ProductionVariants"][0]
        ):
            return endpoint
        return combined(endpoint, self.components.get(name))

    def config(self, config_name: str) -> Mapping[str, Any] | None:
        return self.config_requests.get(config_name)

    def instance_type(self, config_name: str) -> str | None:
        request = self.config_requests.get(config_name)
        return request["ProductionVariants"][0].get("InstanceType") if request else None

    def ensure_model(
        self,
        name: str,
        package_arn: str,
        model: str,
        *,
        isolated: bool,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.models.setdefault(name, package_arn)
        self.isolated[name] = isolated
        self.environments[name] = environment or {}

    def ensure_config(self, request: Mapping[str, Any]) -> None:
        self.config_requests.setdefault(request["EndpointConfigName"], request)

    def create(self, name: str, config_name: str, model: str) -> bool:
        if name in self.endpoints:
            return False
        if self.quota:
            raise QuotaReached(f"endpoint {name} with {config_name}", self.quota)
        self.calls.append(("create", name, config_name))
        self.endpoints[name] = EndpointState(name, "Creating", config_name, modified_at=NOW)
        return True

    def update(
        self, name: str, config_name: str, deployment: Mapping[str, Any] | None, *, keep_counts: bool = True
    ) -> bool:
        endpoint = self.endpoints[name]
        if endpoint.status != "InService":
            return self.asked.get(name) == config_name
        if self.quota:
            raise QuotaReached(f"endpoint {name} with {config_name}", self.quota)
        self.asked[name] = config_name
        self.calls.append(("update", name, config_name))
        self.deployments.append(deployment)
        self.endpoints[name] = replace(endpoint, status="Updating")
        return True

    def delete(self, name: str) -> None:
        self.calls.append(("delete", name, ""))
        self.endpoints.pop(name, None)

    def invoke(self, name: str, body: str, *, component: str | None = None) -> str:
        self.invoked.append((component or name, body))
        if isinstance(self.answer, EndpointRefused):
            raise self.answer
        return self.answer

    def configs(self, model: str) -> Sequence[tuple[str, datetime]]:
        return [
            (name, NOW + timedelta(minutes=age))
            for age, name in enumerate(self.config_requests)
            if (parsed := NAMES.parse_endpoint_config(name)) and parsed.model == model
        ]

    def forget(self, config_name: str) -> None:
        self.config_requests.pop(config_name, None)
        self.models.pop(config_name, None)

    def become(
        self, name: str, status: str, config_name: str | None = None, failure_reason: str = ""
    ) -> None:
        """What SageMaker does to an endpoint."""
        self.asked.pop(name, None)
        endpoint = self.endpoints[name]
        self.endpoints[name] = EndpointState(
            name, status, config_name or endpoint.config_name, failure_reason, NOW + timedelta(minutes=5)
        )


@dataclass
class InMemoryPredictions:
    """`answers` by endpoint: a Reply, or what is raised. Endpoints without one are missing."""

    answers: dict[str, Reply | Exception] = field(default_factory=dict)
    asked: list[tuple[str, Invocation]] = field(default_factory=list)

    def invoke(self, endpoint: str, asked: Invocation) -> Reply:
        self.asked.append((endpoint, asked))
        answer = self.answers.get(endpoint, EndpointMissing(endpoint))
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class InMemoryCaptures:
    sent: list[str] = field(default_factory=list)

    def send(self, body: str) -> None:
        self.sent.append(body)
