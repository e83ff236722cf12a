"""model.yaml: the whole configuration of one model."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from perennial import components_rules, rollout_plan, serverless_rules, shadow_rules
from perennial.metrics import DEFAULT_METRIC, HIGHEST, LOWER_IS_BETTER, METRICS, UNWATCHED, Problem
from perennial.names import digest
from perennial.sections import (
    Capture,
    Gate,
    Intake,
    Name,
    SchemaRules,
    Section,
    Training,
)
from perennial.sections_scaling import Scaling
from perennial.sections_serving import SCALES, Endpoint
from perennial.sections_watching import Monitors, Notify, OnAlarm, Retraining


def _check_limits(section: str, metric: str, minimum: float | None, maximum: float | None) -> None:
    """Raises ValueError for a limit on the wrong side, or one that no model can reach."""
    if metric in LOWER_IS_BETTER and minimum is not None:
        raise ValueError(f"{section}.minimum: {metric} is an error, less is better: use {section}.maximum")
    if metric not in LOWER_IS_BETTER and maximum is not None:
        raise ValueError(f"{section}.maximum: more {metric} is better: use {section}.minimum")
    if minimum is not None and minimum > HIGHEST:
        raise ValueError(f"{section}.minimum: {metric} is never above {HIGHEST:g} (found {minimum:g})")
    if maximum is not None and maximum < 0:
        raise ValueError(f"{section}.maximum: {metric} is never below 0 (found {maximum:g})")


class ModelConfig(Section):
    """The configuration of one model."""

    model: Name = Field(
        description="lower case letters, digits and hyphens; also the folder's name in the bucket"
    )
    problem: Problem = Field(description="what kind of thing is predicted")
    target: str = Field(min_length=1, description="the column to predict")
    schema_: SchemaRules = Field(SchemaRules(), alias="schema")
    intake: Intake = Intake()
    training: Training = Training()
    gate: Gate = Gate()
    endpoint: Endpoint = Endpoint()
    scaling: Scaling = Scaling()
    capture: Capture = Capture()
    monitors: Monitors = Monitors()
    engine: Literal["auto", "built-in", "model-monitor"] = Field(
        "auto",
        description="of the monitors: our own, or SageMaker Model Monitor where the account still has it",
    )
    on_alarm: OnAlarm = OnAlarm()
    retraining: Retraining = Retraining()
    notify: Notify = Notify()

    @model_validator(mode="before")
    @classmethod
    def _rollout_of_copies(cls, values: Any) -> Any:
        return components_rules.with_defaults(values)

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        metric = self.gate_metric
        if metric not in METRICS[self.problem]:
            raise ValueError(
                f"gate.metric: {metric!r} is not one of {', '.join(METRICS[self.problem])} ({self.problem})"
            )
        _check_limits("gate", metric, self.gate.minimum, self.gate.maximum)
        if self.gate.max_bias and self.monitors.bias is None:
            raise ValueError("gate.max_bias: monitors.bias must say which facet and which privileged group")
        if self.gate.max_bias and self.problem != "binary_classification":
            raise ValueError("gate.max_bias: these metrics are defined for binary_classification")
        if self.monitors.bias and self.problem != "binary_classification":
            raise ValueError("monitors.bias: these metrics are defined for binary_classification")
        self._check_facet()
        self._check_quality_monitor()
        if why := components_rules.refusal(self.endpoint, self.scaling):
            raise ValueError(why)
        if not self.endpoint.serverless and not self.scales_to_zero:
            why = rollout_plan.refusal(self.endpoint.rollout, self.endpoint.instances, self.endpoint.instance)
            if why:
                raise ValueError(f"endpoint.rollout: {why}")
        if why := serverless_rules.refusal(self.endpoint, self.scaling, self.engine):
            raise ValueError(why)
        if why := shadow_rules.refusal(self.endpoint, self.capture.percent, self.scaling.min):
            raise ValueError(f"endpoint.shadow: {why}")
        if self.target in self.schema_.features or self.target in self.schema_.drop:
            raise ValueError(f"schema: {self.target!r} is the target, so it is neither a feature nor dropped")
        return self

    def _check_facet(self) -> None:
        bias = self.monitors.bias
        rule = self.schema_.features.get(bias.facet) if bias else None
        if bias and bias.facet_threshold and rule and rule.type not in ("float", "int"):
            raise ValueError(
                f"monitors.bias.facet_threshold: {bias.facet!r} is of type {rule.type} in schema.features; "
                "thresholds are for numbers"
            )

    def _check_quality_monitor(self) -> None:
        monitor = self.monitors.model_quality
        if monitor is None:
            return
        metric = self.quality_metric
        watched = [name for name in METRICS[self.problem] if name not in UNWATCHED]
        if metric not in watched:
            raise ValueError(
                f"monitors.model_quality.metric: {metric!r} is not one of {', '.join(watched)} ({self.problem})"
            )
        _check_limits("monitors.model_quality", metric, monitor.minimum, monitor.maximum)

    @property
    def scales_to_zero(self) -> bool:
        """Whether it is a real-time endpoint of inference components."""
        return components_rules.asks(self.endpoint, self.scaling)

    @property
    def gate_metric(self) -> str:
        return self.gate.metric or DEFAULT_METRIC[self.problem]

    @property
    def quality_metric(self) -> str:
        """What `monitors.model_quality` holds to its minimum or maximum."""
        monitor = self.monitors.model_quality
        if monitor and monitor.metric:
            return monitor.metric
        return DEFAULT_METRIC[self.problem] if self.gate_metric in UNWATCHED else self.gate_metric

    @property
    def whole_hash(self) -> str:
        """Changes with any setting."""
        return digest(self.model_dump(mode="json"))

    @property
    def intake_hash(self) -> str:
        """Changes when the same drop would be read by other rules, or for another target."""
        return digest(
            {
                "problem": self.problem,
                "target": self.target,
                "schema": self.schema_.model_dump(mode="json"),
                "intake": self.intake.model_dump(mode="json", exclude={"quiet_minutes"}),
            }
        )

    @property
    def training_hash(self) -> str:
        """Changes when the same data would train another model, or be judged by other figures."""
        bias = self.monitors.bias
        return digest(
            {
                "problem": self.problem,
                "target": self.target,
                "schema": self.schema_.model_dump(mode="json"),
                "training": self.training.model_dump(
                    mode="json", exclude={"max_retries", "cooldown_minutes"}
                ),
                "facet": [bias.facet, bias.privileged, *bias.facet_threshold] if bias else None,
            }
        )

    @property
    def endpoint_hash(self) -> str:
        """Changes when the same model version needs another endpoint config."""
        endpoint = self.endpoint.model_dump(mode="json", exclude={"rollout", "rollback_on", "shadow"})
        if not self.scales_to_zero:
            del endpoint["copies"]
        if not self.endpoint.environment:
            del endpoint["environment"]
        if isinstance(endpoint["kind"], dict):
            # What scales the provisioned concurrency is no part of the endpoint config.
            size = endpoint["kind"]["serverless"]
            endpoint["kind"] = {"serverless": {key: size[key] for key in size if key not in SCALES}}
        return digest(
            {"endpoint": endpoint, "capture": self.capture.model_dump(mode="json", include={"percent"})}
        )
