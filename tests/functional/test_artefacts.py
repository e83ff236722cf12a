"""What `sam build` makes runs in Lambda: each function imports with boto3 and its layers, and nothing else."""

import os
import resource
import subprocess

import pytest
from cloudformation import functions, template

from stack import release
from stack.places import BUILD, python

MEGABYTES = 20
MEGABYTES_ANALYSIS = 150
MEGABYTES_API = 40
IMPORT_SECONDS = 0.5  # of CPU
# They have a layer of their own, for what does not fit in the 20 MB of the event functions.
LARGE = {"ParquetLayer", "AnalysisLayer", "WebLayer"}


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


def megabytes(built, logical_id):
    """Unzipped, with its layers."""
    files = [file for folder in folders(built, logical_id) for file in folder.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


@pytest.mark.parametrize("logical_id", [name for name in functions() if not LARGE & set(layers(name))])
def test_an_event_function_is_small(built, logical_id):
    """At most 20 MB unzipped with its layers: what a cold start has to fetch."""
    assert megabytes(built, logical_id) <= MEGABYTES


ANALYSTS = [name for name in functions() if "AnalysisLayer" in layers(name)]


@pytest.mark.parametrize("logical_id", ANALYSTS)
def test_an_analysing_function_is_not_large(built, logical_id):
    """At most 150 MB unzipped with its layers; Lambda's limit is 250."""
    assert megabytes(built, logical_id) <= MEGABYTES_ANALYSIS


@pytest.mark.parametrize("logical_id", ANALYSTS)
def test_the_analysis_library_imports_quickly(built, logical_id):
    """At most half a second of CPU beyond an interpreter that does nothing; the best of five."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(built / "AnalysisLayer" / "python")}

    def seconds(code):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([python("lambda"), "-B", "-c", code], env=environment, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    own = min(seconds("import perennial_analysis.window") for _ in range(5))
    assert own - min(seconds("pass") for _ in range(5)) <= IMPORT_SECONDS


def test_the_api_is_not_large(built):
    """FastAPI and what it needs: twice an event function at most."""
    assert megabytes(built, "Api") <= MEGABYTES_API


def test_the_layers_carry_byte_code(built):
    """/opt is read-only in Lambda: what is not compiled here is compiled in every cold start."""
    for layer in ("CoreLayer", "DependenciesLayer", "ParquetLayer", "AnalysisLayer", "WebLayer"):
        sources = {file for file in (built / layer).rglob("*.py") if file.stat().st_size}
        compiled = {
            file.parent.parent / (file.name.split(".")[0] + ".py") for file in (built / layer).rglob("*.pyc")
        }
        assert not sources - compiled, layer
