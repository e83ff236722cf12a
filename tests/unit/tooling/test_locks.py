"""What every lock file must be."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LOCKS = sorted(
    lock
    for pattern in ("requirements/*.txt", "container/requirements/*.txt", "layers/*/requirements.txt")
    for lock in ROOT.glob(pattern)
)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_lock_pins_and_hashes_everything_and_names_no_index(lock: Path) -> None:
    """Every requirement has one version and a hash; no address and no path is in the file."""
    text = lock.read_text()
    requirements = re.findall(r"^[A-Za-z0-9].*?(?:(?<!\\)\n|\Z)", text, flags=re.MULTILINE | re.DOTALL)

    assert requirements
    assert all(re.match(r"[\w.\[\],-]+==\S+", each) and "--hash=sha256:" in each for each in requirements)
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host| @ ", text)


def test_the_locks_cover_every_list_of_requirements() -> None:
    """Whatever a person writes down in a `.in` file is locked beside it."""
    sources = {
        *ROOT.glob("requirements/*.in"),
        *ROOT.glob("container/requirements/*.in"),
        *ROOT.glob("layers/*/*.in"),
    }

    assert {source.with_suffix(".txt") for source in sources} == set(LOCKS)


def test_functions_are_tested_with_the_packages_of_their_layers() -> None:
    """Whatever a layer pins, the test environment has in the same version."""
    tested = versions(ROOT / "requirements/test.txt")
    layer = versions(ROOT / "layers/dependencies/requirements.txt")

    assert {name: tested.get(name) for name in layer} == layer


def test_functions_are_tested_with_the_boto3_of_the_twin() -> None:
    """Lambda's stand-in, the twin and the tests speak through one boto3."""
    found = {
        name: versions(ROOT / f"requirements/{name}.txt")["boto3"] for name in ("lambda", "twin", "test")
    }

    assert len(set(found.values())) == 1, found


def versions(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^\s;\\]+)", lock.read_text(), flags=re.MULTILINE))
