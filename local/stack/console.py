"""Plain progress lines: what is being done, then how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Trouble(Exception):
    """Something a person has to know or do; its text is the whole message, no traceback is shown."""


def say(text: str) -> None:
    print(text, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Prints `text ... 1.2 s`, or `text ... failed`, whatever happens inside."""
    started = time.monotonic()
    print(f"{text} ... ", end="", flush=True)
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def complain(trouble: Trouble) -> int:
    print(f"\n{trouble}", file=sys.stderr, flush=True)
    return 1
