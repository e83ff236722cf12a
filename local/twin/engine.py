"""Runs an entry point of the container as a real one: `python -m twin.engine ENGINE OPTIONS IMAGE COMMAND...`.

Stands where the plain process stands (`--image`), so the twin need not know the difference: the job's folder
becomes /opt/ml, its environment the container's, its end the container's. SIGTERM goes through to the
container; a watcher removes the container when this process is gone, however it went.
"""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# What belongs to this process, not to the job.
OWN = frozenset(
    {"PATH", "LANG", "TZ", "PYTHONPATH", "PYTHONUNBUFFERED", "SAGEMAKER_BASE_DIR", "HOME", "LC_CTYPE"}
)
_WATCHER = """
import subprocess, sys
sys.stdin.read()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
"""


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Returns the container's exit code."""
    engine, options, image, *command = arguments
    name = f"perennial-twin-{os.getpid()}"
    base = Path(environment["SAGEMAKER_BASE_DIR"])
    end, pipe = os.pipe()
    subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _WATCHER, *shlex.split(engine), "rm", "--force", name],
        stdin=end,
        start_new_session=True,
    )
    os.close(end)
    run = run_command(shlex.split(engine), shlex.split(options), name, base, environment, image, command)
    container = subprocess.Popen(run, env=dict(environment))
    signal.signal(signal.SIGTERM, lambda number, _: container.send_signal(number))
    code = container.wait()
    os.close(pipe)
    return code if code >= 0 else 128 - code


def run_command(
    engine: list[str],
    options: list[str],
    name: str,
    base: Path,
    environment: Mapping[str, str],
    image: str,
    command: list[str],
) -> list[str]:
    """`docker run`, as SageMaker would: the folder at /opt/ml, a read-only root, the job's environment by name."""
    volumes = ["--volume", f"{base}:/opt/ml"]
    model = base / "model"
    if model.is_symlink():  # a server's artefact is shared by its fleet
        volumes += ["--volume", f"{model.resolve()}:/opt/ml/model:ro"]
    given = [option for key in sorted(set(environment) - OWN) for option in ("--env", key)]
    fixed = ["--rm", "--name", name, "--network", "host", "--read-only", "--tmpfs", "/tmp"]  # noqa: S108
    fixed += ["--no-healthcheck"]  # /ping is the twin's to ask
    return [*engine, "run", *fixed, *options, *volumes, *given, image, *command]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
