"""Loads the model in the background and knows whether it can answer."""

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from perennial_container.artefact import Artefact
from perennial_container.errors import ArtefactError, RequestError
from perennial_container.predictor import Predictions
from perennial_container.serving.answers import AnswerWriter
from perennial_container.serving.decoder import Decoder
from perennial_container.serving.media import ContentType, Form
from perennial_container.serving.wishes import Parts
from perennial_container.table import Matrix

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """A verified model with what answering needs beside it."""

    artefact: Artefact
    decoder: Decoder
    writer: AnswerWriter
    version: str  # the beginning of the graph's SHA-256: the same model has it everywhere

    @classmethod
    def of(cls, artefact: Artefact) -> Self:
        return cls(
            artefact,
            Decoder(artefact.encodings),
            AnswerWriter(artefact.schema.classes),
            str(artefact.description["sha256"])[:12],
        )

    def predict(self, rows: Matrix) -> Predictions:
        return self.artefact.predictor.predict(rows)

    def answer(self, body: bytes, kind: ContentType, form: Form, parts: Parts = "both") -> bytes:
        """One request's bytes to its response's bytes: decode, check, predict, encode."""
        return self.writer.write(self.predict(self.decoder.decode(body, kind)), form, parts)


@dataclass
class ServedModel:
    """A model on its way to being ready; `reason` says why it is not."""

    folder: Path
    threads: int
    served: Served | None = None
    reason: str = "the model is being loaded"
    _thread: threading.Thread | None = field(default=None, repr=False)

    def start_loading(self) -> None:
        self._thread = threading.Thread(target=self._load, name="load-model", daemon=True)
        self._thread.start()

    def _load(self) -> None:
        try:
            self.served = Served.of(Artefact.load(self.folder, threads=self.threads))
        except ArtefactError as error:
            self.reason = str(error)
            log.error("the model cannot be served: %s", error)
        except Exception as error:
            self.reason = f"unexpected {type(error).__name__} while the model was loaded: {error}"
            log.exception("the model cannot be served")
        else:
            log.info("the model is ready")

    def ready(self) -> Served:
        """The model. Raises RequestError 503 with the reason while there is none."""
        if self.served is None:
            raise RequestError(503, "model_not_ready", self.reason)
        return self.served
