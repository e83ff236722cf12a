"""The outside world in memory: what the reactions need, and nothing more. The contract tests hold it to AWS."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

from fakes_alarms import InMemoryAlarms, InMemoryLabelledTraffic
from fakes_components import InMemoryComponents
from fakes_monitoring import InMemoryAnalyst, InMemoryMetrics, InMemoryModelMonitor, InMemoryProcessingJobs

from perennial.components import combined
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.deployment import EndpointState, PackageVersion, Rollout
from perennial.errors import ChannelFailed, Conflict, EndpointMissing, EndpointRefused
from perennial.events import ActionDetail
from perennial.names import Names
from perennial.ports import LedgerEntry
from perennial.prediction.invocation import Invocation, Reply
from perennial.scaling import Resource, Standing
from perennial.scaling_bounds import Bounds
from perennial.training import Platform, TrainingJob

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = Names("perennial")
PLATFORM = Platform("data", "image@sha256:1", "arn:aws:iam::123456789012:role/train", "abc123")
ACTIVITIES = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
_ANYTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class InMemoryObject:
    key: str
    size: int
    etag: str
    last_modified: datetime


@dataclass
class InMemoryBucket:
    name: str = "data"
    bodies: dict[str, bytes] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)

    def list(self, prefix: str) -> Sequence[InMemoryObject]:
        return [
            InMemoryObject(key, len(body), f"{hash(body):x}", self.times.get(key, NOW))
            for key, body in sorted(self.bodies.items())
            if key.startswith(prefix)
        ]

    def names_under(self, prefix: str) -> Sequence[str]:
        rests = [key.removeprefix(prefix) for key in self.bodies if key.startswith(prefix)]
        return sorted({rest.split("/")[0] for rest in rests if "/" in rest})

    def read(self, key: str) -> bytes | None:
        return self.bodies.get(key)

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self.bodies[key])

    def open_ranged(self, key: str) -> BinaryIO:
        return self.open(key)

    def write(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        self.bodies[key] = body


@dataclass
class InMemoryCatalog:
    configs: dict[str, ModelConfig] = field(default_factory=dict)

    def get(self, model: str) -> ModelConfig | None:
        return self.configs.get(model)

    def put(self, config: ModelConfig, now: datetime) -> None:
        self.configs[config.model] = config

    def models(self) -> Sequence[str]:
        return sorted(self.configs)


@dataclass
class InMemoryLedger:
    decisions: list[Decision] = field(default_factory=list)

    def record(self, decision: Decision) -> None:
        self.decisions.append(decision)

    def newest(self, model: str, most: int) -> Sequence[LedgerEntry]:
        found = [LedgerEntry(NOW, decision) for decision in self.decisions if decision.model == model]
        return found[::-1][:most]

    @property
    def outcomes(self) -> list[str]:
        return [decision.outcome for decision in self.decisions]


@dataclass
class InMemoryState:
    documents: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    rollouts: dict[str, Rollout] = field(default_factory=dict)

    def get(self, model: str, name: str) -> Mapping[str, Any] | None:
        return self.documents.get((model, name))

    def put(
        self,
        model: str,
        name: str,
        value: Mapping[str, Any],
        *,
        expected: Mapping[str, Any] | None = _ANYTHING,
    ) -> None:
        if expected is not _ANYTHING and self.documents.get((model, name)) != expected:
            raise Conflict(name)
        self.documents[model, name] = value

    def all(self, model: str, prefix: str) -> Mapping[str, Mapping[str, Any]]:
        return {
            name.removeprefix(prefix): value
            for (owner, name), value in self.documents.items()
            if owner == model and name.startswith(prefix)
        }

    def rollout(self, model: str) -> Rollout | None:
        return self.rollouts.get(model)

    def put_rollout(self, model: str, rollout: Rollout, *, expected: Rollout | None) -> None:
        if self.rollouts.get(model) != expected:
            raise Conflict("rollout")
        self.rollouts[model] = rollout


@dataclass
class InMemoryTrainingJobs:
    jobs: dict[str, TrainingJob] = field(default_factory=dict)
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    log: Sequence[str] = ()

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
        self.calls.append(("create", name, config_name))
        self.endpoints[name] = EndpointState(name, "Creating", config_name, modified_at=NOW)
        return True

    def update(
        self, name: str, config_name: str, deployment: Mapping[str, Any] | None, *, keep_counts: bool = True
    ) -> bool:
        endpoint = self.endpoints[name]
        if endpoint.status != "InService":
            return self.asked.get(name) == config_name
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
class InMemoryScaling:
    targets: dict[Resource, Standing] = field(default_factory=dict)
    removed: list[Resource] = field(default_factory=list)
    states: dict[Resource, dict[str, bool]] = field(default_factory=dict)
    writes: int = 0

    def standing(self, resource: Resource) -> Standing:
        return self.targets.get(resource, Standing(None))

    def register(self, resource: Resource, bounds: Bounds) -> None:
        self._set(resource, replace(self.standing(resource), bounds=bounds))

    def put_policy(self, resource: Resource, name: str, body: Mapping[str, Any]) -> str:
        known = self._registered(resource)
        registered = self.removed.count(resource)  # a policy that is put anew has another ARN
        arn = f"arn:aws:autoscaling:us-east-1:123456789012:scalingPolicy:{registered}:{resource.id}:policyName/{name}"
        self._set(resource, replace(known, policies={**known.policies, name: {**body, "PolicyARN": arn}}))
        return arn

    def delete_policy(self, resource: Resource, name: str) -> None:
        known = self.standing(resource)
        left = {key: body for key, body in known.policies.items() if key != name}
        self._set(resource, replace(known, policies=left))

    def put_action(self, resource: Resource, name: str, body: Mapping[str, Any]) -> None:
        known = self._registered(resource)
        self._set(resource, replace(known, actions={**known.actions, name: body}))

    def delete_action(self, resource: Resource, name: str) -> None:
        known = self.standing(resource)
        left = {key: body for key, body in known.actions.items() if key != name}
        self._set(resource, replace(known, actions=left))

    def remove(self, resource: Resource) -> None:
        self.removed.append(resource)
        self.targets.pop(resource, None)
        self.states.pop(resource, None)

    def suspended(self, resource: Resource) -> Mapping[str, bool] | None:
        if resource not in self.targets:
            return None
        return {**dict.fromkeys(ACTIVITIES, False), **self.states.get(resource, {})}

    def suspend(self, resource: Resource, state: Mapping[str, bool]) -> None:
        self._registered(resource)
        self.states[resource] = {**self.states.get(resource, {}), **state}

    def _registered(self, resource: Resource) -> Standing:
        assert resource in self.targets, "AWS wants a target to be registered first"
        return self.targets[resource]

    def _set(self, resource: Resource, standing: Standing) -> None:
        self.writes += 1
        if standing.bounds is not None:
            self.targets[resource] = standing


@dataclass
class InMemoryHints:
    sent: list[tuple[str, str, str | None]] = field(default_factory=list)
    asked: list[ActionDetail] = field(default_factory=list)

    def send(self, model: str, reaction: str, because: str, subject: str | None = None) -> None:
        self.sent.append((model, reaction, subject))

    def ask(self, action: ActionDetail) -> None:
        self.asked.append(action)


@dataclass
class InMemoryParquetReader:
    handed: list[tuple[str, str]] = field(default_factory=list)

    def start_training(self, model: str, drop: str) -> None:
        self.handed.append((model, drop))


@dataclass
class InMemoryTopic:
    published: list[tuple[str, str, Mapping[str, str], Sequence[str]]] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    def publish(
        self, subject: str, message: str, attributes: Mapping[str, str], recipients: Sequence[str]
    ) -> None:
        self.published.append((subject, message, attributes, recipients))

    def subscribe(self, addresses: Sequence[str]) -> Sequence[str]:
        new = [address for address in addresses if address not in self.addresses]
        self.addresses += new
        return new


@dataclass
class InMemorySecrets:
    values: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def get(self, name: str) -> Mapping[str, str] | None:
        return self.values.get(name)


@dataclass
class InMemorySlack:
    """`failures` are raised first, one for each call."""

    posted: list[Mapping[str, Any]] = field(default_factory=list)
    updated: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)
    responses: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    failures: list[ChannelFailed] = field(default_factory=list)

    def post(self, secret: Mapping[str, str], message: Mapping[str, Any]) -> Mapping[str, str]:
        if self.failures:
            raise self.failures.pop(0)
        self.posted.append(message)
        return {"channel": "C0001", "ts": f"{len(self.posted)}.000100"}

    def update(self, secret: Mapping[str, str], channel: str, ts: str, message: Mapping[str, Any]) -> None:
        self.updated.append((channel, ts, message))

    def permalink(self, secret: Mapping[str, str], channel: str, ts: str) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return f"https://slack.example.com/{channel}/{ts}"

    def respond(self, response_url: str, message: Mapping[str, Any]) -> None:
        self.responses.append((response_url, message))


@dataclass
class InMemoryWebhooks:
    posted: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    failures: list[ChannelFailed] = field(default_factory=list)

    def post(self, url: str, body: Mapping[str, Any]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.posted.append((url, body))


@dataclass
class InMemoryMail:
    sent: list[tuple[str, str, str, str]] = field(default_factory=list)
    refused: dict[str, ChannelFailed] = field(default_factory=dict)

    def send(self, recipient: str, subject: str, text: str, html: str) -> str:
        if recipient in self.refused:
            raise self.refused[recipient]
        self.sent.append((recipient, subject, text, html))
        return f"mail-{len(self.sent)}"


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


@dataclass
class InMemoryWorld:
    """Implements `perennial.ports.World`; the time stands still until a test moves it."""

    names: Names = NAMES
    platform: Platform = PLATFORM
    bucket: InMemoryBucket = field(default_factory=InMemoryBucket)
    catalog: InMemoryCatalog = field(default_factory=InMemoryCatalog)
    state: InMemoryState = field(default_factory=InMemoryState)
    ledger: InMemoryLedger = field(default_factory=InMemoryLedger)
    jobs: InMemoryTrainingJobs = field(default_factory=InMemoryTrainingJobs)
    experiments: InMemoryExperiments = field(default_factory=InMemoryExperiments)
    registry: InMemoryModelRegistry = field(default_factory=InMemoryModelRegistry)
    endpoints: InMemoryEndpoints = field(default_factory=InMemoryEndpoints)

    @property
    def components(self) -> InMemoryComponents:
        return self.endpoints.components

    predictions: InMemoryPredictions = field(default_factory=InMemoryPredictions)
    captures: InMemoryCaptures = field(default_factory=InMemoryCaptures)
    scaling: InMemoryScaling = field(default_factory=InMemoryScaling)
    hints: InMemoryHints = field(default_factory=InMemoryHints)
    parquet: InMemoryParquetReader | None = field(default_factory=InMemoryParquetReader)
    topic: InMemoryTopic = field(default_factory=InMemoryTopic)
    analyst: InMemoryAnalyst = field(default_factory=InMemoryAnalyst)
    processing: InMemoryProcessingJobs = field(default_factory=InMemoryProcessingJobs)
    model_monitor: InMemoryModelMonitor = field(default_factory=InMemoryModelMonitor)
    metrics: InMemoryMetrics = field(default_factory=InMemoryMetrics)
    alarms: InMemoryAlarms = field(default_factory=InMemoryAlarms)
    labelled: InMemoryLabelledTraffic = field(default_factory=InMemoryLabelledTraffic)
    secrets: InMemorySecrets = field(default_factory=InMemorySecrets)
    slack: InMemorySlack = field(default_factory=InMemorySlack)
    webhooks: InMemoryWebhooks = field(default_factory=InMemoryWebhooks)
    mail: InMemoryMail | None = None
    region: str = "us-east-1"
    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def config(**changes: Any) -> ModelConfig:
    """A valid configuration with some keys changed."""
    return ModelConfig.model_validate(
        {"model": "mortgage", "problem": "binary_classification", "target": "deny", **changes}
    )
