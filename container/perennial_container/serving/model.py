"""Loads the model in the background and knows whether it can answer."""

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path

from perennial_container.artefact import Artefact
from perennial_container.errors import ArtefactError, RequestError
from perennial_container.serving.answers import write_predictions
from perennial_container.serving.features import to_matrix
from perennial_container.serving.media import ContentType, Form
from perennial_container.serving.rows import read_rows

log = logging.getLogger(__name__)


@dataclass
class ServedModel:
    """A model on its way to being ready; `reason` says why it is not."""

    folder: Path
    threads: int
    artefact: Artefact | None = None
    reason: str = "the model is being loaded"
    _thread: threading.Thread | None = field(default=None, repr=False)

    def start_loading(self) -> None:
        self._thread = threading.Thread(target=self._load, name="load-model", daemon=True)
        self._thread.start()

    def _load(self) -> None:
        try:
            self.artefact = Artefact.load(self.folder, threads=self.threads)
        except ArtefactError as error:
            self.reason = str(error)
            log.error("the model cannot be served: %s", error)
        except Exception as error:
            self.reason = f"unexpected {type(error).__name__} while the model was loaded: {error}"
            log.exception("the model cannot be served")
        else:
            log.info("the model is ready")

    def ready(self) -> Artefact:
        """The model. Raises RequestError 503 with the reason while there is none."""
        if self.artefact is None:
            raise RequestError(503, "model_not_ready", self.reason)
        return self.artefact


def answer(artefact: Artefact, body: bytes, kind: ContentType, form: Form) -> bytes:
    """One request's bytes to its response's bytes: decode, check, predict, encode."""
    names = [encoding.feature.name for encoding in artefact.encodings]
    rows, lines = read_rows(body, kind, names)
    matrix = to_matrix(rows, lines, artefact.encodings, text=kind.form == "csv")
    return write_predictions(artefact.predictor.predict(matrix), artefact.schema.classes, form)
