"""Environments for what is measured beside us: `environment("evidently")` is made from pins/evidently.txt.

They are kept in .perennial/venvs/bench-*, and made again when those change. Only what is named there is
pinned: rivals are measured with whatever else they ask for today.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "local"))

from stack import pip_settings  # noqa: E402
from stack.console import Trouble, step  # noqa: E402
from stack.environments import attempt, bootstrap_uv, fingerprint, host_pip, interpreter, is_current, run  # noqa: E402
from stack.places import PRIVATE_HOME, VENVS  # noqa: E402


@dataclass(frozen=True)
class Environment:
    python: Path
    packages: Path


def environment(name: str, requirements: Path | None = None) -> Environment:
    """From pins/, or from another file. Raises Trouble where it cannot be installed."""
    target, requirements = VENVS / f"bench-{name}", requirements or HERE / "pins" / f"{name}.txt"
    made = Environment(
        target / "bin" / "python",
        target / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages",
    )
    if not is_current(target, requirements):
        PRIVATE_HOME.mkdir(parents=True, exist_ok=True)
        with step(f"environment bench-{name}"):
            shutil.rmtree(target, ignore_errors=True)
            run([interpreter(), "-m", "venv", "--without-pip", str(target)])
            install(made.python, requirements)
            (target / ".stamp").write_text(fingerprint(requirements))
    return made


def install(python: Path, requirements: Path) -> None:
    """A first line `# --no-deps` has nothing installed but what is named."""
    options = ["--no-deps"] if requirements.read_text().startswith("# --no-deps") else []
    uv = bootstrap_uv()
    if uv:
        command = [str(uv), "pip", "install", "--quiet", "--python", str(python)]
        settings = {**pip_settings.for_uv(pip_settings.read(sys.executable)), **os.environ}
    else:
        command = [*host_pip(), "--python", str(python), "install", "--quiet"]
        settings = dict(os.environ)
    done = attempt([*command, *options, "-r", str(requirements)], settings)
    if done.returncode != 0:
        raise Trouble(f"{requirements.name} could not be installed:\n{done.stdout}")
