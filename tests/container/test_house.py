"""Rules that keep the container's parts and pages in step."""

import re
import subprocess
import sys

import pytest
from container_jobs import CONTAINER, clean_environment

from perennial_container.estimators import ESTIMATORS, find_estimator
from perennial_container.handlers import HANDLERS

ROOT = CONTAINER.parent
SOURCES = sorted((CONTAINER / "perennial_container").rglob("*.py"))
PAGE = (ROOT / "docs" / "container.md").read_text()
REQUIREMENTS = {path.stem: path.read_text() for path in (CONTAINER / "requirements").glob("*.txt")}


def test_serving_is_light():
    """The server imports nothing that only training needs, and nothing heavy."""
    code = "import sys, perennial_container.serving.server; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    modules = subprocess.run(
        command, env=clean_environment(), capture_output=True, text=True, check=True
    ).stdout
    heavy = {"pandas", "sklearn", "scipy", "pyarrow", "onnx", "xgboost", "pickle5", "joblib"}
    assert heavy.isdisjoint(modules.split())


def test_no_pickle():
    """No source opens or writes a format that runs code."""
    for source in SOURCES:
        assert not re.search(r"pickle|joblib|cloudpickle|allow_pickle|marshal", source.read_text()), source


def test_small_files():
    """A file is read in one go."""
    for source in SOURCES:
        assert len(source.read_text().splitlines()) <= 300, source


PIN = re.compile(r"^([a-z0-9_.-]+==\S+(?: ;[^\\\n]*)?)", re.MULTILINE)


def pins(name: str) -> set[str]:
    return set(PIN.findall(REQUIREMENTS[name]))


def test_requirements_agree():
    """Serving's packages are among training's, training's among the tests', in the same versions."""
    assert pins("serve") <= pins("serve-parquet") <= pins("train") <= pins("test")
    assert {pin.partition("==")[0] for pin in pins("serve-parquet") - pins("serve")} == {"pyarrow"}


def test_the_library_has_its_own_packages():
    """The analysis library runs on the same versions in the image as in its layer."""
    layer = (ROOT / "layers" / "analysis" / "requirements.txt").read_text()
    everywhere = {pin for pin in pins("train") if ";" not in pin}
    assert {pin for pin in PIN.findall(layer) if pin.partition(" ;")[0] not in everywhere} <= pins("train")


@pytest.mark.parametrize("name", ["serve", "serve-parquet", "train", "test"])
def test_requirements_are_portable(name: str):
    """Every pin has hashes, and no line names an index, an address or a path."""
    lines = [line for line in REQUIREMENTS[name].splitlines() if line.strip()]
    assert all(re.match(r"    --hash=sha256:[0-9a-f]{64}|[a-z0-9]", line) for line in lines)
    assert not re.search(r"://|^-|find-links|index-url| @ ", REQUIREMENTS[name], re.MULTILINE)
    assert REQUIREMENTS[name].count("--hash") >= len(pins(name))


def test_documented_environment():
    """Every environment variable the code reads is on the page."""
    read = {
        name for source in SOURCES for name in re.findall(r'environment\.get\("(\w+)"', source.read_text())
    }
    assert read
    assert {name for name in read if f"`{name}`" not in PAGE} == set()


def test_documented_settings():
    """Every setting of Model Monitor's that the code reads is on the page."""
    source = (CONTAINER / "perennial_container" / "analysis" / "settings.py").read_text()
    read = set(re.findall(r'(?:given\.get\(|\(given, )"(\w+)"', source))
    assert len(read) > 10
    assert {name for name in read if f"`{name}`" not in PAGE} == set()


def test_documented_error_codes():
    """Every error code of the server is on the page, and the page invents none."""
    text = "".join(
        source.read_text()
        for source in SOURCES
        if source.parent.name == "serving" or source.stem == "runtime"
    )
    raised = set(re.findall(r'(?:BodyError\(|RequestError\(\s*\d+,)\s*"([a-z_0-9]+)"', text))
    raised |= {"not_found", "refused"}
    listed = set(re.findall(r"^\| \d{3} \| `([a-z_0-9]+)` \|", PAGE, re.MULTILINE))
    assert raised == listed


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_documented_estimators(name: str):
    """Every estimator and each of its hyperparameters is on the page."""
    assert f"`{name}`" in PAGE
    for option in find_estimator(name).OPTIONS:
        assert f"`{option}`" in PAGE, option


def test_the_page_shows_the_example():
    """The handler on the page is the one that is tested."""
    page = (ROOT / "docs" / "own-model.md").read_text()
    shown = re.search(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[1]
    assert shown == (ROOT / "examples" / "own-model" / "scikit-learn" / "handler.py").read_text()


def test_documented_handlers():
    """Every ready-made handler is on the page."""
    page = (ROOT / "docs" / "own-model.md").read_text()
    assert {name for name in HANDLERS if f"| `{name}` |" not in page} == set()


def test_dockerfile_serves_both():
    """The image starts by the exec form, without root, and both commands reach the package."""
    dockerfile = (CONTAINER / "Dockerfile").read_text()
    assert re.search(r'^ENTRYPOINT \["', dockerfile, re.MULTILINE)
    assert 'accept-bind-to-port="true"' in dockerfile
    assert "--require-hashes" in dockerfile
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    copied = set(re.findall(r"^COPY (\w\S+)", dockerfile, re.MULTILINE))
    assert {f"!{path}" for path in copied} <= set(ignored)
