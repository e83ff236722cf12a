"""The sections of model.yaml about data and training, each with its limits. Descriptions become the configuration reference."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

RESERVED_HYPERPARAMETERS = frozenset(
    {"holdout", "seed", "estimator", "facet", "facet_threshold", "privileged", "champion_version"}
)


def written(pattern: str, expected: str) -> BeforeValidator:
    """A text of this form; a refusal says what was expected, not the pattern."""

    def check(value: Any) -> Any:
        # A boolean passes: pydantic refuses it next, and that message tells of YAML's bare yes and no.
        if isinstance(value, bool) or (isinstance(value, str) and re.fullmatch(pattern, value)):
            return value
        raise ValueError(f"expected {expected}")

    return BeforeValidator(check)


SLUG = written(r"[a-z0-9](-*[a-z0-9])*", "lower case letters, digits and hyphens, such as night-shift")
Name = Annotated[str, SLUG, Field(max_length=40)]
InstanceType = Annotated[
    str, written(r"ml\.[a-z0-9-]+\.[a-z0-9]+", "an instance type of SageMaker, such as ml.m5.large")
]
BiasMetric = Literal["DPPL", "DI", "DCA", "DCR", "AD", "RD", "SD", "DAR", "DRR", "TE"]


def _text(value: Any) -> Any:
    """Numbers in a list of allowed values are values of a column all the same; booleans are YAML's trap."""
    if isinstance(value, bool):
        raise ValueError(
            'YAML reads a bare yes, no, on, off, true or false as a boolean: write it in quotes ("no")'
        )
    return str(value) if isinstance(value, int | float) else value


Text = Annotated[str, BeforeValidator(_text)]


class Section(BaseModel):
    """A part of model.yaml: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class FeatureRule(Section):
    """What a column must look like. Only `type` is required."""

    type: Literal["float", "int", "string", "bool"]
    min: float | None = Field(None, description="smallest value accepted")
    max: float | None = Field(None, description="largest value accepted")
    allowed: tuple[Text, ...] | None = Field(None, description="every value accepted, as written in the file")


class SchemaRules(Section):
    """Optional: without it the schema is inferred from the first drop, then pinned."""

    features: dict[str, FeatureRule] = Field({}, description="the columns to learn from, by name")
    drop: tuple[str, ...] = Field((), description="columns to leave out, such as row numbers")


class Intake(Section):
    """When a drop is complete, and what makes it fit to learn from."""

    quiet_minutes: int = Field(
        10, ge=1, le=1440, description="a drop without a marker is complete after this silence"
    )
    min_rows: int = Field(200, ge=10, description="fewer rows are refused")
    max_duplicate_share: float = Field(
        0.5, ge=0, le=1, description="a larger share of repeated rows is refused"
    )


class Training(Section):
    """The training job."""

    instance: InstanceType = Field("ml.m5.large", description="SageMaker instance type")
    volume_gb: int = Field(30, ge=1, le=16384, description="disk for the data")
    spot: bool = Field(True, description="managed spot training, with checkpoints")
    max_minutes: int = Field(60, ge=1, le=40320, description="the job is stopped after this time")
    max_retries: int = Field(
        2, ge=0, le=10, description="new attempts after lack of capacity or an interruption"
    )
    cooldown_minutes: int = Field(
        0, ge=0, description="least time between the starts of two trainings by drops"
    )
    holdout: float = Field(0.2, ge=0.05, le=0.5, description="share of rows kept aside to judge the model")
    seed: int = Field(0, ge=0, description="the same data and seed make the same model")
    estimator: Annotated[str, written(r"[a-z][a-z0-9_]*", "a module's name, such as linear")] = Field(
        "gradient_boosting", description="a module of container/perennial_container/estimators"
    )
    hyperparameters: dict[str, bool | int | float | str] = Field({}, description="for the estimator")
    mlflow_tracking_server: str | None = Field(
        None, description="ARN: the run is logged there, too (MlflowConfig)"
    )

    @model_validator(mode="after")
    def _hyperparameters_fit(self) -> Self:
        for name, value in self.hyperparameters.items():
            if name in RESERVED_HYPERPARAMETERS:
                raise ValueError(
                    f"hyperparameter {name!r} is ours: set it as a key of `training` or `monitors.bias`"
                )
            if len(str(value)) > 256:
                raise ValueError(f"hyperparameter {name!r} is longer than SageMaker's 256 characters")
        if len(self.hyperparameters) > 100 - len(RESERVED_HYPERPARAMETERS):
            raise ValueError(
                f"SageMaker takes 100 hyperparameters, {len(RESERVED_HYPERPARAMETERS)} of them are ours"
            )
        return self


class Gate(Section):
    """What a candidate must show before it may replace the champion."""

    metric: str | None = Field(None, description="default: auc, accuracy or rmse, by the problem")
    minimum: float | None = Field(None, description="for metrics where more is better")
    maximum: float | None = Field(None, description="for errors, such as rmse")
    minimum_gain: float = Field(0.0, description="how much better than the champion, on the same holdout")
    max_bias: dict[BiasMetric, Annotated[float, Field(ge=0)]] = Field(
        {}, description="largest distance from the unbiased value (0; for DI from 1); needs monitors.bias"
    )
    approval: Literal["manual", "automatic"] = Field(
        "manual", description="who approves what passed the gate: a person in the registry, or this policy"
    )


class Capture(Section):
    """Data Capture of the endpoint's traffic."""

    percent: int = Field(100, ge=0, le=100, description="of the requests; 0 captures nothing")
    delay_minutes: int = Field(
        10, ge=0, le=1440, description="how long SageMaker may take to write what it captured"
    )
