"""AWS's scikit-learn container without its nginx: its toolkit's Flask worker under gunicorn with gevent.

What the container itself adds (sagemaker_sklearn_container/serving.py) is written again here: it has no package.
"""

import collections
import collections.abc
import functools
import os

import joblib
import numpy as np

collections.Mapping = collections.abc.Mapping  # the toolkit was written for an older Python
from sagemaker_containers.beta.framework import encoders, transformer, worker  # noqa: E402


def model_fn(_):
    return joblib.load(os.environ["MODEL"])


def input_fn(data, content_type):
    rows = encoders.decode(data, content_type)
    return rows.astype(np.float32).reshape(-1, 30)


def predict_fn(rows, model):
    return model.predict_proba(rows)[:, 1]


def output_fn(prediction, accept):
    return worker.Response(response=encoders.encode(prediction, accept), mimetype=accept)


@functools.cache
def app():
    own = transformer.Transformer(model_fn, input_fn, predict_fn, output_fn)
    own.initialize()
    return worker.Worker(transform_fn=own.transform, module_name="serving")


def main(environ, start_response):
    return app()(environ, start_response)
