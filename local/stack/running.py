"""The stack on a twin of one's own for the length of a `with`: what tests and benchmarks run against."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack import release, twin_process
from stack.twin_process import Twin


@dataclass(frozen=True)
class Running:
    """A twin with the stack `perennial` on it, and the stack's outputs by name."""

    twin: Twin
    outputs: dict[str, str]


@contextmanager
def stack(home: Path) -> Iterator[Running]:
    """Builds and deploys the checkout on a free port; stops the twin at the end, however it comes."""
    release.build()
    twin = twin_process.start(home, twin_process.any_free_port())
    try:
        release.deploy(twin)
        yield Running(twin, release.outputs(twin))
    finally:
        twin_process.stop(twin)
