"""The `analyze` command: analyses what a Processing job brings, by one of two contracts."""

import logging
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from perennial_container.analysis import monitor, window
from perennial_container.analysis.settings import SOURCE
from perennial_container.errors import AnalysisError, ContainerError
from perennial_container.paths import Paths

log = logging.getLogger(__name__)

MESSAGE_BYTES = 1024
EXIT_STOPPED = 128 + signal.SIGTERM


def main() -> int:
    """Run the processing job of this container; returns its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    # The kernel ignores SIGTERM for a container's first process unless that asks for it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_STOPPED))
    return run(Paths.from_env(os.environ), os.environ)


def run(paths: Paths, environment: Mapping[str, str]) -> int:
    """Analyse, and turn what came of it into a message and an exit code."""
    try:
        _leave(paths.message, analyze(paths, paths.settings(environment)))
    except ContainerError as error:
        return _fail(paths, str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the job must name it
        traceback.print_exc()
        return _fail(
            paths, f"unexpected {type(error).__name__}: {error} (this is a bug; the log has the traceback)"
        )
    return 0


def analyze(paths: Paths, settings: Mapping[str, str]) -> str:
    """Everything between input and output folders; returns the exit message."""
    if (paths.processing_input / window.REQUEST).exists():
        return window.run(paths)
    if settings.get(SOURCE):
        return monitor.run(paths, settings)
    raise AnalysisError(
        f"there is nothing to analyse: neither {window.REQUEST} in the input nor {SOURCE} in the environment"
    )


def clipped(text: str, size: int = MESSAGE_BYTES) -> bytes:
    """The beginning of a text as at most `size` bytes of whole UTF-8 characters: other bytes would fail the job."""
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore").encode()


def _leave(file: Path, text: str) -> None:
    log.info("%s", text)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(clipped(text))


def _fail(paths: Paths, reason: str) -> int:
    _leave(paths.failure, reason)
    paths.message.write_bytes(clipped(reason))
    return 1
