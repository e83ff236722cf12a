"""Names of everything that we create in SageMaker: deterministic, so that a repeated event meets
SageMaker's own "already exists" and is a success."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from perennial.errors import NameTooLong, ReservedName

LONGEST = 63  # jobs, models, endpoint configs and endpoints alike
JOB_SUFFIX = len("-0123456789ab-012345-r99")
ANSWERS = {"endpointOutput_predicted_label": "the predicted label", "endpointOutput_score": "the score"}
KINDS = ("-realtime", "-serverless", "-components")  # what ends the name of a second endpoint

_JOB = re.compile(
    r"^(?P<base>(?P<model>.+)-(?P<dataset>[0-9a-f]{12})-(?P<config>[0-9a-f]{6}))(?:-r(?P<attempt>\d+))?$"
)
_CONFIG = re.compile(r"^(?P<model>.+)-v(?P<version>\d+)-(?P<config>[0-9a-f]{6})$")


def digest(value: Any, length: int = 6) -> str:
    """The first `length` hex digits of a JSON value's SHA-256, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def called(column: str) -> str:
    """A column in a sentence: what the model answered is not called as the files call it."""
    return ANSWERS.get(column, column)


@dataclass(frozen=True)
class TrainingJobName:
    """A training job's name, taken apart: model, dataset version, config hash, attempt (0 is the first)."""

    model: str
    dataset: str
    config: str
    attempt: int


@dataclass(frozen=True)
class EndpointConfigName:
    """An endpoint config's name, taken apart: model, package version, config hash."""

    model: str
    version: int
    config: str


@dataclass(frozen=True)
class Names:
    """The names under one stack's prefix."""

    prefix: str

    def check(self, model: str) -> None:
        """Raise NameTooLong when the longest name of this model would pass SageMaker's limit, ReservedName when it
        ends like the name of another model's second endpoint."""
        if model.endswith(KINDS):
            raise ReservedName(
                f"model name {model!r} may not end in {' or '.join(KINDS)}: endpoints are named so"
            )
        room = LONGEST - JOB_SUFFIX - len(self.prefix) - 1
        if len(model) > room:
            raise NameTooLong(
                f"model name {model!r} has {len(model)} characters; with the stack prefix {self.prefix!r} "
                f"SageMaker's limit of {LONGEST} leaves {room}"
            )

    def package_group(self, model: str) -> str:
        return f"{self.prefix}-{model}"

    endpoint = experiment = package_group

    @property
    def command(self) -> str:
        """How an operator's command begins, which by itself speaks to a stack called `perennial`."""
        return "perennial" if self.prefix == "perennial" else f"perennial --stack {self.prefix}"

    def endpoint_of_kind(self, model: str, kind: str) -> str:
        """The second endpoint, which is built beside the first one when the kind changes."""
        return f"{self.prefix}-{model}-{kind}"

    def trial(self, model: str, dataset: str) -> str:
        return f"{self.prefix}-{model}-{dataset}"

    def training_job(self, model: str, dataset: str, config: str, attempt: int = 0) -> str:
        base = f"{self.prefix}-{model}-{dataset}-{config}"
        return f"{base}-r{attempt}" if attempt else base

    def analysis_job(self, model: str, window: Any, attempt: int = 0) -> str:
        """The Processing job of one window; `window` is whatever tells it from all others of the model."""
        base = f"{self.prefix}-{model}-w{digest(window, 12)}"
        return f"{base}-r{attempt}" if attempt else base

    def endpoint_config(self, model: str, version: int, config: str) -> str:
        return f"{self.prefix}-{model}-v{version}-{config}"

    def parse_training_job(self, name: str) -> TrainingJobName | None:
        """Take a job's name apart; None when it is not one of ours."""
        match = _JOB.match(name.removeprefix(self.prefix + "-")) if self._ours(name) else None
        if match is None:
            return None
        return TrainingJobName(match["model"], match["dataset"], match["config"], int(match["attempt"] or 0))

    def parse_endpoint_config(self, name: str) -> EndpointConfigName | None:
        """Take an endpoint config's name apart; None when it is not one of ours."""
        match = _CONFIG.match(name.removeprefix(self.prefix + "-")) if self._ours(name) else None
        return EndpointConfigName(match["model"], int(match["version"]), match["config"]) if match else None

    def model_of(self, group: str) -> str | None:
        """The model that a package group belongs to; None when it is not one of ours."""
        return group.removeprefix(self.prefix + "-") if self._ours(group) else None

    def model_of_endpoint(self, endpoint: str) -> str | None:
        """The model that an endpoint belongs to, the first or the second; None when it is not one of ours."""
        model = self.model_of(endpoint)
        ending = next((kind for kind in KINDS if model and model.endswith(kind)), "")
        return model.removesuffix(ending) if model else None

    def _ours(self, name: str) -> bool:
        return name.startswith(self.prefix + "-")
