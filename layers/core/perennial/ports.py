"""The outside world, as the reactions need it. `perennial.aws` has the real ones, the tests have small fakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO, Protocol

from perennial.alarms.ports import Alarms
from perennial.components import Component
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.deployment import EndpointState, PackageVersion, Rollout
from perennial.events import ActionDetail, ReactionName
from perennial.intake.completeness import Listed
from perennial.monitoring.ports import Analyst, CloudWatchMetrics, ModelMonitor, ProcessingJobs
from perennial.names import Names
from perennial.notifications.ports import AlertsTopic, Mail, Secrets, Slack, Webhooks
from perennial.prediction.invocation import Invocation, Reply
from perennial.retraining.ports import LabelledTraffic
from perennial.scaling import Resource, Standing
from perennial.scaling_bounds import Bounds
from perennial.training import Platform, TrainingJob


class Bucket(Protocol):
    """The data bucket."""

    name: str

    def list(self, prefix: str) -> Sequence[Listed]: ...
    def read(self, key: str) -> bytes | None: ...
    def open(self, key: str) -> BinaryIO: ...
    def open_ranged(self, key: str) -> BinaryIO: ...
    def write(self, key: str, body: bytes, content_type: str = "application/json") -> None: ...
    def names_under(self, prefix: str) -> Sequence[str]: ...


class Catalog(Protocol):
    """The models in force: the last valid model.yaml of each."""

    def get(self, model: str) -> ModelConfig | None:
        """Raises ConfigError for one of another release that this one does not read."""

    def put(self, config: ModelConfig, now: datetime) -> None: ...
    def models(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class LedgerEntry:
    """A decision, and when it was taken."""

    at: datetime
    decision: Decision


class Ledger(Protocol):
    """Every decision, kept; what is news is announced, once."""

    def record(self, decision: Decision) -> None: ...
    def newest(self, model: str, most: int) -> Sequence[LedgerEntry]:
        """A model's newest decisions, newest first."""


class State(Protocol):
    """What SageMaker and S3 cannot tell: small documents per model, replaced atomically."""

    def get(self, model: str, name: str) -> Mapping[str, Any] | None: ...
    def put(
        self, model: str, name: str, value: Mapping[str, Any], *, expected: Mapping[str, Any] | None = ...
    ) -> None:
        """Replace a document. With `expected` (None: there must be none) raise Conflict if it is another by now."""

    def all(self, model: str, prefix: str) -> Mapping[str, Mapping[str, Any]]: ...
    def rollout(self, model: str) -> Rollout | None: ...
    def put_rollout(self, model: str, rollout: Rollout, *, expected: Rollout | None) -> None:
        """Raise Conflict when the rollout remembered is not the expected one any more."""


class TrainingJobs(Protocol):
    """SageMaker's training jobs of this stack."""

    def of_model(self, model: str) -> Sequence[TrainingJob]: ...
    def get(self, name: str) -> TrainingJob | None: ...
    def create(self, request: Mapping[str, Any]) -> bool:
        """Start a job. False when one of that name exists: somebody was faster, which is a success."""

    def last_log_lines(self, name: str, most: int) -> Sequence[str]: ...


class Experiments(Protocol):
    """SageMaker Experiments: one experiment per model, one trial per dataset version."""

    def ensure(self, experiment: str, trial: str) -> None: ...


class ModelRegistry(Protocol):
    """SageMaker's model registry."""

    def ensure_group(self, model: str, description: str) -> bool: ...
    def versions(self, model: str) -> Sequence[PackageVersion]: ...
    def get(self, model: str, version: int) -> PackageVersion | None: ...
    def describe(self, model: str, version: int) -> Mapping[str, Any] | None:
        """DescribeModelPackage's answer: metrics, baselines and metadata."""

    def create(self, request: Mapping[str, Any]) -> str: ...
    def decide(self, arn: str, approval: str, why: str) -> None:
        """Set a version's approval, with who decided and why (`PackageVersion.decided`)."""

    def add_history(self, arn: str, entry: Mapping[str, str], stage: str) -> None: ...


