"""The reaction with the real library: captured records as AWS writes them, in the end a report."""

import json
import random
from datetime import timedelta

import numpy as np
import pytest
from fakes import NOW
from monitoring.watched_model import CAPTURE, HOUR, MINUTE, REPORT_NOON, REPORTS, tick, watched

from perennial.aws.analyst import AnalysisLibrary
from perennial.monitoring.summary import Summary
from perennial_analysis.columns import Column
from perennial_analysis.window.baseline import baseline

SCHEMA = {
    "version": 1,
    "problem": "binary_classification",
    "target": "deny",
    "classes": ["no", "yes"],
    "format": "csv",
    "rows": 2000,
    "drop": [],
    "features": [{"name": "ratio", "type": "float", "nullable": False}],
}


@pytest.fixture
def world():
    """A model that learnt from ratios around 0.5, with the library in place of its fake."""
    world = watched()
    world.analyst = AnalysisLibrary()
    values = np.random.default_rng(0).normal(0.5, 0.1, 2000)
    column = Column("ratio", "Fractional", values, np.isnan(values))
    files = baseline({"ratio": column}, None, problem="binary_classification", target="deny")
    for name, body in files.items():
        world.bucket.write(f"models/mortgage/trainings/job/baseline/{name}", body)
    metadata = world.registry.described[world.registry.versions("mortgage")[0].arn]["DriftCheckBaselines"]
    folder = "s3://data/models/mortgage/trainings/job/baseline/"
    metadata["ModelDataQuality"]["Constraints"] = {"S3Uri": folder + "constraints.json"}
    world.bucket.write("models/mortgage/datasets/0123456789ab/schema.json", json.dumps(SCHEMA).encode())
    return world


def record(number, ratio, at):
    return json.dumps(
        {
            "captureData": {
                "endpointInput": {
                    "observedContentType": "text/csv",
                    "mode": "INPUT",
                    "data": f"{ratio}\n",
                    "encoding": "CSV",
                },
                "endpointOutput": {
                    "observedContentType": "text/csv; charset=utf-8",
                    "mode": "OUTPUT",
                    "data": "no,0.2",
                    "encoding": "CSV",
                },
            },
            "eventMetadata": {"eventId": f"e{number}", "inferenceTime": f"{at:%Y-%m-%dT%H:%M:%SZ}"},
            "eventVersion": "0",
        }
    )


def traffic(world, mean, count=1000, at=NOW + 5 * MINUTE, extra=()):
    chance = random.Random(1)
    lines = [
        record(n, round(chance.gauss(mean, 0.1), 4), at + n * timedelta(seconds=2)) for n in range(count)
    ]
    key = f"{CAPTURE}{at:%Y/%m/%d/%H}/05-00-000-a.jsonl"
    world.bucket.write(key, "\n".join([*lines, *extra]).encode())
    world.bucket.times[key] = at + 35 * MINUTE


def summary(world):
    return Summary.model_validate_json(world.bucket.bodies[REPORTS + REPORT_NOON + "summary.json"])


@pytest.mark.parametrize(("mean", "status"), [(0.5, "ok"), (0.6, "violations")])
def test_drift(world, mean, status):
    """The same traffic is quiet; traffic that has moved is told, with the feature that moved."""
    traffic(world, mean)
    tick(world, NOW + HOUR + 10 * MINUTE)
    found = summary(world)
    assert (status, 1000, "perennial-mortgage-data-quality") == (found.status, found.records, found.schedule)
    assert (status == "violations") == ("ratio" in {violation.feature for violation in found.violations})
    assert b"<html" in world.bucket.bodies[REPORTS + REPORT_NOON + "report.html"].lower()
    values = {point.name: point.value for point in world.metrics.points}
    assert (1000.0, float(len(found.violations))) == (values["records"], values["violations"])


def test_broken_records(world):
    """They are counted and shown, and judge nobody."""
    traffic(world, 0.5, extra=["{", '{"captureData": 7}', "not json"])
    tick(world, NOW + HOUR + 10 * MINUTE)
    found = summary(world)
    assert ("ok", 3, 1000) == (found.status, found.broken.count, found.records)
    assert "05-00-000-a.jsonl" in found.broken.examples[0]


def test_an_hour_without_traffic(world):
    """An explicit empty report."""
    tick(world, NOW + HOUR + 10 * MINUTE)
    assert "empty" == summary(world).status


def test_a_version_without_baselines(world):
    """A version registered by hand is watched, and the report says that there is nothing to compare with."""
    world.registry.described.clear()
    traffic(world, 0.5)
    tick(world, NOW + HOUR + 10 * MINUTE)
    assert "no_baseline" == summary(world).status
