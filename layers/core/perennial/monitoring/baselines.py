"""What a monitor compares with: the baseline files of a version, as the registry names them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

JSON = "application/json"
# SageMaker's places for baselines: (kind, entry, file).
_DRIFT_CHECK = (
    ("ModelDataQuality", "Statistics", "statistics.json"),
    ("ModelDataQuality", "Constraints", "constraints.json"),
    ("ModelQuality", "Statistics", "model_quality_statistics.json"),
    ("ModelQuality", "Constraints", "model_quality_constraints.json"),
    ("Bias", "PreTrainingConstraints", "bias_analysis.json"),
    ("Bias", "PostTrainingConstraints", "bias_analysis.json"),
)
_METRICS = (*_DRIFT_CHECK[:4], ("Bias", "Report", "bias_analysis.json"))
# SageMaker has no place for these: they lie beside the others.
BESIDE = ("errors.json", "calibration.json")
_DEPLOYED = re.compile(r"^deployment-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)$")


@dataclass(frozen=True)
class Version:
    """A version as its monitors need it: `files` maps the name of a baseline file to its S3 URI."""

    number: int
    dataset: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    deployed: tuple[datetime, ...] = ()


def registered(uris: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """ModelMetrics and DriftCheckBaselines of CreateModelPackage, for the files that there are."""
    return _placed(_METRICS, uris), _placed(_DRIFT_CHECK, uris)


def _placed(places: Iterable[tuple[str, str, str]], uris: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, entry, name in places:
        if name in uris:
            found.setdefault(kind, {})[entry] = {"ContentType": JSON, "S3Uri": uris[name]}
    return found


def version_of(package: Mapping[str, Any]) -> Version:
    """Read DescribeModelPackage's answer. A version without baselines has no files."""
    metadata = package.get("CustomerMetadataProperties") or {}
    files: dict[str, str] = {}
    for places, section in ((_METRICS, "ModelMetrics"), (_DRIFT_CHECK, "DriftCheckBaselines")):
        for kind, entry, name in places:
            uri = ((package.get(section) or {}).get(kind) or {}).get(entry, {}).get("S3Uri")
            # Older versions name their evaluation where model quality's statistics stand now.
            if uri and uri.endswith("/" + name):
                files[name] = uri
    if files and (folder := metadata.get("baselines")):
        files |= {name: folder + name for name in BESIDE}
    deployed = sorted(
        datetime.strptime(match[1], "%Y-%m-%dT%H-%M-%SZ").replace(tzinfo=UTC)
        for key, value in metadata.items()
        if (match := _DEPLOYED.match(key)) and value.startswith("InService")
    )
    return Version(
        int(package["ModelPackageVersion"]), metadata.get("dataset-version"), files, tuple(deployed)
    )


def serving_at(moment: datetime, serving: Version, others: Iterable[Version]) -> Version:
    """The version that served then; the one serving now, if history does not say otherwise.

    `others` may be lazy: they are only looked at when the present version came into service later.
    """
    if not serving.deployed or serving.deployed[-1] <= moment:
        return serving
    known = [serving, *others]
    before = [(at, version) for version in known for at in version.deployed if at <= moment]
    return max(before, key=lambda item: item[0])[1] if before else serving
