"""How many processors this container may use."""

import os


def available_cpus() -> int:
    """The processors this process may run on, where the system tells; else those of the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
