"""The requests around the analysis of traffic are such that AWS's own service models accept them."""

import pytest
from fakes import NAMES, NOW, config
from shapes import EVALUATION, check

from perennial.gate import Verdict
from perennial.monitoring.baselines import version_of
from perennial.monitoring.processing import job_request
from perennial.registration import package_request
from perennial.training import Platform, TrainingJob

PLATFORM = Platform(
    "data",
    "image@sha256:1",
    "arn:aws:iam::123456789012:role/training",
    "abc",
    "arn:aws:iam::123456789012:role/p",
)
FILES = ("statistics.json", "constraints.json", "model_quality_statistics.json", "bias_analysis.json")


@pytest.mark.parametrize("baseline", [None, "s3://data/models/mortgage/trainings/job/baseline/"])
@pytest.mark.parametrize("labels", [True, False])
def test_processing_job(baseline, labels):
    """CreateProcessingJob takes what we build, with and without labels and baseline."""
    name = NAMES.analysis_job("m" * 30, ["window#data_quality#2026-03-01T12:00:00Z", None], 1)
    assert len(name) <= 63
    folder = "s3://data/models/mortgage/reports/data_quality/2026/03/01/1200/"
    request = job_request(
        name, "window#data_quality#2026-03-01T12:00:00Z", "mortgage", folder, baseline, labels, 2, PLATFORM
    )
    check("sagemaker", "CreateProcessingJob", request)
    given = {item["InputName"] for item in request["ProcessingInputs"]}
    assert given == {"request", "capture"} | ({"labels"} if labels else set()) | (
        {"baseline"} if baseline else set()
    )


def test_model_package_with_baselines():
    """CreateModelPackage takes the baselines, and they are found again in what DescribeModelPackage answers."""
    name = NAMES.training_job("mortgage", "0123456789ab", "012345")
    job = TrainingJob(
        name,
        f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}",
        "Completed",
        NOW,
        artefact="s3://data/m",
    )
    folder = f"s3://data/models/mortgage/trainings/{name}/baseline/"
    uris = {file: folder + file for file in FILES}
    parsed = NAMES.parse_training_job(name)
    request = package_request(
        job, parsed, EVALUATION, Verdict("Approved", "gate"), config(), "data", NAMES, uris
    )
    check("sagemaker", "CreateModelPackage", request)
    assert request["ModelMetrics"]["Bias"]["Report"]["S3Uri"] == folder + "bias_analysis.json"
    found = version_of({**request, "ModelPackageVersion": 1})
    assert uris.items() <= dict(found.files).items()
    assert found.dataset == "0123456789ab"
