"""Inference components in memory. The contract tests hold them to AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from perennial.components import Component

LATER = datetime(2026, 3, 1, 12, 6, tzinfo=UTC)  # after the endpoint has become what it is
BUSY = ("Creating", "Updating", "Deleting")


@dataclass
class InMemoryComponents:
    components: dict[str, Component] = field(default_factory=dict)
    requests: list[Mapping[str, Any]] = field(default_factory=list)

    def get(self, name: str) -> Component | None:
        return self.components.get(name)

    def create(self, request: Mapping[str, Any]) -> bool:
        name = request["InferenceComponentName"]
        if name in self.components:
            return False
        self.requests.append(request)
        model = request["Specification"]["ModelName"]
        copies = request["RuntimeConfig"]["CopyCount"]
        self.components[name] = Component(name, "Creating", model, "", LATER, copies, 0)
        return True

    def update(self, request: Mapping[str, Any]) -> bool:
        known = self.components[request["InferenceComponentName"]]
        if known.status in BUSY:
            return False
        self.requests.append(request)
        self.components[known.name] = replace(known, status="Updating", modified_at=LATER)
        return True

    def delete(self, name: str) -> bool:
        known = self.components[name]
        if known.status in BUSY:
            return False
        self.components[name] = replace(known, status="Deleting")
        return True

    def become(self, name: str, status: str = "InService", **changes: Any) -> None:
        """What SageMaker does to a component. In service, the copies that are wanted answer."""
        known = replace(self.components[name], status=status, modified_at=LATER, **changes)
        answering = known.desired if status == "InService" and "current" not in changes else known.current
        self.components[name] = replace(known, current=answering)

    def run(self, name: str, copies: int = 1) -> None:
        """The last change wins: the model it named runs on so many copies."""
        model = self.requests[-1]["Specification"]["ModelName"]
        self.become(name, model_name=model, desired=copies)
