"""What the fakes and the tests take for granted: a time, names, a platform, a model."""

from datetime import UTC, datetime
from typing import Any

from perennial.config import ModelConfig
from perennial.names import Names
from perennial.training import Platform

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NAMES = Names("perennial")
PLATFORM = Platform("data", "image@sha256:1", "arn:aws:iam::123456789012:role/train", "abc123")


def config(**changes: Any) -> ModelConfig:
    """A valid configuration with some keys changed."""
    return ModelConfig.model_validate(
        {"model": "mortgage", "problem": "binary_classification", "target": "deny", **changes}
    )
