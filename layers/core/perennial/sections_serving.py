"""The section of model.yaml that says where and how the approved version serves."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from perennial.sections import InstanceType, Section, written

SCALES = frozenset({"provisioned_max", "utilization"})  # what Application Auto Scaling is told


class Serverless(Section):
    """A serverless endpoint's size, within SageMaker's limits."""

    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 2048
    max_concurrency: int = Field(20, ge=1, le=200)
    provisioned: int = Field(0, ge=0, le=200, description="kept warm; 0 scales to zero")
    provisioned_max: int | None = Field(
        None, ge=1, le=200, description="above `provisioned`: what is kept warm scales up to this many"
    )
    utilization: float = Field(
        0.7, ge=0.1, le=0.9, description="of what is kept warm, the share in use that scaling aims at"
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.provisioned > self.max_concurrency:
            raise ValueError(
                f"provisioned {self.provisioned} is above max_concurrency {self.max_concurrency}"
            )
        if self.provisioned_max is None:
            return self
        if not self.provisioned:
            raise ValueError("provisioned_max needs provisioned: 1 or more: SageMaker scales none up from 0")
        if self.provisioned_max <= self.provisioned:
            raise ValueError(
                f"provisioned_max {self.provisioned_max} is not above provisioned {self.provisioned}"
            )
        if self.provisioned_max > self.max_concurrency:
            raise ValueError(
                f"provisioned_max {self.provisioned_max} is above max_concurrency {self.max_concurrency}"
            )
        return self


class Rollout(Section):
    """How traffic moves to a new version."""

    type: Literal["canary", "linear", "rolling", "all_at_once"] = "canary"
    percent: int = Field(10, ge=5, le=50, description="of the capacity: first step, or each step")
    bake_minutes: int = Field(10, ge=0, le=60, description="wait between the steps")


class RollbackOn(Section):
    """What undoes a rollout while it bakes, and rings on the endpoint at other times."""

    p99_ms: float | None = Field(
        500, gt=0, description="of the model's latency, one request in a hundred above; null watches none"
    )
    error_percent: float | None = Field(
        1, ge=0, le=100, description="of the requests, ending in 5xx; null watches none"
    )
    prediction_shift: float | None = Field(
        None,
        gt=0,
        le=100,
        description="of the mean prediction, in standard deviations of the version before; null watches none",
    )


class Shadow(Section):
    """A challenger gets copies of the requests before it may serve. Beyond a limit by more than chance: it is worse."""

    minutes: int = Field(60, ge=1, le=1440, description="how long it runs beside production")
    percent: int = Field(100, ge=1, le=100, description="of the requests that are copied to it")
    then: Literal["promote", "ask", "drop"] = Field(
        "promote",
        description="promote rolls out what compares well and drops the rest; ask leaves it to a person; "
        "drop only compares",
    )
    requests: int = Field(
        100, ge=2, description="fewer requests answered by both prove nothing: a person is asked"
    )
    disagreement_percent: float = Field(
        10, ge=0, le=100, description="of the predictions, with another class than production's"
    )
    difference: float = Field(
        0.25,
        gt=0,
        description="of the numbers predicted, in standard deviations of production's (regression)",
    )
    latency_ratio: float = Field(1.5, gt=0, description="of the median model latency, to production's")
    error_percent: float = Field(
        1, ge=0, le=100, description="of the requests, ending in 5xx beyond production's"
    )


def _shadow(value: Any) -> Any:
    """`true` alone means the defaults, `false` none."""
    if value is True:
        return Shadow()
    return None if value is False else value


def _kind(value: Any) -> Any:
    """`serverless` alone means its defaults; anything unknown is told both forms."""
    if value == "serverless":
        return {"serverless": Serverless()}
    if value == "realtime" or (isinstance(value, dict) and set(value) == {"serverless"}):
        return value
    raise ValueError("expected realtime, serverless, or serverless: {memory_mb: ..., max_concurrency: ...}")


Kind = Annotated[Literal["realtime"] | dict[Literal["serverless"], Serverless], BeforeValidator(_kind)]


class Copies(Section):
    """What one copy of the model reserves on its instance, with scaling.min: 0."""

    cpus: float = Field(1, ge=0.25, description="vCPUs")
    memory_mb: int = Field(1024, ge=128, description="an instance lends less than it has")


VariableName = Annotated[
    str, written(r"[A-Za-z_][A-Za-z0-9_]*", "a variable's name, such as LOG_LEVEL"), Field(max_length=1024)
]
VariableValue = Annotated[str, Field(max_length=1024)]


class Endpoint(Section):
    """Where the approved version serves."""

    kind: Kind = "realtime"
    instance: InstanceType = Field("ml.m5.large", description="SageMaker instance type")
    instances: int = Field(2, ge=1, le=100, description="at creation; scaling moves it later")
    rollout: Rollout = Rollout()
    rollback_on: RollbackOn = RollbackOn()
    shadow: Annotated[Shadow | None, BeforeValidator(_shadow)] = Field(
        None, description="true, or the settings: a challenger runs as a shadow of production first"
    )
    copies: Copies = Copies()
    environment: dict[VariableName, VariableValue] = Field(
        {}, max_length=90, description="variables of the container: PERENNIAL_PREDICTIONS, SAGEMAKER_PROGRAM"
    )

    @property
    def serverless(self) -> Serverless | None:
        return self.kind["serverless"] if isinstance(self.kind, dict) else None
