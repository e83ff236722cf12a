"""Where SageMaker puts things: /opt/ml, or the folder in SAGEMAKER_BASE_DIR."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Paths:
    """The folders of one training job or one server."""

    base: Path

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        return cls(Path(environment.get("SAGEMAKER_BASE_DIR") or "/opt/ml"))

    @property
    def hyperparameters(self) -> Path:
        return self.base / "input" / "config" / "hyperparameters.json"

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def evaluation(self) -> Path:
        return self.base / "output" / "data" / "evaluation.json"

    @property
    def failure(self) -> Path:
        return self.base / "output" / "failure"

    @property
    def checkpoints(self) -> Path:
        return self.base / "checkpoints"

    def written(self) -> tuple[Path, ...]:
        """The folders a training writes to."""
        return (self.model, self.failure.parent, self.evaluation.parent, self.checkpoints)

    def channel(self, name: str) -> Path:
        return self.base / "input" / "data" / name
