"""Traffic on the endpoint while it is updated: one request after another, each counted."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

PAUSE_SECONDS = 0.02


class Traffic:
    """Calls `send` from a thread of its own between `with` and its end."""

    def __init__(self, send: Callable[[], object]) -> None:
        self._send = send
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self.answered = 0
        self.failures: list[str] = []
        self.slowest_ms = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            started = time.monotonic()
            try:
                self._send()
            except (BotoCoreError, ClientError) as error:
                self.failures.append(str(error))
            else:
                self.answered += 1
                self.slowest_ms = max(self.slowest_ms, 1000 * (time.monotonic() - started))
