"""Trains the model that all serve: `train.py FOLDER` writes model.joblib, and its trees as trees.json."""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from models import Model
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

ROWS, GOLDEN = 20_000, 200
WORDS = ("amber", "blue", "crimson", "dark green", "grey", "white")
TREE = ("feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "is_leaf", "value")

folder = Path(sys.argv[1])
spec = Model.read(folder)
generator = np.random.default_rng(7)
numbers = generator.normal(size=(ROWS + GOLDEN, spec.features)).astype(np.float32).round(4)
signal = numbers[:, 0] + numbers[:, 1] * numbers[:, 2] + np.sin(numbers[:, 3] * 2)
noisy = signal + generator.normal(size=len(signal))
labels = noisy if spec.classes == 1 else np.digitize(noisy, np.linspace(-1, 1, spec.classes + 1)[1:-1])
rows = numbers
if spec.texts:
    places = np.clip((numbers[:, : spec.texts] + 2) * 1.5, 0, len(WORDS) - 1).astype(int)
    rows = numbers.astype(object)
    rows[:, : spec.texts] = np.array(WORDS, object)[places]

kind = HistGradientBoostingRegressor if spec.classes == 1 else HistGradientBoostingClassifier
boosting = kind(max_iter=spec.trees, max_leaf_nodes=31, early_stopping=False)
model = boosting
if spec.texts:
    coder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = ColumnTransformer([("texts", coder, list(range(spec.texts)))], remainder="passthrough")
    model = make_pipeline(columns, boosting)
model.fit(rows[:ROWS], labels[:ROWS])
joblib.dump(model, folder / "model.joblib")

golden = rows[ROWS:]
scores = model.predict(golden)[:, None] if spec.classes == 1 else model.predict_proba(golden)
document = {
    "baseline": np.ravel(boosting._baseline_prediction).tolist(),
    "trees": [
        [{name: tree.nodes[name].tolist() for name in TREE} for tree in stage]
        for stage in boosting._predictors
    ],
    "words": WORDS,
    "rows": golden.tolist(),
    "scores": (scores[:, 1:] if spec.classes == 2 else scores).tolist(),
}
(folder / "trees.json").write_text(json.dumps(document))
