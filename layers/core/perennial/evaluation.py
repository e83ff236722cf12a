"""evaluation.json, as the container's `train` writes it: the figures of a candidate on its holdout."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from perennial.metrics import Problem


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Difference(_Part):
    """Candidate minus champion on the same rows, with its standard error (paired bootstrap)."""

    value: float
    standard_error: float | None = None


class ChampionScore(_Part):
    """The model in service on the candidate's holdout; or why it could not be scored."""

    version: str | None = None
    metrics: dict[str, float] = {}
    difference: dict[str, Difference] = {}
    error: str | None = None


class Bias(_Part):
    """Bias metrics of the candidate's predictions; a metric that could not be computed is None."""

    facet: str
    privileged: str
    metrics: dict[str, float | None] = {}
    groups: dict[str, int] = {}


class Rows(_Part):
    total: int
    training: int
    holdout: int


class Evaluation(_Part):
    problem: Problem
    target: str
    estimator: str
    hyperparameters: dict[str, object] = {}
    rows: Rows
    metrics: dict[str, float | None]
    champion: ChampionScore | None = None
    bias: Bias | None = None
