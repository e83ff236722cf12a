"""MLServer with a model of ours, in its own protocol; without worker processes, which is how it is fastest."""

import asyncio
import os

import joblib
from mlserver import MLModel, MLServer, Settings
from mlserver.codecs import NumpyCodec
from mlserver.settings import ModelParameters, ModelSettings
from mlserver.types import InferenceResponse


class Scores(MLModel):
    async def load(self):
        self.model = joblib.load(os.environ["MODEL"])
        return True

    async def predict(self, payload):
        scores = self.model.predict_proba(NumpyCodec.decode_input(payload.inputs[0]))[:, 1]
        return InferenceResponse(model_name=self.name, outputs=[NumpyCodec.encode_output("scores", scores)])


async def main():
    port = int(os.environ["PORT"])
    settings = Settings(
        host="127.0.0.1", http_port=port, grpc_port=port + 1, metrics_port=port + 2, parallel_workers=0,
        debug=False, use_structured_logging=False,
    )  # fmt: skip
    model = ModelSettings(
        name="m", implementation=Scores, parameters=ModelParameters(uri=os.environ["MODEL"])
    )
    await MLServer(settings).start([model])


asyncio.run(main())
