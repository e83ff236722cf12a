"""Virtual environments from hashed lock files, and the wheels from which `sam build` fills the layers.

Runs on the machine's own Python with nothing but the standard library. Installs with uv (itself from a hashed lock
file) because it takes seconds where pip takes minutes; where uv can't do it, pip does, and has the last word.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from stack import pip_settings
from stack.console import Trouble, say, step
from stack.places import ARCHITECTURE, PRIVATE_HOME, ROOT, RUNTIME, VENVS, WHEELS

LOCKS = {
    "tools": ROOT / "requirements/tools.txt",
    "twin": ROOT / "requirements/twin.txt",
    "lambda": ROOT / "requirements/lambda.txt",
    "container": ROOT / "container/requirements/train.txt",
    "data": ROOT / "requirements/data.txt",
    "test": ROOT / "requirements/test.txt",
    "container-test": ROOT / "container/requirements/test.txt",
    "image": ROOT / "requirements/image.txt",
}
UV_LOCK = ROOT / "requirements/uv.txt"
SUPPORTED = ((3, 11), (3, 13))
# A lock is complete, so nothing is looked up beyond it.
INSTALL = ("--require-hashes", "--no-deps", "--only-binary", ":all:")


def set_up(names: list[str]) -> None:
    """Makes the named environments and the wheels, each only if its lock file or the interpreter changed."""
    check_interpreter()
    for folder in (VENVS, PRIVATE_HOME):
        folder.mkdir(parents=True, exist_ok=True)
    stale = [name for name in names if not is_current(VENVS / name, LOCKS[name])]
    if stale:
        uv = bootstrap_uv()
        for name in stale:
            with step(f"environment {name}"):
                create(name, uv)
    collect_wheels()


def check_interpreter() -> None:
    lowest, highest = SUPPORTED
    if not lowest <= sys.version_info[:2] <= highest:
        raise Trouble(
            f"Python {sys.version.split()[0]} ({sys.executable}) can't run this: "
            "3.11, 3.12 or 3.13 is needed, for instance `make PYTHON=python3.12 ...`."
        )


def interpreter() -> str:
    """The real interpreter behind a virtual environment or a version manager's shim."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def fingerprint(*locks: Path) -> str:
    """Changes with the locks, the interpreter, and the checkout's place: environments can't be moved."""
    digest = hashlib.sha256(f"{ROOT} {interpreter()} {sys.version}".encode())
    for lock in locks:
        digest.update(lock.read_bytes())
    return digest.hexdigest()


def is_current(target: Path, *locks: Path) -> bool:
    stamp = target / ".stamp"
    return stamp.exists() and stamp.read_text() == fingerprint(*locks)


def bootstrap_uv() -> Path | None:
    """The installer, or None where pip has no uv for this platform."""
    target = VENVS / "uv"
    if not is_current(target, UV_LOCK):
        with step("installer uv"):
            shutil.rmtree(target, ignore_errors=True)
            run([interpreter(), "-m", "venv", "--without-pip", str(target)])
            installed = pip_into(target, UV_LOCK)
            if installed.returncode == 0:
                (target / ".stamp").write_text(fingerprint(UV_LOCK))
    uv = target / "bin" / "uv"
    if uv.exists():
        return uv
    say("uv can't be installed here; pip does its work, slowly.")
    return None


def create(name: str, uv: Path | None) -> None:
    target, lock = VENVS / name, LOCKS[name]
    shutil.rmtree(target, ignore_errors=True)
    run([interpreter(), "-m", "venv", "--without-pip", str(target)])
    versioned = target / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    if not versioned.exists():  # `sam build` looks the runtime's interpreter up by this name
        versioned.symlink_to("python")
    if uv is None or uv_into(uv, target, lock).returncode != 0:
        installed = pip_into(target, lock)
        if installed.returncode != 0:
            raise Trouble(f"pip could not install {lock.relative_to(ROOT)}:\n{complaints(installed.stdout)}")
    (target / ".stamp").write_text(fingerprint(lock))


def uv_into(uv: Path, target: Path, lock: Path) -> subprocess.CompletedProcess[str]:
    settings = pip_settings.for_uv(pip_settings.read(sys.executable))
    command = [str(uv), "pip", "install", "--quiet", "--python", str(target / "bin" / "python"), *INSTALL]
    return attempt([*command, "-r", str(lock)], {**settings, **os.environ})


def pip_into(target: Path, lock: Path) -> subprocess.CompletedProcess[str]:
    into = ["--python", str(target / "bin" / "python")]
    return attempt([*host_pip(), *into, "install", "--quiet", *INSTALL, "-r", str(lock)], dict(os.environ))


def host_pip() -> list[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]


def layer_locks() -> list[Path]:
    return sorted(ROOT.glob("layers/*/requirements.txt"))


def collect_wheels() -> None:
    """Fetches the wheels of every layer, so that `sam build` needs no index at run time."""
    locks = layer_locks()
    if is_current(WHEELS, *locks):
        return
    processor = "aarch64" if ARCHITECTURE == "arm64" else "x86_64"
    platforms = [f"manylinux{glibc}_{processor}" for glibc in ("2014", "_2_24", "_2_28")]
    for_lambda = ["--implementation", "cp", "--python-version", RUNTIME.removeprefix("python")]
    for_lambda += [option for name in platforms for option in ("--platform", name)]
    with step("wheels of the Lambda layers"):
        shutil.rmtree(WHEELS, ignore_errors=True)
        for lock in locks:
            fetch = [
                *host_pip(),
                "download",
                "--quiet",
                *INSTALL,
                *for_lambda,
                "--dest",
                str(WHEELS),
                "-r",
                str(lock),
            ]
            fetched = attempt(fetch, dict(os.environ))
            if fetched.returncode != 0:
                raise Trouble(f"pip could not fetch {lock.relative_to(ROOT)}:\n{complaints(fetched.stdout)}")
        WHEELS.mkdir(parents=True, exist_ok=True)
        (WHEELS / ".stamp").write_text(fingerprint(*locks))


def complaints(output: str) -> str:
    """What pip printed without its warnings, which are many where an index is a folder."""
    return "\n".join(line for line in output.splitlines() if not line.startswith("WARNING:"))


def attempt(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in environment.items() if name != "PIP_REQUIRE_VIRTUALENV"}
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def run(command: list[str]) -> None:
    done = attempt(command, dict(os.environ))
    if done.returncode != 0:
        raise Trouble(f"This command failed: {' '.join(command)}\n{done.stdout}")
