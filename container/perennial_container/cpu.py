"""How many processors this container may use, and which of its threads come first."""

import os
import sys
import threading
from contextlib import suppress

# A third of an equal's share while there are more threads than processors. Much less would be dearer: a thread that has
# to wait too long for a processor may hold the interpreter meanwhile, which everybody waits for.
LOWER = 5


def available_cpus() -> int:
    """The processors this process may run on, where the system tells; else those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def give_way() -> None:
    """For a thread that works at length: the main thread, which answers, comes first where both want a processor."""
    if sys.platform != "linux":  # elsewhere a priority is that of a process
        return
    with suppress(PermissionError):  # a sandbox may forbid it: then all are equal
        lower = min(os.getpriority(os.PRIO_PROCESS, os.getpid()) + LOWER, 19)
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), lower)
