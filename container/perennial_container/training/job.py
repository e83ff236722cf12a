"""The `train` command: reads a dataset, fits, proves, evaluates, and writes the artefact."""

import json
import logging
import os
import sys
import time
import traceback
from dataclasses import asdict, replace

import numpy as np

from perennial_container import artefact as artefacts
from perennial_container.artefact import Artefact
from perennial_container.cpu import available_cpus
from perennial_container.encoding import FeatureEncoding, encode, fit_encodings
from perennial_container.errors import ContainerError, TrainingInterruptedError
from perennial_container.estimators import Progress, TrainingData, choose_options, find_estimator
from perennial_container.paths import Paths
from perennial_container.predictor import Rescaling
from perennial_container.runtime import trusting
from perennial_container.schema import Schema
from perennial_container.seal import Trust
from perennial_container.training.baseline import write_baseline
from perennial_container.training.checkpoint import Checkpoint, StopSignal, fingerprint
from perennial_container.training.conversion import convert, hand_over, prove
from perennial_container.training.dataset import Rows, read_dataset
from perennial_container.training.evaluation import evaluate, predict_rows
from perennial_container.training.golden import golden_sample
from perennial_container.training.hyperparameters import Hyperparameters
from perennial_container.training.inputs import find_champion, read_schema, require_groups, require_learnable
from perennial_container.training.pinned import require_pinned

log = logging.getLogger(__name__)

LIBRARIES = ("numpy", "onnx", "onnxruntime", "pyarrow", "scipy", "xgboost")
FAILURE_LENGTH = 1024
EXIT_FAILED = 1
EXIT_INTERRUPTED = 128 + 15


def main() -> int:
    """Run the training job of this container; returns its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    stop = StopSignal()
    stop.install()
    return run(Paths.from_env(os.environ), stop)


def run(paths: Paths, stop: StopSignal) -> int:
    """Train, and turn what goes wrong into an exit code and the failure file."""
    try:
        train(paths, stop)
    except TrainingInterruptedError as interruption:
        log.info("%s; a new start goes on from the checkpoint", interruption)
        return EXIT_INTERRUPTED
    except ContainerError as error:
        _fail(paths, str(error))
        return EXIT_FAILED
    except Exception as error:  # noqa: BLE001 - whatever it is, `failure` must name it
        traceback.print_exc()
        _fail(paths, f"unexpected {type(error).__name__}: {error} (this is a bug; the log has the traceback)")
        return EXIT_FAILED
    return 0


def train(paths: Paths, stop: StopSignal) -> None:
    """Everything between the input channels and the output folders."""
    started = time.monotonic()
    settings = Hyperparameters.read(paths.hyperparameters)
    estimator = find_estimator(settings.estimator)
    options = choose_options(estimator.OPTIONS, settings.estimator_options, settings.estimator)
    schema = read_schema(paths.channel("schema"))
    require_pinned(paths.channel("dataset"), paths.channel("training"))

    def check_stop() -> None:
        if stop():
            raise TrainingInterruptedError("stopped while reading")

    dataset = read_dataset(
        paths.channel("training"),
        schema,
        share=settings.holdout,
        seed=settings.seed,
        facet=settings.facet,
        facet_threshold=settings.facet_threshold,
        check_stop=check_stop,
    )
    require_learnable(dataset, schema)
    require_groups(dataset, settings.facet, settings.privileged)
    encodings = fit_encodings(schema, dataset.training.table)
    data, rescaling = _training_data(dataset.training, schema, encodings, settings.seed)
    libraries = {name: sys.modules[name].__version__ for name in LIBRARIES if name in sys.modules}
    identity = fingerprint(
        data=dataset.fingerprint,
        schema=schema.to_json(),
        estimator=settings.estimator,
        options=options,
        seed=settings.seed,
        holdout=settings.holdout,
        libraries=libraries,
    )
    checkpoint = Checkpoint(paths.checkpoints, identity)
    log.info("fitting %s with %s", settings.estimator, json.dumps(options))
    fitted = estimator.fit(data, options, Progress(log.info, stop, checkpoint.save, checkpoint.load()))
    handler: str | None = getattr(estimator, "HANDLER", None)
    if handler is None:
        graph, session = convert(fitted, data.threads)
    else:
        session = hand_over(fitted, handler, paths.model, encodings, schema.outputs)
    parity = prove(fitted, session, data, encodings)
    log.info(
        "what is served agrees with the estimator on %d rows within %.1g", parity.rows, parity.max_difference
    )
    description = {
        "schema": schema.to_json(),
        "features": [encoding.to_json() for encoding in encodings],
        "rescaling": asdict(rescaling),
        "threshold": settings.threshold,
        "estimator": settings.estimator,
        "hyperparameters": options,
        "seed": settings.seed,
        "holdout": settings.holdout,
        "parity": asdict(parity),
        "libraries": libraries,
        "golden": golden_sample(dataset.training.table, schema, encodings, session, settings.seed),
    }
    trust = Trust.from_env(os.environ)
    if handler is None:
        artefacts.write(paths.model, graph, description, key=trust.key)
    else:
        artefacts.write_handled(paths.model, handler, description, key=trust.key)
        trust = replace(trusting(handler), key=trust.key)
    served = Artefact.load(paths.model, threads=data.threads, trust=trust)
    predictions = predict_rows(served, dataset.holdout)
    evaluation = {
        "version": 1,
        "problem": schema.problem,
        "target": schema.target,
        "estimator": settings.estimator,
        "hyperparameters": options,
        **evaluate(served, dataset, predictions, settings, find_champion(paths.channel("champion"))),
        "libraries": libraries,
    }
    paths.evaluation.parent.mkdir(parents=True, exist_ok=True)
    paths.evaluation.write_text(json.dumps(evaluation, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    write_baseline(paths.baseline, schema, dataset, predictions, settings)
    checkpoint.clear()
    log.info("done in %.1f s", time.monotonic() - started)


def _training_data(
    rows: Rows, schema: Schema, encodings: tuple[FeatureEncoding, ...], seed: int
) -> tuple[TrainingData, Rescaling]:
    """Encode the training rows; a regression target is standardised."""
    rescaling = Rescaling()
    if schema.problem == "regression":
        rescaling = Rescaling(float(rows.target.mean()), float(rows.target.std()))
    data = TrainingData(
        features=encode(rows.table, encodings),
        target=((rows.target - rescaling.offset) / rescaling.scale).astype(np.float32),
        categories=tuple(len(encoding.categories or ()) for encoding in encodings),
        problem=schema.problem,
        outputs=schema.outputs,
        seed=seed,
        threads=available_cpus(),
    )
    return data, rescaling


def _fail(paths: Paths, message: str) -> None:
    """Leave the reason where SageMaker looks for it."""
    log.error("%s", message)
    paths.failure.parent.mkdir(parents=True, exist_ok=True)
    paths.failure.write_text(message[:FAILURE_LENGTH], encoding="utf-8")
