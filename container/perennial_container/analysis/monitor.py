"""Model Monitor's contract for containers of one's own: a baseline, or a window held against one."""

from collections.abc import Mapping

from perennial_analysis.readers.losses import Losses
from perennial_container.analysis.data_quality import data_quality
from perennial_container.analysis.findings import metric_lines
from perennial_container.analysis.model_quality import model_quality
from perennial_container.analysis.settings import Settings
from perennial_container.errors import AnalysisError
from perennial_container.paths import Paths


def run(paths: Paths, environment: Mapping[str, str]) -> str:
    """Analyse what the environment names; returns the exit message."""
    if len(paths.config("resourceconfig").get("hosts") or ()) > 1:
        raise AnalysisError("Model Monitor's contract is for one instance: set InstanceCount to 1")
    settings, losses = Settings.read(environment, paths), Losses()
    findings = (data_quality if settings.problem is None else model_quality)(settings, losses)
    settings.output.mkdir(parents=True, exist_ok=True)
    for name, content in findings.files.items():
        (settings.output / name).write_bytes(content)
    if settings.publish and findings.violations is not None:
        paths.cloudwatch.parent.mkdir(parents=True, exist_ok=True)
        paths.cloudwatch.write_text(metric_lines(findings.metrics, settings), encoding="utf-8")
    return findings.message(losses)
