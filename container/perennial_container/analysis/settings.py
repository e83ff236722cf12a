"""What Model Monitor tells its containers, in its environment variables.

Source: AWS developer guide, "Container contract inputs"; names that only the SageMaker SDK sets are from its
model_monitoring module.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from perennial_container.errors import AnalysisError
from perennial_container.paths import Paths

SOURCE = "dataset_source"
Kind = Literal["csv", "json", "parquet", "capture"]
KINDS: Mapping[str, Kind] = {
    "csv": "csv",
    "json": "json",
    "parquet": "parquet",
    "sagemakercapturejson": "capture",
    "sagemakermergejson": "capture",
}
Problem = Literal["binary_classification", "multiclass_classification", "regression"]
PROBLEMS: Mapping[str, Problem] = {
    "BinaryClassification": "binary_classification",
    "MulticlassClassification": "multiclass_classification",
    "Regression": "regression",
}
UNSUPPORTED = ("record_preprocessor_script", "post_analytics_processor_script")


@dataclass(frozen=True)
class Format:
    """How the data is written. `header` is of CSV; `inputs`, `outputs` are the sides of captured traffic to look at."""

    kind: Kind
    header: bool = False
    inputs: bool = True
    outputs: bool = True


@dataclass(frozen=True)
class Attributes:
    """Where a dataset or an answer has what is predicted: a column's name or place, or the end of a JMESPath."""

    label: str | None = None
    prediction: str | None = None
    probability: str | None = None
    threshold: float = 0.5


@dataclass(frozen=True)
class Settings:
    """One job. Without constraints or statistics to compare with it makes a baseline."""

    format: Format
    source: Path
    output: Path
    constraints: Path | None = None
    statistics: Path | None = None
    start: datetime | None = None
    end: datetime | None = None
    endpoint: str | None = None
    schedule: str | None = None
    publish: bool = False
    problem: Problem | None = None
    attributes: Attributes = Attributes()
    categorical_drift: str | None = None
    """The method that a new baseline shall name, other than our own."""

    @property
    def makes_baseline(self) -> bool:
        return self.constraints is None and self.statistics is None

    @classmethod
    def read(cls, given: Mapping[str, str], paths: Paths) -> Self:
        """Raises AnalysisError for what is missing, unknown, or not supported here."""
        for name in UNSUPPORTED:
            if given.get(name):
                raise AnalysisError(
                    f"{name} is not supported by this image: prepare the data before it is analysed"
                )
        output = given.get("output_path")
        return cls(
            format=_format(given.get("dataset_format")),
            source=paths.local(given[SOURCE]),
            output=paths.local(output) if output else paths.processing_output,
            constraints=_file(given, "baseline_constraints", paths),
            statistics=_file(given, "baseline_statistics", paths),
            start=_time(given, "start_time"),
            end=_time(given, "end_time"),
            endpoint=given.get("sagemaker_endpoint_name") or None,
            schedule=given.get("sagemaker_monitoring_schedule_name") or None,
            publish=given.get("publish_cloudwatch_metrics", "").strip().lower() == "enabled",
            problem=_problem(given),
            attributes=Attributes(
                given.get("ground_truth_attribute") or None,
                given.get("inference_attribute") or None,
                given.get("probability_attribute") or None,
                _threshold(given.get("probability_threshold_attribute")),
            ),
            categorical_drift=given.get("categorical_drift_method") or None,
        )


def _format(text: str | None) -> Format:
    """Both spellings that AWS has: {"csv": {"header": true}} and the API's {"Csv": {"Header": true}}."""
    try:
        ((name, options),) = json.loads(text or "{}").items()
        kind = KINDS[name.lower()]
        found = {key.lower(): value for key, value in (options or {}).items()}
    except (ValueError, KeyError, AttributeError) as error:
        raise AnalysisError(
            f'dataset_format is {text!r}, expected JSON such as {{"csv": {{"header": true}}}}; '
            f"known are {', '.join(KINDS)}"
        ) from error
    if kind == "json" and not _true(found.get("lines", found.get("line", True))):
        raise AnalysisError("dataset_format: of JSON only JSON Lines are read: an object a line")
    sides = [str(side).lower() for side in found.get("captureindexnames") or ("input", "output")]
    return Format(
        kind,
        _true(found.get("header", False)),
        any("input" in side for side in sides),
        any("output" in side for side in sides),
    )


def _true(value: Any) -> bool:
    return str(value).strip().lower() == "true"


def _file(given: Mapping[str, str], name: str, paths: Paths) -> Path | None:
    if not given.get(name):
        return None
    file = paths.local(given[name])
    if not file.is_file():
        raise AnalysisError(f"{name} is {given[name]!r}, which is not a file here")
    return file


def _time(given: Mapping[str, str], name: str) -> datetime | None:
    """AWS's documentation prints these times with blanks: 2019-12-01T16: 20: 00Z."""
    text = "".join(given.get(name, "").split())
    if not text:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise AnalysisError(
            f"{name} is {given[name]!r}, expected a time such as 2026-11-23T04:00:00Z"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _problem(given: Mapping[str, str]) -> Problem | None:
    """None for data quality."""
    kind = (given.get("analysis_type") or "DATA_QUALITY").strip().upper()
    if kind == "DATA_QUALITY":
        return None
    if kind != "MODEL_QUALITY":
        raise AnalysisError(f"analysis_type is {kind!r}; this image knows DATA_QUALITY and MODEL_QUALITY")
    problem = given.get("problem_type", "").strip()
    if problem not in PROBLEMS:
        raise AnalysisError(f"problem_type is {problem!r}; known are {', '.join(PROBLEMS)}")
    return PROBLEMS[problem]


def _threshold(text: str | None) -> float:
    try:
        return float(text) if text else 0.5
    except ValueError as error:
        raise AnalysisError(f"probability_threshold_attribute is {text!r}, expected a number") from error
