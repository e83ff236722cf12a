"""What the registry keeps of a trained model. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from perennial import layout
from perennial.config import ModelConfig
from perennial.evaluation import Evaluation
from perennial.gate import Verdict
from perennial.monitoring.baselines import registered
from perennial.names import Names, TrainingJobName, digest
from perennial.training import TrainingJob

CONTENT_TYPES = ["text/csv", "application/json", "application/jsonlines"]
LONGEST_VALUE = 256  # of CustomerMetadataProperties
INSTANCE_TYPES = [
    "ml.m5.large",
    "ml.m5.xlarge",
    "ml.c5.large",
    "ml.c5.xlarge",
    "ml.m6g.large",
    "ml.c6g.large",
]


def package_request(
    job: TrainingJob,
    parsed: TrainingJobName,
    evaluation: Evaluation,
    verdict: Verdict,
    config: ModelConfig,
    bucket: str,
    names: Names,
    baseline: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The CreateModelPackage request. ClientToken makes a second one for the same job the same package.

    `baseline` maps the names of the baseline files to their S3 URIs.
    """
    tags = job.tags or {}
    code_version = tags.get("perennial:code-version", "unknown")
    evaluation_uri = f"s3://{bucket}/{layout.training_key(config.model, job.name, 'evaluation.json')}"
    report = {"ContentType": "application/json", "S3Uri": evaluation_uri}
    metrics: dict[str, Any] = {"ModelQuality": {"Statistics": report}}
    if evaluation.bias:
        metrics["Bias"] = {"Report": report}
    baselines, drift_check = registered(baseline or {})
    for kind, entries in baselines.items():
        metrics[kind] = {**metrics.get(kind, {}), **entries}
    request = {
        "ModelPackageGroupName": names.package_group(config.model),
        "ModelPackageDescription": description(f"{verdict.status}: {verdict.reason}"),
        "InferenceSpecification": {
            "Containers": [{"Image": job.image, "ModelDataUrl": job.artefact}],
            "SupportedContentTypes": CONTENT_TYPES,
            "SupportedResponseMIMETypes": CONTENT_TYPES,
            "SupportedRealtimeInferenceInstanceTypes": sorted({*INSTANCE_TYPES, config.endpoint.instance}),
        },
        "ModelApprovalStatus": verdict.status,
        "MetadataProperties": {"CommitId": code_version[:1024], "GeneratedBy": job.arn},
        "ModelMetrics": metrics,
        "CustomerMetadataProperties": _metadata(job, parsed, evaluation, verdict, config, bucket, tags),
        "ClientToken": hashlib.sha256(job.arn.encode()).hexdigest()[:36],
    }
    return request | ({"DriftCheckBaselines": drift_check} if drift_check else {})


def _metadata(
    job: TrainingJob,
    parsed: TrainingJobName,
    evaluation: Evaluation,
    verdict: Verdict,
    config: ModelConfig,
    bucket: str,
    tags: Mapping[str, str],
) -> dict[str, str]:
    given = dict(job.hyperparameters or {})
    dataset = f"s3://{bucket}/{layout.dataset_prefix(config.model, parsed.dataset)}"
    metadata = {
        "dataset-version": parsed.dataset,
        "dataset": dataset + "dataset.json",
        "drop": tags.get("perennial:drop", ""),
        "evaluation": f"s3://{bucket}/{layout.training_key(config.model, job.name, 'evaluation.json')}",
        "code-version": tags.get("perennial:code-version", "unknown"),
        "config-hash": parsed.config,
        "training-job": job.name,
        "champion": tags.get("perennial:champion", "none"),
        "gate": verdict.reason,
        "baselines": f"s3://{bucket}/{layout.training_key(config.model, job.name, 'baseline/')}",
        "hyperparameters-hash": digest(given, 12),
        "hyperparameters-uri": f"s3://{bucket}/{layout.training_key(config.model, job.name, 'hyperparameters.json')}",
        "holdout-rows": str(evaluation.rows.holdout),
    }
    # Small sets are readable in the console; large ones are in the file, and the hash tells them apart.
    inline = " ".join(f"{name}={value}" for name, value in sorted(given.items()))
    if len(inline) <= LONGEST_VALUE:
        metadata["hyperparameters"] = inline
    metadata |= {
        f"metric-{name}": f"{value:.6g}" for name, value in evaluation.metrics.items() if value is not None
    }
    return {key[:128]: plain(value)[:LONGEST_VALUE] for key, value in metadata.items() if value}


def description(text: str) -> str:
    """A description takes 1024 characters on one line, none of them for control or format (such as of a terminal)."""
    visible = "".join(" " if unicodedata.category(each).startswith("C") else each for each in text)
    return " ".join(visible.split())[:1024]


def plain(text: str) -> str:
    """A property takes letters, digits, blanks and `_.:/=+-@`; the full words are in the description and the ledger."""
    return " ".join(re.sub(r"[^\w\s.:/=+\-@]", " ", text).split())


def history_metadata(deployed_at: str, endpoint: str, config_name: str, outcome: str) -> dict[str, str]:
    """The deployment history on the package: one property an event, newest key last in order of time."""
    return {f"deployment-{deployed_at}": f"{outcome} on {endpoint} as {config_name}"[:LONGEST_VALUE]}


def with_history(existing: Mapping[str, str], entry: Mapping[str, str], most: int = 10) -> dict[str, str]:
    """Add an entry and forget the oldest ones: a package holds 50 properties; the ledger keeps everything."""
    history = sorted(key for key in {**existing, **entry} if key.startswith("deployment-"))
    forgotten = set(history[:-most])
    return {key: value for key, value in {**existing, **entry}.items() if key not in forgotten}
