"""`perennial check-container` on images: ours keeps every rule, and one that needs root and a writable root is told."""

import os
from pathlib import Path

import pytest
from jobs import Image

from perennial_cli.contract import lives
from perennial_cli.contract.asking import Sample
from perennial_cli.contract.findings import Finding
from perennial_cli.contract.lives import check_target
from perennial_cli.contract.targets import Image as CheckedImage
from perennial_cli.contract.targets import free_port
from stack.image_build import REPOSITORY
from stack.image_engine import Engine

NEEDY = """\
FROM {repository}:serve
USER 0
ENTRYPOINT ["sh", "-c", "touch /written && exec python -m perennial_container serve"]
"""


def checked(engine: Engine, image: str, model: Path) -> dict[str, Finding]:
    """By rule, as `check-container --image` with a small largest body and the host's network finds it."""
    target = CheckedImage(image, engine.command, engine.run_options, model, host_network=True)
    found = check_target(target, free_port(), Sample(b"0.5,3,a\n", "text/csv"), 1_000_000, 60.0, None)
    return {each.rule.name: each for each in found}


@pytest.mark.parametrize("image", ["perennial"], indirect=True)
def test_our_image_keeps_the_contract(image: Image, trained: Path) -> None:
    """Every rule and every advice, with nothing left unchecked."""
    found = checked(image.engine, image.name, trained / "model")
    assert {name: each.detail for name, each in found.items() if each.status != "passed"} == {}


def test_an_image_that_needs_much_is_told(engine: Engine, trained: Path, tmp_path: Path) -> None:
    """What starts only as root, and only on a writable root, fails exactly these two checks."""
    (tmp_path / "Dockerfile").write_text(NEEDY.format(repository=REPOSITORY))
    name = f"{REPOSITORY}-needy:{os.getpid()}"
    built = engine.call("build", *engine.build_options, "--tag", name, str(tmp_path))
    assert built.returncode == 0, built.stderr
    try:
        found = checked(engine, name, trained / "model")
    finally:
        engine.call("rmi", "--force", name)
    assert {rule for rule, each in found.items() if each.status == "failed"} == {
        lives.ROOT.name,
        lives.USER.name,
    }
