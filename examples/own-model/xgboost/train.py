"""Trains an XGBoost booster on wines and leaves it as it is: `train.py FOLDER`.

    FOLDER/model/model.ubj     the booster, in XGBoost's own format
    FOLDER/model/model.json    features, classes, checksums, and a golden sample

No handler is written: the one named `xgboost` is in the image.
"""

import sys
from pathlib import Path

import xgboost
from sklearn.datasets import load_wine

from perennial_container.artefact import write_own
from perennial_container.schema import Feature, Schema


def main(folder: Path) -> None:
    wine = load_wine()
    settings = {"objective": "multi:softprob", "num_class": 3, "max_depth": 3, "nthread": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(wine.data, wine.target), num_boost_round=20)
    model = folder / "model"
    model.mkdir(parents=True, exist_ok=True)
    booster.save_model(model / "model.ubj")
    features = tuple(Feature(name, "float") for name in wine.feature_names)
    classes = tuple(map(str, wine.target_names))
    schema = Schema("multiclass_classification", "cultivar", classes, features)
    write_own(model, "xgboost", schema, wine.data[::40].tolist())


main(Path(sys.argv[1]))
