"""Ctrl-C and its like, so that they surely end what is going on, and surely do not end the cleaning up."""

import signal
from collections.abc import Callable
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_SECONDS = 0.5


def listen() -> None:
    """From now on Ctrl-C, SIGTERM and SIGHUP raise KeyboardInterrupt.

    They go on doing so until `clean_up`: Python drops an exception that a signal raises inside a finalizer,
    and an interruption must not be lost.
    """
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, interrupt)


def interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
    raise KeyboardInterrupt


def clean_up(work: Callable[[], None]) -> None:
    """Does the work with every interruption ignored; to be called as the last thing."""
    for number in (*SIGNALS, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    signal.setitimer(signal.ITIMER_REAL, 0)
    work()
