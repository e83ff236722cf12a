"""Where SageMaker puts things: /opt/ml, or the folder in SAGEMAKER_BASE_DIR."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

OPT_ML = "/opt/ml"


@dataclass(frozen=True)
class Paths:
    """The folders of one training job, one processing job or one server."""

    base: Path

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        return cls(Path(environment.get("SAGEMAKER_BASE_DIR") or OPT_ML))

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
    def baseline(self) -> Path:
        """What monitoring holds later traffic against."""
        return self.evaluation.parent / "baseline"

    @property
    def failure(self) -> Path:
        return self.base / "output" / "failure"

    @property
    def checkpoints(self) -> Path:
        return self.base / "checkpoints"

    def written_by_training(self) -> tuple[Path, ...]:
        return (self.model, self.failure.parent, self.evaluation.parent, self.checkpoints)

    @property
    def processing_input(self) -> Path:
        return self.base / "processing" / "input"

    @property
    def processing_output(self) -> Path:
        return self.base / "processing" / "output"

    @property
    def message(self) -> Path:
        """What a processing job has to say: its first kilobyte is the job's ExitMessage."""
        return self.base / "output" / "message"

    @property
    def cloudwatch(self) -> Path:
        """Metrics that Model Monitor publishes for its container."""
        return self.base / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl"

    def local(self, path: str) -> Path:
        """Where a path that a job's settings name is here."""
        inside = path == OPT_ML or path.startswith(f"{OPT_ML}/")
        return self.base / path.removeprefix(OPT_ML).strip("/") if inside else Path(path)

    def config(self, name: str) -> dict[str, Any]:
        """`resourceconfig` or `processingjobconfig`, as SageMaker wrote it; nothing where it wrote none."""
        file = self.base / "config" / f"{name}.json"
        found: dict[str, Any] = json.loads(file.read_bytes()) if file.exists() else {}
        return found

    def settings(self, environment: Mapping[str, str]) -> dict[str, str]:
        """A processing job's settings: those of its configuration file before those of the process."""
        return {**environment, **(self.config("processingjobconfig").get("Environment") or {})}

    def written_by_analysis(self, environment: Mapping[str, str]) -> tuple[Path, ...]:
        """The folders an analysis writes to."""
        output = self.local(self.settings(environment).get("output_path") or f"{OPT_ML}/processing/output")
        ours = (output,) if output.is_relative_to(self.base) else ()
        return (self.failure.parent, self.processing_output, *ours)

    def channel(self, name: str) -> Path:
        return self.base / "input" / "data" / name
