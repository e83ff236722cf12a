"""`make lock`: renews the lock files, which name hashes for every platform and no index address."""

import os
import subprocess
from pathlib import Path

from stack import pip_settings
from stack.console import Trouble, step
from stack.environments import bootstrap_uv
from stack.places import ROOT

OPTIONS = (
    *("--quiet", "--universal", "--generate-hashes", "--python-version", "3.11", "--only-binary", ":all:"),
    *("--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--no-header", "--upgrade"),
)
# The Lambda runtime has boto3 and all that it needs: no layer brings them again.
RUNTIME_HAS = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
# Every function has this layer: no other brings its packages again.
SHARED_LOCK = ROOT / "layers/dependencies/requirements.txt"
# Locks on which others are constrained come first.
ORDER = ("layers/*/requirements.in", "container/requirements/serve.in", "container/requirements/train.in")


def renew() -> None:
    uv = bootstrap_uv()
    if uv is None:
        raise Trouble("uv makes the lock files, and can't be installed here.")
    ordered = [path for pattern in ORDER for path in sorted(ROOT.glob(pattern))]
    others = {*ROOT.glob("requirements/*.in"), *ROOT.glob("container/requirements/*.in")} - set(ordered)
    settings = pip_settings.for_uv(pip_settings.read("python3"))
    for source in [*ordered, *sorted(others)]:
        compile_lock(uv, source, {**settings, **os.environ})


def compile_lock(uv: Path, source: Path, environment: dict[str, str]) -> None:
    target = source.with_suffix(".txt")
    there_already = [*RUNTIME_HAS, *(packages(SHARED_LOCK) if target != SHARED_LOCK else ())]
    left_out = [option for package in there_already for option in ("--no-emit-package", package)]
    with step(str(target.relative_to(ROOT))):
        command: list[str | Path] = [
            uv,
            "pip",
            "compile",
            *OPTIONS,
            *(left_out if source.is_relative_to(ROOT / "layers") else ()),
            source.name,
            "--output-file",
            target.name,
        ]
        done = subprocess.run(
            command, cwd=source.parent, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise Trouble(done.stderr)


def packages(lock: Path) -> list[str]:
    """The names that a lock file pins."""
    return [line.partition("==")[0] for line in lock.read_text().splitlines() if "==" in line]
