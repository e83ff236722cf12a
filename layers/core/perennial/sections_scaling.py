"""The section of model.yaml that says how many instances serve, and when."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from perennial.sections import Section


class Scaling(Section):
    """Application Auto Scaling on InvocationsPerInstance."""

    min: int = Field(1, ge=1)
    max: int = Field(4, ge=1)
    invocations_per_instance: int = Field(1000, ge=1, description="target, invocations a minute")
    scale_in: bool = Field(True, description="false only ever adds instances")
    scale_in_cooldown_seconds: int = Field(300, ge=0)
    scale_out_cooldown_seconds: int = Field(60, ge=0)
    schedule: tuple[dict[str, Any], ...] = Field(
        (), description="checked, takes effect with scheduled scaling"
    )

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        return self
