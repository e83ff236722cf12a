"""Serves a native XGBoost booster: `model.ubj` or `booster.json`, as `Booster.save_model` writes them.

Both are data: nothing in them is run. XGBoost must be in the image, as it is in the one that also trains.
"""

from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from perennial_container.cpu import available_cpus
from perennial_container.errors import ArtefactError
from perennial_container.handlers import Batch

FILES = ("model.ubj", "booster.json")


def load(model_dir: Path) -> xgboost.Booster:
    """The booster, with as many threads as there are processors."""
    file = next((model_dir / name for name in FILES if (model_dir / name).exists()), None)
    if file is None:
        raise ArtefactError(f"the artefact holds none of {', '.join(FILES)}")
    booster = xgboost.Booster()
    try:
        booster.load_model(file)
    except xgboost.core.XGBoostError as error:
        raise ArtefactError(f"{file.name} cannot be loaded: {str(error)[-300:]}") from error
    booster.set_param({"nthread": available_cpus()})
    return booster


def predict(model: xgboost.Booster, batch: Batch) -> Any:
    """What the objective gives: probabilities for `binary:logistic` and `multi:softprob`, else numbers."""
    return model.inplace_predict(batch.matrix, missing=np.nan, validate_features=False)