class Endpoints(Protocol):
    """SageMaker endpoints, their configs and models."""

    def get(self, name: str) -> EndpointState | None:
        """With the inference component on it, where it hosts one."""

    def config(self, config_name: str) -> Mapping[str, Any] | None:
        """DescribeEndpointConfig's answer; None when it is gone."""

    def instance_type(self, config_name: str) -> str | None:
        """Of a config's first variant; None when it is serverless or gone."""

    def ensure_model(
        self,
        name: str,
        package_arn: str,
        model: str,
        *,
        isolated: bool,
        environment: Mapping[str, str] | None = None,
    ) -> None: ...
    def ensure_config(self, request: Mapping[str, Any]) -> None: ...
    def create(self, name: str, config_name: str, model: str) -> bool: ...
    def update(
        self, name: str, config_name: str, deployment: Mapping[str, Any] | None, *, keep_counts: bool = True
    ) -> bool:
        """False while something else is in progress: an update to this same config is not, whoever asked for it.

        `keep_counts` retains what scaling reached.
        """

    def delete(self, name: str) -> None:
        """Nothing happens when it is gone."""

    def invoke(self, name: str, body: str, *, component: str | None = None) -> str:
        """What the endpoint answers to JSON, as text. Raises EndpointRefused when the model does not answer it."""

    def configs(self, model: str) -> Sequence[tuple[str, datetime]]: ...
    def forget(self, config_name: str) -> None:
        """Delete an endpoint config and the model of the same name."""


class Components(Protocol):
    """SageMaker inference components."""

    def get(self, name: str) -> Component | None: ...
    def create(self, request: Mapping[str, Any]) -> bool:
        """False when one of that name exists: somebody was faster, which is a success."""

    def update(self, request: Mapping[str, Any]) -> bool:
        """False while another change of it is under way."""

    def delete(self, name: str) -> bool:
        """False while a change of it is under way."""


class Predictions(Protocol):
    """Endpoints as those see them who want predictions."""

    def invoke(self, endpoint: str, asked: Invocation) -> Reply:
        """Raises RequestRefused, or EndpointMissing when there is none of that name."""


class Captures(Protocol):
    """The queue of captured records."""

    def send(self, body: str) -> None: ...


class Scaling(Protocol):
    """Application Auto Scaling, of any dimension."""

    def standing(self, resource: Resource) -> Standing: ...
    def register(self, resource: Resource, bounds: Bounds) -> None: ...
    def put_policy(self, resource: Resource, name: str, body: Mapping[str, Any]) -> str:
        """Returns the policy's ARN. `body` is PutScalingPolicy's without the members that name it."""

    def delete_policy(self, resource: Resource, name: str) -> None: ...
    def put_action(self, resource: Resource, name: str, body: Mapping[str, Any]) -> None:
        """`body` is PutScheduledAction's without the members that name it."""

    def delete_action(self, resource: Resource, name: str) -> None: ...
    def remove(self, resource: Resource) -> None:
        """Deregister, and with it policies and scheduled actions; nothing happens when it was not registered."""

    def suspended(self, resource: Resource) -> Mapping[str, bool] | None:
        """Which of its activities are suspended, by SuspendedState's keys; None when it is not registered."""

    def suspend(self, resource: Resource, state: Mapping[str, bool]) -> None:
        """Suspend activities, or resume them; the others and the bounds stay as they are."""


class Hints(Protocol):
    """Handing a model on to another reaction."""

    def send(self, model: str, reaction: ReactionName, because: str, subject: str | None = None) -> None: ...
    def ask(self, action: ActionDetail) -> None:
        """Have somebody's press of a button acted on."""


class ParquetReader(Protocol):
    """The function that has a reader for Parquet."""

    def start_training(self, model: str, drop: str) -> None: ...


class World(Protocol):
    """Everything that a reaction may reach, and the time."""

    @property
    def names(self) -> Names: ...
    @property
    def platform(self) -> Platform: ...
    @property
    def bucket(self) -> Bucket: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def state(self) -> State: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def jobs(self) -> TrainingJobs: ...
    @property
    def experiments(self) -> Experiments: ...
    @property
    def registry(self) -> ModelRegistry: ...
    @property
    def endpoints(self) -> Endpoints: ...
    @property
    def components(self) -> Components: ...
    @property
    def predictions(self) -> Predictions: ...
    @property
    def captures(self) -> Captures:
        """Only in the function that answers requests for predictions."""

    @property
    def scaling(self) -> Scaling: ...
    @property
    def hints(self) -> Hints: ...
    @property
    def parquet(self) -> ParquetReader | None:
        """None in the function that reads Parquet itself."""

    @property
    def topic(self) -> AlertsTopic: ...
    @property
    def analyst(self) -> Analyst: ...
    @property
    def processing(self) -> ProcessingJobs: ...
    @property
    def model_monitor(self) -> ModelMonitor: ...
    @property
    def metrics(self) -> CloudWatchMetrics: ...
    @property
    def alarms(self) -> Alarms: ...
    @property
    def labelled(self) -> LabelledTraffic: ...
    @property
    def secrets(self) -> Secrets: ...
    @property
    def slack(self) -> Slack: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def mail(self) -> Mail | None:
        """None where no sender is configured."""

    @property
    def region(self) -> str: ...
    def now(self) -> datetime: ...
    def wait(self, seconds: float) -> None: ...
