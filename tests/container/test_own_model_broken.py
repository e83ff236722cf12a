"""Models of one's own that can't be packed or served: each is told what is wrong with it."""

import json
from pathlib import Path

import pytest

from perennial_container.artefact import write_own
from perennial_container.errors import ArtefactError
from perennial_container.runtime import checksums, identity
from perennial_container.schema import Feature, Schema
from perennial_container.seal import Trust, sealed
from perennial_container.serving.model import ServedModel

PLAIN = "def load(_):\n    pass\ndef predict(_, batch):\n    return batch['x']\n"
REGRESSION = Schema("regression", "y", (), (Feature("x", "float"),))
BINARY = Schema("binary_classification", "y", ("no", "yes"), (Feature("x", "float"),))


def write_handler(model: Path, source: str) -> None:
    (model / "code").mkdir(parents=True, exist_ok=True)
    (model / "code" / "handler.py").write_text(source)


def test_scores_that_are_no_probabilities_are_not_written(tmp_path: Path) -> None:
    """A classifier that gives margins would answer with wrong labels: it is told when it is packed."""
    write_handler(tmp_path, PLAIN)
    with pytest.raises(ArtefactError, match="for the golden sample: no probabilities"):
        write_own(tmp_path, "code/handler.py", BINARY, [[0.5], [-3.0]])
    write_own(tmp_path, "code/handler.py", BINARY, [[0.5], [1.0]])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param(
            "import sys\nsys.exit(3)", "cannot be imported: SystemExit: 3", id="when it is imported"
        ),
        pytest.param(
            "def load(_):\n    raise SystemExit(4)\ndef predict(_, batch):\n    pass",
            "raised SystemExit: 4",
            id="when it loads",
        ),
        pytest.param(
            "def load(_):\n    pass\ndef predict(_, batch):\n    raise SystemExit(5)",
            "unexpected SystemExit while the model was loaded: 5",
            id="when it predicts the golden sample",
        ),
    ],
)
def test_a_handler_that_ends_the_process(tmp_path: Path, source: str, reason: str) -> None:
    """It ends nothing: the server says why it does not serve."""
    write_handler(tmp_path, PLAIN)
    write_own(tmp_path, "code/handler.py", REGRESSION, [[0.5]])
    document = json.loads((tmp_path / "model.json").read_text())
    write_handler(tmp_path, source)
    del document["checksum"]
    document["files"] = checksums(tmp_path)
    document["sha256"] = identity(document["files"])
    (tmp_path / "model.json").write_text(json.dumps(sealed(document, None)))
    model = ServedModel(tmp_path, 1, Trust.from_env({"SAGEMAKER_PROGRAM": "handler.py"}))
    model.load()
    assert model.served is None
    assert reason in model.reason
