"""Which models are served: what `train.py` trains and `serving.py` asks for. Nothing but the standard library."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Model:
    """A gradient boosting of scikit-learn. `classes` is 1 for a regression; the first `texts` features are texts."""

    name: str
    features: int = 30
    trees: int = 100
    classes: int = 2
    texts: int = 0

    def write(self, folder: Path) -> None:
        (folder / "spec.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> Model:
        return cls(**json.loads((folder / "spec.json").read_text()))


MAIN = Model("30 features, 100 trees")
OTHERS = (
    Model("8 features, 500 trees, a number", 8, 500, 1),
    Model("200 features, 3 classes", 200, 60, 3),
    Model("12 features, 4 of them texts", 12, 100, 2, 4),
)
