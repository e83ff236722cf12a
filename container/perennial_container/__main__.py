"""Entry point: `python -m perennial_container train|serve|analyze`.

The first two are the words that SageMaker itself starts the image with, the third is a Processing job's argument.
"""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from perennial_container.errors import PrivilegeError
from perennial_container.paths import Paths
from perennial_container.privileges import drop_root

COMMANDS = {
    "train": "perennial_container.training.job",
    "serve": "perennial_container.serving.server",
    "analyze": "perennial_container.analysis.job",
}


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code; an unknown command is exit code 2."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: perennial_container {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        done = drop_root(os.environ, written(arguments[0], Paths.from_env(os.environ)))
    except PrivilegeError as error:
        print(error, file=sys.stderr)
        return 1
    if done:
        print(done, flush=True)
    run: Callable[[], int] = import_module(COMMANDS[arguments[0]]).main
    return run()


def written(command: str, paths: Paths) -> tuple[Path, ...]:
    """The folders that a command writes to."""
    if command == "train":
        return paths.written_by_training()
    return paths.written_by_analysis(os.environ) if command == "analyze" else ()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
