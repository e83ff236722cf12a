"""Fixtures: the images that `make image-test` has built, and a model trained by one of them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from jobs import Image, lay_out_training, rows

from stack import image_build
from stack.image_engine import Engine

USER = 10001


@pytest.fixture(scope="session")
def engine() -> Engine:
    return image_build.ready()[0]


@pytest.fixture
def image(engine: Engine, request: pytest.FixtureRequest) -> Image:
    """The image of the target that the test's table names."""
    return Image(engine, f"{image_build.REPOSITORY}:{request.param}")


@pytest.fixture(scope="session")
def trained(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The /opt/ml of a training in its image; tests only read it."""
    base = lay_out_training(tmp_path_factory.mktemp("trained"), USER, rows(400, seed=1))
    done = Image(engine, f"{image_build.REPOSITORY}:train").run(base, "train", "--user", f"{USER}:{USER}")
    assert done.returncode == 0, done.stdout + done.stderr
    return base
