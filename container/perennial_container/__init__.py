"""The SageMaker image of Perennial: trains tabular models and serves them."""

import os

# ONNX Runtime tells its maker about machines and models, unless it is told not to before it is loaded:
# https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
