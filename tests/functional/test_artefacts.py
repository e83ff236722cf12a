"""What `sam build` makes runs in Lambda: each function imports with boto3 and its layers, and nothing else."""

import os
import subprocess

import pytest
from cloudformation import functions, template

from stack import release
from stack.places import BUILD, python

MEGABYTES = 20


@pytest.fixture(scope="module")
def built():
    """The checkout's build, made by the real SAM CLI if it is not there."""
    release.build()
    return BUILD


def layers(logical_id):
    shared = template()["Globals"]["Function"]["Layers"]
    return [name.strip("<>") for name in [*shared, *functions()[logical_id].get("Layers", [])]]


def folders(built, logical_id):
    return [built / logical_id, *(built / layer / "python" for layer in layers(logical_id))]


@pytest.mark.parametrize("logical_id", functions())
def test_a_built_function_imports_with_its_layers_alone(built, logical_id):
    """A package that only this machine has would be missing in the cloud."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join(map(str, folders(built, logical_id))),
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "Perennial",
    }
    code = "import handler; assert callable(handler.lambda_handler)"
    done = subprocess.run(
        [python("lambda"), "-B", "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize("logical_id", [name for name in functions() if not name.endswith("FromParquet")])
def test_an_event_function_is_small(built, logical_id):
    """At most 20 MB unzipped with its layers: what a cold start has to fetch."""
    files = [file for folder in folders(built, logical_id) for file in folder.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) / 1e6 <= MEGABYTES


def test_the_layers_carry_byte_code(built):
    """/opt is read-only in Lambda: what is not compiled here is compiled in every cold start."""
    for layer in ("CoreLayer", "DependenciesLayer", "ParquetLayer"):
        sources = {file for file in (built / layer).rglob("*.py") if file.stat().st_size}
        compiled = {
            file.parent.parent / (file.name.split(".")[0] + ".py") for file in (built / layer).rglob("*.pyc")
        }
        assert not sources - compiled, layer
