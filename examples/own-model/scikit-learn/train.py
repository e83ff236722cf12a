"""Trains a scikit-learn pipeline on made-up deliveries and leaves it as an artefact: `train.py FOLDER`.

FOLDER/model/model.skops        the fitted pipeline, in a format that runs no code
FOLDER/model/code/handler.py    what loads it and predicts with it
FOLDER/model/model.json         features, checksums, and a golden sample
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import skops.io
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from perennial_container.artefact import write_own
from perennial_container.schema import Feature, Schema

HERE = Path(__file__).parent
ROWS = 500
CITIES = {"Berlin": 1.0, "Porto": 2.5, "Oslo": 4.0}
SCHEMA = Schema(
    "regression",
    "days",
    (),
    (
        Feature("distance_km", "float"),
        Feature("weight_kg", "float"),
        Feature("express", "bool"),
        Feature("city", "string"),
    ),
)


def deliveries() -> tuple[np.ndarray, np.ndarray]:
    """Rows in the schema's order, and the days they took."""
    chance = np.random.default_rng(7)
    distance, weight = chance.uniform(1, 900, ROWS).round(1), chance.uniform(0.1, 30, ROWS).round(2)
    express, city = chance.integers(0, 2, ROWS), chance.choice(list(CITIES), ROWS)
    days = distance / 200 + weight / 20 - 1.5 * express + [CITIES[name] for name in city]
    rows = np.empty((ROWS, 4), object)
    rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3] = distance, weight, express.astype(float), city
    return rows, days + chance.normal(0, 0.1, ROWS)


def main(folder: Path) -> None:
    rows, days = deliveries()
    columns = ColumnTransformer(
        [("numbers", SimpleImputer(), [0, 1, 2]), ("city", OneHotEncoder(handle_unknown="ignore"), [3])]
    )
    pipeline = make_pipeline(columns, Ridge())
    pipeline.fit(rows, days)
    model = folder / "model"
    (model / "code").mkdir(parents=True, exist_ok=True)
    skops.io.dump(pipeline, model / "model.skops")
    shutil.copy(HERE / "handler.py", model / "code")
    write_own(model, "code/handler.py", SCHEMA, rows[:5].tolist())


main(Path(sys.argv[1]))
