"""What the outside world says to the container: hyperparameters, environment, content types, and its user."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from container_jobs import clean_environment

from perennial_container.errors import RequestError, TrainingError
from perennial_container.serving.media import ContentType, choose_answer, parse_content_type
from perennial_container.serving.server import Settings
from perennial_container.training.hyperparameters import Hyperparameters

MEBIBYTE = 1024 * 1024


def test_hyperparameters():
    """Reserved names become settings, all others the estimator's options, with their natural types."""
    given = {
        "holdout": "0.3",
        "seed": "7",
        "facet": "",
        "privileged": "1",
        "estimator": '"linear"',
        "num_leaves": "31",
        "l2": "0.5",
        "exact": "true",
        "name": "free text",
    }
    assert Hyperparameters.parse(given) == Hyperparameters(
        holdout=0.3,
        seed=7,
        privileged="1",
        estimator="linear",
        estimator_options={"num_leaves": 31, "l2": 0.5, "exact": True, "name": "free text"},
    )


@pytest.mark.parametrize("thresholds", ["40", "[40]", "40.0"])
def test_the_privileged_group_of_a_numeric_facet(thresholds: str):
    """With thresholds the privileged group is told by a number, and is the interval that it is in."""
    found = Hyperparameters.parse({"facet": "age", "facet_threshold": thresholds, "privileged": "30"})
    assert (found.facet_threshold, found.privileged) == ((40.0,), "(-inf, 40]")


@pytest.mark.parametrize(
    ("thresholds", "privileged", "reason"),
    [
        ("old", "30", "'old', expected a number"),
        ("[60, 25]", "30", "a list of ascending ones"),
        ("[]", "30", "expected a number"),
        ("[NaN]", "30", "expected a number"),
        ("true", "30", "expected a number"),
        ("40", "old", "hyperparameter 'privileged': 'old' is not a number of the privileged group"),
    ],
)
def test_thresholds_that_part_nothing(thresholds: str, privileged: str, reason: str):
    """A wrong threshold or privileged number is refused by its name."""
    with pytest.raises(TrainingError, match=re.escape(reason)):
        Hyperparameters.parse({"facet_threshold": thresholds, "privileged": privileged})


@pytest.mark.parametrize(("content", "settings"), [(None, Hyperparameters()), ("{}", Hyperparameters())])
def test_no_hyperparameters(tmp_path: Path, content: str | None, settings: Hyperparameters):
    """Without hyperparameters everything has its default."""
    path = tmp_path / "hyperparameters.json"
    if content is not None:
        path.write_text(content)
    assert Hyperparameters.read(path) == settings


@pytest.mark.parametrize("given", [{"seed": "x"}, {"seed": "-1"}, {"holdout": "nan"}, {"threshold": "1.1"}])
def test_impossible_hyperparameters(given: dict[str, str]):
    """A reserved hyperparameter out of its range is refused by name."""
    with pytest.raises(TrainingError, match=repr(next(iter(given)))):
        Hyperparameters.parse(given)


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        ({}, Settings("0.0.0.0", 8080, 25 * MEBIBYTE)),
        (
            {"SAGEMAKER_BIND_TO_PORT": "9000", "BIND_HOST": "127.0.0.1"},
            Settings("127.0.0.1", 9000, 25 * MEBIBYTE),
        ),
        ({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "6"}, Settings(body_limit=6 * MEBIBYTE)),
        ({"SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "8"}, Settings(transforms=8)),
        ({"SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "0"}, Settings(transforms=1)),
    ],
)
def test_server_settings(environment: dict[str, str], settings: Settings):
    """The server's address and limit come from the environment."""
    assert Settings.from_env(environment) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("SAGEMAKER_BIND_TO_PORT", value) for value in ("http", "0", "-1", "65536", "80.5", "nan", "1e99")),
        *(("SAGEMAKER_MAX_PAYLOAD_IN_MB", value) for value in ("0", "-6", "six", "inf")),
        *(("BODY_TIMEOUT_SECONDS", value) for value in ("0", "-1", "nan", "inf")),
        ("SAGEMAKER_MODEL_SERVER_TIMEOUT", "soon"),
        ("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", "many"),
    ],
)
def test_impossible_server_settings(name: str, value: str):
    """A setting that no server can have is refused by name, with what was expected."""
    with pytest.raises(ValueError, match=f"{name} is .*, expected"):
        Settings.from_env({name: value})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/csv", ContentType("csv")),
        ('Text/CSV ; charset="UTF-8"; header=Absent', ContentType("csv", header=False)),
        ("text/csv;header=present", ContentType("csv", header=True)),
        ("application/jsonl", ContentType("jsonlines")),
    ],
)
def test_content_type(value: str, expected: ContentType):
    """Content types are read in any case, with their parameters."""
    assert parse_content_type(value) == expected


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "csv"),
        ("", "csv"),
        ("*/*", "csv"),
        ("text/*", "csv"),
        ("application/*", "json"),
        ("application/json, */*;q=0.1", "json"),
        ("text/csv;q=0, */*", "json"),
        ("application/json;q=high, text/csv;q=0.2", "csv"),
    ],
)
def test_accept_header(accept: str | None, form: str):
    """The most specific range decides, then the quality, then the request's own form."""
    assert choose_answer(accept, "csv") == form


def test_accept_nothing():
    """An Accept that rules everything out is 406."""
    with pytest.raises(RequestError) as caught:
        choose_answer("*/*;q=0", "csv")
    assert caught.value.status == 406


DROP = """
import os, sys
from pathlib import Path
from perennial_container.privileges import drop_root
folder = os.open(sys.argv[1], os.O_RDONLY)
print(drop_root(os.environ, [Path(sys.argv[1])]))
print(os.geteuid(), os.fstat(folder).st_uid)
"""


@pytest.mark.parametrize("user", ["", "10001"])
def test_user(tmp_path: Path, user: str):
    """Started as root the container becomes the named user and owns its folders; else nothing changes."""
    command = [sys.executable, "-c", DROP, str(tmp_path)]
    environment = clean_environment(PERENNIAL_RUN_AS=user)
    said, ids = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    if user and os.geteuid() == 0:
        assert said == "started as root, going on as user 10001"
        assert ids == "10001 10001"
    else:
        assert said == "None"
        assert ids == f"{os.geteuid()} {tmp_path.stat().st_uid}"


@pytest.mark.parametrize("arguments", [[], ["analyse"], ["train", "serve"]])
def test_usage(arguments: list[str]):
    """Anything but one known command is a usage error."""
    command = [sys.executable, "-m", "perennial_container", *arguments]
    result = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "usage: perennial_container train|serve|analyze\n"
