"""Where things are: every path and fixed name that the make targets share."""

import os
import platform
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".perennial"
VENVS = STATE / "venvs"
WHEELS = STATE / "wheels"
BUILD = STATE / "build"
SAM_CACHE = STATE / "sam-cache"
PRIVATE_HOME = STATE / "home"
ENV_FILE = STATE / "env"

REGION = "us-east-1"
STACK_NAME = "perennial"
PORT = 4566

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
ARCHITECTURE = "arm64" if platform.machine().lower() in ("arm64", "aarch64") else "x86_64"


def python(environment: str) -> Path:
    """The interpreter of one of our virtual environments."""
    return VENVS / environment / "bin" / "python"


def shown(path: Path) -> str:
    """The path as a person in the checkout would type it."""
    return os.path.relpath(path, ROOT) if path.is_relative_to(ROOT) else str(path)


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment of everything we start: nothing of the host's AWS, pip or Python settings gets in."""
    kept = {name: os.environ[name] for name in ("LANG", "TERM", "TMPDIR", "TZ") if name in os.environ}
    path = os.pathsep.join([str(VENVS / "tools" / "bin"), "/usr/local/bin", "/usr/bin", "/bin"])
    return {
        **kept,
        "PATH": path,
        "HOME": str(PRIVATE_HOME),
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
        **extra,
    }
