"""Loads the model in the background and knows whether it can answer."""

import asyncio
import logging
import threading
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from perennial_container.artefact import Artefact
from perennial_container.errors import ArtefactError, RequestError
from perennial_container.handlers import HANDLERS
from perennial_container.predictor import Predictions
from perennial_container.seal import NOBODY, Trust
from perennial_container.serving.answers import AnswerWriter
from perennial_container.serving.bounds import check_text
from perennial_container.serving.decoder import Decoder
from perennial_container.serving.media import ContentType, Form
from perennial_container.serving.numbers import NotPlain
from perennial_container.serving.parquet_process import parquet_process
from perennial_container.serving.tally import Tally, TallyingWriter
from perennial_container.serving.texts import TextDecoder
from perennial_container.serving.wishes import Parts
from perennial_container.serving.worker import Worker
from perennial_container.table import Matrix

log = logging.getLogger(__name__)

FEW_BYTES = 32 * 1024  # of a body that is read on the event loop
PREDICT_SECONDS = 55.0  # SageMaker gives a request 60


@dataclass(frozen=True)
class Served:
    """A verified model with what answering needs beside it; a user's own code has a worker to run in."""

    artefact: Artefact
    decoder: Decoder | TextDecoder
    writer: AnswerWriter
    version: str  # the beginning of the model's SHA-256: the same model has it everywhere
    worker: Worker | None = None

    @classmethod
    def of(cls, artefact: Artefact, seconds: float = PREDICT_SECONDS, tally: Tally | None = None) -> Self:
        """`seconds` is how long a user's own code may take for a request; `tally` counts what is predicted."""
        raw = any(encoding.raw for encoding in artefact.encodings)
        theirs = artefact.handler is not None and artefact.handler not in HANDLERS
        return cls(
            artefact,
            TextDecoder(artefact.encodings) if raw else Decoder(artefact.encodings),
            TallyingWriter(artefact.schema.classes, tally)
            if tally
            else AnswerWriter(artefact.schema.classes),
            str(artefact.description["sha256"])[:12],
            Worker(artefact.predictor.predict, seconds) if theirs else None,
        )

    def predict(self, rows: Matrix) -> Predictions:
        return self.artefact.predictor.predict(rows)

    def decode(self, body: bytes, kind: ContentType) -> Matrix:
        """Any body's rows. Raises RequestError 400; for Parquet also 413 and 415."""
        if kind.form == "parquet":
            return parquet_process().read(body, self.artefact.encodings)
        check_text(body, kind.form)
        return self.decoder.decode(body, kind)

    def answer(self, body: bytes, kind: ContentType, form: Form, parts: Parts = "both") -> bytes:
        """One request's bytes to its response's bytes: decode, check, predict, encode."""
        return self.writer.write(self._predicted(body, kind), form, parts)

    def _predicted(self, body: bytes, kind: ContentType) -> Predictions:
        """Rows of numbers are predicted while those after them are read."""
        if kind.form == "csv":
            check_text(body, kind.form)
            with suppress(NotPlain):
                return self.artefact.predictor.predict_parts(self.decoder.parts(body, kind))
        return self.predict(self.decode(body, kind))

    async def answer_apart(
        self, worker: Worker, threads: Executor, body: bytes, kind: ContentType, form: Form, parts: Parts
    ) -> bytes:
        """The same with a user's own code, which the event loop does not wait for."""
        if len(body) <= FEW_BYTES and kind.form != "parquet":
            return self.writer.write(await worker.predict(self.decode(body, kind)), form, parts)
        loop = asyncio.get_running_loop()
        rows = await loop.run_in_executor(threads, self.decode, body, kind)
        predictions = await worker.predict(rows)
        return await loop.run_in_executor(threads, self.writer.write, predictions, form, parts)


@dataclass
class ServedModel:
    """A model on its way to being ready; `reason` says why it is not."""

    folder: Path
    threads: int
    trust: Trust = NOBODY
    seconds: float = PREDICT_SECONDS
    tally: Tally | None = None
    served: Served | None = None
    reason: str = "the model is being loaded"
    _thread: threading.Thread | None = field(default=None, repr=False)

    def start_loading(self) -> None:
        self._thread = threading.Thread(target=self.load, name="load-model", daemon=True)
        self._thread.start()

    def load(self) -> None:
        """Load and verify; what goes wrong is told by `reason`."""
        try:
            artefact = Artefact.load(self.folder, threads=self.threads, trust=self.trust)
            self.served = Served.of(artefact, self.seconds, self.tally)
        except ArtefactError as error:
            self.reason = str(error)
            log.error("the model cannot be served: %s", error)
        except (Exception, SystemExit) as error:  # the second by a user's own code
            self.reason = f"unexpected {type(error).__name__} while the model was loaded: {error}"
            log.exception("the model cannot be served")
        else:
            log.info("the model is ready")

    def ready(self) -> Served:
        """The model. Raises RequestError 503 with the reason while there is none."""
        if self.served is None:
            raise RequestError(503, "model_not_ready", self.reason)
        if self.served.worker is not None and (stuck := self.served.worker.stuck()) is not None:
            reason = f"predict of the model's handler has not come back for {stuck:.0f} seconds"
            raise RequestError(503, "model_not_ready", reason)
        return self.served

    def is_ready(self) -> bool:
        """Whether there is a model, and nothing that may keep it from answering."""
        return self.served is not None and self.served.worker is None

    def close(self) -> None:
        """Let a user's own code end with its last request."""
        if self.served is not None and self.served.worker is not None:
            self.served.worker.close()
