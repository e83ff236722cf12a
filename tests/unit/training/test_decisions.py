"""One training per model at a time, never twice for the same data and settings, and retries only where they help."""

from datetime import timedelta

import pytest
from fakes import NAMES, NOW, config

from perennial.training import Champion, Dataset, Platform, TrainingJob, after_failure, job_request, plan

CONFIG = config()
HASH = CONFIG.training_hash
OLD = Dataset("a" * 12, "monday", "csv", NOW - timedelta(days=1), NOW)
NEW = Dataset("b" * 12, "tuesday", "csv", NOW, NOW)
PLATFORM = Platform("data", "image@sha256:1", "arn:aws:iam::123456789012:role/train", "abc123")


def job(dataset, status="Completed", attempt=0, age=timedelta(hours=1), digest=HASH):
    return TrainingJob(
        NAMES.training_job("mortgage", dataset.version, digest, attempt), "arn", status, NOW - age
    )


@pytest.mark.parametrize(
    ("datasets", "jobs", "changes", "start", "settled"),
    [
        pytest.param([], [], {}, None, True, id="no data"),
        pytest.param([NEW], [], {}, NEW, False, id="new data"),
        pytest.param([OLD, NEW], [job(OLD)], {}, NEW, False, id="newer data"),
        pytest.param([OLD, NEW], [job(NEW)], {}, None, True, id="the newest is trained"),
        pytest.param(
            [NEW], [job(NEW, "Failed", 1)], {}, None, True, id="failed: register decides on retries"
        ),
        pytest.param(
            [NEW], [job(NEW, digest="0" * 6)], {}, NEW, False, id="the same data with other settings"
        ),
        pytest.param([OLD, NEW], [job(OLD, "InProgress")], {}, None, False, id="one at a time"),
        pytest.param(
            [OLD, NEW],
            [job(OLD, age=timedelta(minutes=5))],
            {"cooldown_minutes": 30},
            None,
            False,
            id="cooldown",
        ),
        pytest.param(
            [OLD, NEW],
            [job(OLD, age=timedelta(minutes=31))],
            {"cooldown_minutes": 30},
            NEW,
            False,
            id="after cooldown",
        ),
    ],
)
def test_plan(datasets, jobs, changes, start, settled):
    """The newest dataset is trained on when nothing else of the model is in flight."""
    settings = config(training=changes)
    decision = plan(datasets, jobs, settings, NAMES, NOW)
    expected = NAMES.training_job("mortgage", start.version, settings.training_hash) if start else None
    assert (expected, settled) == (decision.start, decision.settled), decision.reason


@pytest.mark.parametrize(
    ("reason", "secondary", "attempt", "expected"),
    [
        pytest.param(
            "CapacityError: Unable to provision requested ML compute capacity.", "Failed", 0, 1, id="capacity"
        ),
        pytest.param(
            "InternalServerError: We encountered an internal error.", "Failed", 1, 2, id="internal error"
        ),
        pytest.param("", "MaxWaitTimeExceeded", 0, 1, id="spot never came"),
        pytest.param("", "Interrupted", 0, 1, id="spot was taken away"),
        pytest.param("CapacityError: no capacity", "Failed", 2, None, id="retries used up"),
        pytest.param("AlgorithmError: target has one class", "Failed", 0, None, id="bad data"),
        pytest.param("", "MaxRuntimeExceeded", 0, None, id="too slow"),
    ],
)
def test_after_failure(reason, secondary, attempt, expected):
    """What lies with AWS is tried again, what lies with data or code is not."""
    failed = TrainingJob("name", "arn", "Failed", NOW, secondary, reason)
    assert expected == after_failure(failed, attempt, max_retries=2).attempt


def test_job_request_pins_everything():
    """The request names the manifest, the schema and the champion, and every hyperparameter is a string."""
    settings = config(
        training={"hyperparameters": {"num_leaves": 31, "extra_trees": True}},
        monitors={"bias": {"facet": "afam", "privileged": "no"}},
    )
    request = job_request("job", NEW, settings, Champion(3, "s3://data/v3.tar.gz"), PLATFORM, NAMES)
    sources = {
        channel["ChannelName"]: (
            channel["DataSource"]["S3DataSource"]["S3DataType"],
            channel["DataSource"]["S3DataSource"]["S3Uri"],
        )
        for channel in request["InputDataConfig"]
    }
    folder = "s3://data/models/mortgage/datasets/bbbbbbbbbbbb/"
    assert {
        "training": ("ManifestFile", folder + "manifest.json"),
        "schema": ("S3Prefix", folder + "schema.json"),
        "dataset": ("S3Prefix", folder + "dataset.json"),
        "champion": ("S3Prefix", "s3://data/v3.tar.gz"),
    } == sources
    assert {
        "holdout": "0.2",
        "seed": "0",
        "estimator": "gradient_boosting",
        "facet": "afam",
        "privileged": "no",
        "champion_version": "3",
        "num_leaves": "31",
        "extra_trees": "true",
    } == request["HyperParameters"]


def test_a_numeric_facet_goes_to_the_job_with_its_thresholds():
    """The job gets thresholds as JSON, and of the privileged group the number that model.yaml tells it by."""
    bias = {"facet": "age", "facet_threshold": [25, 60.5], "privileged": 40}
    request = job_request("job", NEW, config(monitors={"bias": bias}), None, PLATFORM, NAMES)
    found = {name: request["HyperParameters"][name] for name in ("facet", "facet_threshold", "privileged")}
    assert found == {"facet": "age", "facet_threshold": "[25.0, 60.5]", "privileged": "40"}


def test_spot_waits_longer_than_it_runs():
    """SageMaker asks for MaxWaitTime of at least MaxRuntime with spot, and for none without."""
    spot = job_request("job", NEW, config(), None, PLATFORM, NAMES)["StoppingCondition"]
    plain = job_request("job", NEW, config(training={"spot": False}), None, PLATFORM, NAMES)[
        "StoppingCondition"
    ]
    assert spot["MaxWaitTimeInSeconds"] >= spot["MaxRuntimeInSeconds"]
    assert "MaxWaitTimeInSeconds" not in plain


def test_retries_share_their_checkpoints():
    """A retry goes on where the interrupted attempt stopped."""
    first, second = (
        job_request(name, NEW, CONFIG, None, PLATFORM, NAMES)["CheckpointConfig"]["S3Uri"]
        for name in ("job", "job-r1")
    )
    assert first == second


def test_tags_take_any_drop_name():
    """A drop's folder may be called anything; a tag's value may not."""
    odd = Dataset("c" * 12, "March,\t2026 (final)!\n", "csv", NOW, NOW)
    tags = {
        tag["Key"]: tag["Value"] for tag in job_request("job", odd, CONFIG, None, PLATFORM, NAMES)["Tags"]
    }
    assert "March__2026 _final___" == tags["perennial:drop"]


def test_mlflow_where_the_model_asks():
    """The run is logged to the tracking server that the model names, and to none otherwise."""
    server = "arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/team"
    request = job_request(
        "job", NEW, config(training={"mlflow_tracking_server": server}), None, PLATFORM, NAMES
    )
    assert server == request["MlflowConfig"]["MlflowResourceArn"]
    assert "MlflowConfig" not in job_request("job", NEW, CONFIG, None, PLATFORM, NAMES)
