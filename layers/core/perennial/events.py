"""The events that wake our functions: AWS's own, and those that we put on our bus.

SageMaker may send several events per change, late and out of order: we take from an event only the name
of the thing, and Describe it. AWS spells its fields in PascalCase; we read them in snake_case.
"""

from __future__ import annotations

from typing import Any, Literal

from aws_lambda_powertools.utilities.parser.models import EventBridgeModel
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel, to_pascal

from perennial.decision import Severity
from perennial.intents import Action

SOURCE = "perennial"
ReactionName = Literal[
    "configure_model",
    "start_training",
    "register_model",
    "deploy_model",
    "settle_endpoint",
    "analyze_traffic",
    "answer_alarm",
    "collect_traffic",
    "notify",
]


class _Detail(BaseModel):
    model_config = ConfigDict(
        frozen=True, alias_generator=to_pascal, populate_by_name=True, protected_namespaces=()
    )


class S3Bucket(BaseModel):
    name: str


class S3Object(BaseModel):
    """`key` is not URL-encoded here, other than in S3's own notifications."""

    key: str
    size: int = 0


class S3ObjectDetail(BaseModel):
    bucket: S3Bucket
    object: S3Object


class ObjectCreated(EventBridgeModel):
    """`Object Created`, from S3."""

    detail_type: Literal["Object Created"] = Field(alias="detail-type")
    detail: S3ObjectDetail


class TrainingJobDetail(_Detail):
    training_job_name: str
    training_job_status: Literal["InProgress", "Completed", "Failed", "Stopping", "Stopped"]


class TrainingJobStateChange(EventBridgeModel):
    """`SageMaker Training Job State Change`: also for changes of the secondary status."""

    detail_type: Literal["SageMaker Training Job State Change"] = Field(alias="detail-type")
    detail: TrainingJobDetail


class ProcessingJobDetail(_Detail):
    processing_job_name: str
    processing_job_status: Literal["InProgress", "Completed", "Failed", "Stopping", "Stopped"]


class ProcessingJobStateChange(EventBridgeModel):
    """`SageMaker Processing Job State Change`."""

    detail_type: Literal["SageMaker Processing Job State Change"] = Field(alias="detail-type")
    detail: ProcessingJobDetail


class ModelPackageDetail(_Detail):
    """`updated_model_package_fields` is absent when the package was just created."""

    model_package_group_name: str
    model_package_version: int
    model_approval_status: str | None = None
    updated_model_package_fields: tuple[str, ...] | None = None
    last_modified_time: AwareDatetime | None = None

    @property
    def approval_changed(self) -> bool:
        """Whether the approval may have changed. Our own metadata writes come back as events of this kind, too."""
        fields = self.updated_model_package_fields
        return fields is None or "ModelApprovalStatus" in fields


class ModelPackageStateChange(EventBridgeModel):
    """`SageMaker Model Package State Change`."""

    detail_type: Literal["SageMaker Model Package State Change"] = Field(alias="detail-type")
    detail: ModelPackageDetail


class EndpointDetail(_Detail):
    """`endpoint_status` is UPPER_SNAKE here, other than in Describe: a hint only."""

    endpoint_name: str
    endpoint_status: str | None = None


class EndpointStateChange(EventBridgeModel):
    """`SageMaker Endpoint State Change` and `SageMaker Endpoint Deployment State Change`."""

    detail_type: Literal["SageMaker Endpoint State Change", "SageMaker Endpoint Deployment State Change"] = (
        Field(alias="detail-type")
    )
    detail: EndpointDetail


class AlarmStateDetail(BaseModel):
    """`reason_data` is JSON in a string; a fire drill says there that it is one."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)
    value: Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
    timestamp: AwareDatetime | None = None
    reason: str = ""
    reason_data: str = ""


class AlarmDetail(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)
    alarm_name: str
    state: AlarmStateDetail
    previous_state: AlarmStateDetail | None = None


class AlarmStateChange(EventBridgeModel):
    """`CloudWatch Alarm State Change`. The state is a hint: DescribeAlarms tells the present one."""

    detail_type: Literal["CloudWatch Alarm State Change"] = Field(alias="detail-type")
    detail: AlarmDetail


class HintDetail(BaseModel):
    """A model that a reaction should look at. `subject` is the drop, the training job or the window meant, if any."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())
    model: str
    reaction: ReactionName
    subject: str | None = None
    because: str


class ModelDue(EventBridgeModel):
    """`Model Due`, from us: one reaction hands on to the next, and the sweep heals what events lost."""

    detail_type: Literal["Model Due"] = Field(alias="detail-type")
    detail: HintDetail


class NoticeDetail(BaseModel):
    """A decision that is news for a person."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())
    model: str
    fact: str
    outcome: str
    reason: str
    news: Severity
    details: dict[str, str] = {}


class DecisionMade(EventBridgeModel):
    """`Decision Made`, from us: news for people, and for whoever subscribes to our bus."""

    detail_type: Literal["Decision Made"] = Field(alias="detail-type")
    detail: NoticeDetail


class SlackMessage(BaseModel):
    """The message whose button was pressed, so that it can be answered.

    `slack` names the secret, `block` the row of the button.
    """

    model_config = ConfigDict(frozen=True)
    slack: str
    response_url: str = ""
    channel: str = ""
    ts: str = ""
    block: str = ""
    blocks: tuple[dict[str, Any], ...] = ()


class ActionDetail(BaseModel):
    """What a person asked for. `id` is unique to the asking: it is acted on once.

    `by` is the person as others know them (`@ada`, or an IAM ARN); `subject` what a mute is about, or that
    an approval is meant although the version is rejected. With `refused` nothing is done but to tell the person why not.
    """

    model_config = ConfigDict(frozen=True, protected_namespaces=())
    id: str
    action: Action
    model: str
    version: int | None = None
    subject: str = ""
    by: str
    refused: str = ""
    message: SlackMessage | None = None


class ActionAsked(EventBridgeModel):
    """`Action Asked`, from us: a person pressed a button whose signature was good."""

    detail_type: Literal["Action Asked"] = Field(alias="detail-type")
    detail: ActionDetail


class Scheduled(BaseModel):
    """The sweep's tick carries nothing that we need."""
