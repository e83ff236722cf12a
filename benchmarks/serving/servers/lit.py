"""LitServe, as its documentation shows it."""

import os

import joblib
import litserve
import numpy as np


class Api(litserve.LitAPI):
    def setup(self, device):  # noqa: ARG002 - LitServe passes it
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request):
        return np.array(request["instances"])

    def predict(self, rows):
        return self.model.predict_proba(rows)[:, 1]

    def encode_response(self, scores):
        return {"predictions": scores.tolist()}


if __name__ == "__main__":
    litserve.LitServer(Api(api_path="/invocations"), accelerator="cpu").run(
        port=int(os.environ["PORT"]), host="127.0.0.1", generate_client_file=False, log_level="error"
    )
