"""Entry point: `python -m perennial_container train|serve`, the two words SageMaker starts the image with."""

import os
import sys
from collections.abc import Callable
from importlib import import_module

from perennial_container.errors import PrivilegeError
from perennial_container.paths import Paths
from perennial_container.privileges import drop_root

COMMANDS = {
    "train": "perennial_container.training.job",
    "serve": "perennial_container.serving.server",
}


def main(arguments: list[str]) -> int:
    """Run one command and return its exit code; an unknown command is exit code 2."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        print(f"usage: perennial_container {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    written = Paths.from_env(os.environ).written() if arguments == ["train"] else ()
    try:
        done = drop_root(os.environ, written)
    except PrivilegeError as error:
        print(error, file=sys.stderr)
        return 1
    if done:
        print(done, flush=True)
    run: Callable[[], int] = import_module(COMMANDS[arguments[0]]).main
    return run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
