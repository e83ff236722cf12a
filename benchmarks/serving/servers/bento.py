"""BentoML, as its documentation shows it."""

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Scores:
    def __init__(self):
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api(route="/invocations")
    def predict(self, instances: np.ndarray) -> np.ndarray:
        return self.model.predict_proba(instances)[:, 1]
