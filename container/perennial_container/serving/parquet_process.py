"""Reads Parquet in a process of its own: a file can make Arrow's reader abort, and that must not be the server.

The process is started by the first Parquet body and ends with the server. What kills it, or takes it longer than its
time, is refused, and the next body gets a new one. Its memory is bounded by the system.
"""

import logging
import os
import sys
import threading
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from subprocess import PIPE, Popen
from typing import Any

import numpy as np
import orjson

from perennial_container.encoding import FeatureEncoding
from perennial_container.errors import RequestError
from perennial_container.handlers import Rows
from perennial_container.serving.rows import BodyError

log = logging.getLogger(__name__)

SECONDS = 20.0
MODULE = "perennial_container.serving.parquet"


@lru_cache(maxsize=1)
def parquet_process() -> "ParquetProcess":
    """The one of this server."""
    return ParquetProcess()


class ParquetProcess:
    """One reader at a time; threads that ask meanwhile wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: Popen[bytes] | None = None

    def read(self, body: bytes, encodings: Sequence[FeatureEncoding]) -> Rows:
        """Rows by features, encoded; of objects where a text is raw. Raises RequestError 400, 413 or 415."""
        if find_spec("pyarrow") is None:
            raise RequestError(
                415,
                "unsupported_media_type",
                "this image cannot read Parquet: it was built without pyarrow",
            )
        features = [encoding.to_json() for encoding in encodings]
        with self._lock:
            head, content = self._ask(orjson.dumps({"features": features, "bytes": len(body)}), body)
        if "error" in head:
            raise RequestError(**head["error"])
        if head["raw"]:
            rows = np.empty((head["rows"], len(encodings)), object)
            rows[:] = orjson.loads(content)
            for place, encoding in enumerate(encodings):
                if not encoding.raw:
                    rows[:, place] = rows[:, place].astype(np.float32)
            return rows
        return np.frombuffer(content, np.float32).reshape(head["rows"], len(encodings))

    def _ask(self, question: bytes, body: bytes) -> tuple[dict[str, Any], bytes]:
        """The answer's head and content. Raises BodyError if the reader did not live to give one."""
        child = self._running()
        timer = threading.Timer(SECONDS, child.kill)
        timer.start()
        try:
            if child.stdin is None or child.stdout is None:
                raise EOFError
            child.stdin.write(question + b"\n")
            child.stdin.write(body)
            child.stdin.flush()
            line = child.stdout.readline()
            if not line:
                raise EOFError
            head: dict[str, Any] = orjson.loads(line)
            return head, child.stdout.read(head["bytes"])
        except (OSError, EOFError) as error:
            child.kill()
            log.warning("the reader of Parquet ended with %s", child.wait())
            self._child = None
            raise BodyError(
                "malformed_parquet", "the Parquet file cannot be read: reading it failed"
            ) from error
        finally:
            timer.cancel()

    def _running(self) -> Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            environment = {
                name: value for name, value in os.environ.items() if name != "PERENNIAL_SIGNING_KEY"
            }
            self._child = Popen([sys.executable, "-m", MODULE], stdin=PIPE, stdout=PIPE, env=environment)
        return self._child
