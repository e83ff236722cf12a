"""Trains the model that all serve: `train.py FOLDER` writes model.joblib, and its trees as trees.json."""

import json
import sys
from pathlib import Path

import joblib
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

FEATURES, TREES = 30, 100

folder = Path(sys.argv[1])
generator = np.random.default_rng(7)
rows = generator.normal(size=(20_000, FEATURES)).astype(np.float32).round(4)
labels = (rows[:, 0] + rows[:, 1] * rows[:, 2] + np.sin(rows[:, 3] * 2) + generator.normal(size=20_000)) > 0
model = HistGradientBoostingClassifier(max_iter=TREES, max_leaf_nodes=31, early_stopping=False)
model.fit(rows, labels.astype(int))
joblib.dump(model, folder / "model.joblib")
names = ("feature_idx", "num_threshold", "missing_go_to_left", "left", "right", "is_leaf", "value")
trees = [{name: stage[0].nodes[name].tolist() for name in names} for stage in model._predictors]
golden = generator.normal(size=(200, FEATURES)).astype(np.float32).round(4)
document = {
    "baseline": float(model._baseline_prediction[0, 0]),
    "trees": trees,
    "rows": golden.tolist(),
    "scores": model.predict_proba(golden)[:, 1].tolist(),
}
(folder / "trees.json").write_text(json.dumps(document))
