"""Training jobs, experiments and the model registry in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fakes.constants import NAMES, NOW
from perennial.deployment import PackageVersion
from perennial.errors import QuotaReached
from perennial.training import TrainingJob


@dataclass
class InMemoryTrainingJobs:
    jobs: dict[str, TrainingJob] = field(default_factory=dict)
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    log: Sequence[str] = ()
    quota: str = ""  # AWS's words while the account may have no job

    def of_model(self, model: str) -> Sequence[TrainingJob]:
        return [
            job
            for name, job in self.jobs.items()
            if (p := NAMES.parse_training_job(name)) and p.model == model
        ]

    def get(self, name: str) -> TrainingJob | None:
        return self.jobs.get(name)

    def create(self, request: Mapping[str, Any]) -> bool:
        name = request["TrainingJobName"]
        if name in self.jobs:
            return False
        if self.quota:
            raise QuotaReached(f"training job {name}", self.quota)
        self.requests.append(request)
        self.jobs[name] = TrainingJob(
            name,
            f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}",
            "InProgress",
            NOW,
            image=request["AlgorithmSpecification"]["TrainingImage"],
            hyperparameters=request["HyperParameters"],
            tags={tag["Key"]: tag["Value"] for tag in request["Tags"]},
        )
        return True

    def last_log_lines(self, name: str, most: int) -> Sequence[str]:
        return self.log[-most:]

    def finish(self, name: str, **changes: Any) -> None:
        """What SageMaker does to a job."""
        self.jobs[name] = replace(self.jobs[name], **changes)


@dataclass
class InMemoryExperiments:
    trials: set[tuple[str, str]] = field(default_factory=set)

    def ensure(self, experiment: str, trial: str) -> None:
        self.trials.add((experiment, trial))


@dataclass
class InMemoryModelRegistry:
    groups: dict[str, list[PackageVersion]] = field(default_factory=dict)
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)
    history: dict[str, dict[str, str]] = field(default_factory=dict)
    described: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def ensure_group(self, model: str, description: str) -> bool:
        new = model not in self.groups
        self.groups.setdefault(model, [])
        return new

    def versions(self, model: str) -> Sequence[PackageVersion]:
        return list(self.groups.get(model, []))

    def get(self, model: str, version: int) -> PackageVersion | None:
        return next((found for found in self.versions(model) if found.version == version), None)

    def describe(self, model: str, version: int) -> Mapping[str, Any] | None:
        found = self.get(model, version)
        if found is None:
            return None
        known = self.described.get(found.arn, {})
        metadata = {**known.get("CustomerMetadataProperties", {}), **self.history.get(found.arn, {})}
        return {**known, "ModelPackageVersion": version, "CustomerMetadataProperties": metadata}

    def create(self, request: Mapping[str, Any]) -> str:
        if request["ClientToken"] in self.tokens:
            return self.tokens[request["ClientToken"]]
        self.requests.append(request)
        group = request["ModelPackageGroupName"]
        model = NAMES.model_of(group)
        assert model is not None
        artefact = request["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        arn = self.add(model, request["ModelApprovalStatus"], artefact)
        self.described[arn] = request
        self.tokens[request["ClientToken"]] = arn
        return arn

    def add(self, model: str, approval: str, artefact: str | None = None) -> str:
        versions = self.groups.setdefault(model, [])
        number = len(versions) + 1
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/perennial-{model}/{number}"
        versions.append(PackageVersion(number, arn, approval, NOW, artefact or f"s3://data/v{number}.tar.gz"))
        return arn

    def set_approval(self, model: str, version: int, approval: str) -> None:
        """What a person does in the registry."""
        self.groups[model] = [
            replace(found, approval=approval) if found.version == version else found
            for found in self.groups[model]
        ]

    def decide(self, arn: str, approval: str, why: str) -> None:
        for model, versions in self.groups.items():
            self.groups[model] = [
                replace(found, approval=approval, decided=why) if found.arn == arn else found
                for found in versions
            ]

    def add_history(self, arn: str, entry: Mapping[str, str], stage: str) -> None:
        self.history.setdefault(arn, {}).update(entry)
