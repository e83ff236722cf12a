"""Names are deterministic and come apart again; a package carries what a person needs, within SageMaker's limits."""

import json
import re

import pytest
from fakes import NAMES, NOW, config
from hypothesis import given
from hypothesis import strategies as st

from perennial import layout
from perennial.errors import NameTooLong
from perennial.evaluation import Evaluation
from perennial.gate import Verdict
from perennial.names import Names, digest
from perennial.registration import description, package_request, with_history
from perennial.training import TrainingJob

models = st.lists(st.text("abc019", min_size=1, max_size=6), min_size=1, max_size=4).map("-".join)
hexes = st.text("0123456789abcdef", min_size=12, max_size=12)


@given(models, hexes, hexes, st.integers(0, 99))
def test_training_job_names_come_apart(model, dataset, config_hash, attempt):
    """Whatever the model is called, a job's name gives back what it was made of, within 63 characters."""
    name = NAMES.training_job(model, dataset, config_hash[:6], attempt)
    parsed = NAMES.parse_training_job(name)
    assert (model, dataset, config_hash[:6], attempt) == (
        parsed.model,
        parsed.dataset,
        parsed.config,
        parsed.attempt,
    )
    assert len(name) <= 63


@given(models, st.integers(1, 9999), hexes)
def test_endpoint_config_names_come_apart(model, version, config_hash):
    """An endpoint config's name tells model and version."""
    parsed = NAMES.parse_endpoint_config(NAMES.endpoint_config(model, version, config_hash[:6]))
    assert (model, version) == (parsed.model, parsed.version)


@pytest.mark.parametrize(
    "name", ["other-mortgage-0123456789ab-012345", "perennial-mortgage", "perennial-", ""]
)
def test_other_names_are_not_ours(name):
    """A name of another stack or of another make is left alone."""
    assert NAMES.parse_training_job(name) is None
    assert NAMES.parse_endpoint_config(name) is None


def test_a_model_name_must_fit_behind_the_prefix():
    """SageMaker's 63 characters are shared between the stack's prefix and the model's name."""
    Names("perennial").check("m" * 29)
    with pytest.raises(NameTooLong, match="leaves 29"):
        Names("perennial").check("m" * 30)


@given(st.dictionaries(st.text(max_size=5), st.integers()))
def test_digest_ignores_the_order_of_keys(value):
    """The same settings in another order are the same settings."""
    assert digest(value) == digest(dict(reversed(value.items())))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("models/m/drops/d/_SUCCESS", ("m", "d", "marker")),
        ("models/m/drops/d/manifest.json", ("m", "d", "marker")),
        ("models/m/drops/d/part-0.csv", ("m", "d", "part")),
        ("models/m/drops/d/sub/_SUCCESS", ("m", "d", "part")),
        ("models/m/drops/a.csv", ("m", "a.csv", "file")),
        ("models/m/drops/A.PARQUET", ("m", "A.PARQUET", "file")),
        ("models/m/drops/data.csv.gz", ("m", "data.csv.gz", "stray")),
        ("models/m/drops/_SUCCESS", None),
        ("models/m/drops/d/", None),
        ("models/m/drops/", None),
        ("models/m/datasets/v/manifest.json", None),
        ("elsewhere/m/drops/a.csv", None),
    ],
)
def test_parse_drop_key(key, expected):
    """A key tells whether it closes a drop, is one, or is a part of one."""
    found = layout.parse_drop_key(key)
    assert expected == ((found.model, found.drop, found.role) if found else None)


def _request(hyperparameters):
    name = NAMES.training_job("mortgage", "0123456789ab", "012345")
    job = TrainingJob(
        name,
        f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}",
        "Completed",
        NOW,
        artefact="s3://data/model.tar.gz",
        image="image@sha256:1",
        hyperparameters=hyperparameters,
        tags={"perennial:drop": "monday", "perennial:code-version": "abc123", "perennial:champion": "3"},
    )
    evaluation = Evaluation.model_validate(
        {
            "problem": "binary_classification",
            "target": "deny",
            "estimator": "gradient_boosting",
            "rows": {"total": 10, "training": 8, "holdout": 2},
            "metrics": {"auc": 0.9, "f1": None},
        }
    )
    verdict = Verdict("Approved", "because (it's better); " * 100)
    return package_request(job, NAMES.parse_training_job(name), evaluation, verdict, config(), "data", NAMES)


def test_a_package_carries_its_origin():
    """Dataset, drop, code, settings, champion, metrics and the job can be read off the package."""
    request = _request({"num_leaves": "31"})
    metadata = request["CustomerMetadataProperties"]
    assert {
        "dataset-version": "0123456789ab",
        "drop": "monday",
        "code-version": "abc123",
        "config-hash": "012345",
        "champion": "3",
        "metric-auc": "0.9",
        "hyperparameters": "num_leaves=31",
    }.items() <= metadata.items()
    assert "metric-f1" not in metadata
    assert request["MetadataProperties"]["GeneratedBy"].endswith(metadata["training-job"])


def test_a_package_keeps_within_sagemakers_limits():
    """256 characters a property, 50 properties, 36 characters of token, 1024 of description."""
    request = _request({f"parameter-{n}": "x" * 200 for n in range(80)})
    metadata = request["CustomerMetadataProperties"]
    assert max(len(value) for value in metadata.values()) <= 256
    assert len(metadata) <= 40
    assert all(re.fullmatch(r"[\w\s.:/=+\-@]*", text) for pair in metadata.items() for text in pair)
    assert len(request["ClientToken"]) <= 36
    assert len(request["ModelPackageDescription"]) <= 1024
    assert "hyperparameters" not in metadata
    assert metadata["hyperparameters-uri"].endswith("hyperparameters.json")


def test_a_description_is_one_line_of_what_can_be_seen():
    """SageMaker's pattern has no control and format characters; what a container says of a champion may hold them."""
    assert description("Approved: \x1b[31mno\x1b[0m model.json\n\tin it\u200b, \xe9t\xe9 \u2265 0.8 ") == (
        "Approved: [31mno [0m model.json in it , \xe9t\xe9 \u2265 0.8"
    )


def test_a_command_in_a_message_names_its_stack():
    """Whoever copies it from a message of another stack than `perennial` does not ask the wrong one."""
    assert ("perennial", "perennial --stack fraud") == (Names("perennial").command, Names("fraud").command)


def test_history_forgets_the_oldest():
    """The package keeps the last ten deployments; the other properties stay."""
    properties = {"drop": "monday"}
    for minute in range(15):
        properties = with_history(properties, {f"deployment-2026-03-01T12-{minute:02}-00Z": "InService"})
    kept = sorted(key for key in properties if key.startswith("deployment-"))
    assert (10, "deployment-2026-03-01T12-05-00Z") == (len(kept), kept[0])
    assert "monday" == properties["drop"]
    assert json.dumps(properties)
