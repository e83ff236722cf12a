"""The image that container/Dockerfile starts from: Python's own from a registry, else one made of Debian's packages.

The second is for machines that reach Debian's packages and no image registry. It has the same Debian and the same
minor version of Python, without the security updates since that Debian's last point release: good for tests, not to ship.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from stack import image_engine
from stack.console import Trouble, say, step
from stack.image_engine import Engine

OFFICIAL = "docker.io/library/python:3.11-slim-bookworm"
OWN = "localhost/perennial/python:3.11-bookworm"
RELEASE = "bookworm"
PACKAGES = ("ca-certificates", "python3", "python3-pip", "python3-venv")
PULL_SECONDS = 180
# What a container has no use for.
UNUSED = ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")
# Programs, each in the Debian package of its name.
APT = ("podman", "buildah", "runc", "debootstrap")


def prerequisites() -> None:
    """Installs Podman and what makes a base image, where they are missing; raises Trouble if it can't."""
    there = {program for program in APT if shutil.which(program, path=search_path())}
    missing = wanted(image_engine.answering(), there)
    if not missing:
        say("engine: what it needs is installed")
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        if image_engine.answering():
            say(f"engine: one answers; without {' '.join(missing)} the base image must come from a registry")
            return
        raise Trouble(
            f"{' '.join(missing)} are missing, and only root on Debian or Ubuntu can install them here. "
            "Install Docker or Podman in your system's way; then: make image-test"
        )
    with step(f"apt-get install {' '.join(missing)}"):
        apt("update", "--quiet")
        apt("install", "--yes", "--quiet", *missing)  # with what they recommend: networks, for one


def wanted(engine_answers: bool, there: Collection[str]) -> list[str]:
    """The packages to install: no second engine beside one that answers."""
    needed = ("debootstrap",) if engine_answers else APT
    return [program for program in needed if program not in there]


def apt(*arguments: str) -> None:
    command = ["apt-get", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300", *arguments]
    run(command, os.environ | {"DEBIAN_FRONTEND": "noninteractive"})


def base(engine: Engine) -> str:
    """The name of a base image that is here now; raises Trouble if none can be had."""
    if engine.has(OFFICIAL) or engine.has(OWN):
        return OFFICIAL if engine.has(OFFICIAL) else OWN
    with step(f"base image {OFFICIAL}"):
        refusal = pull(engine)
        if not refusal:
            return OFFICIAL
        say("no image registry answers")
    if not (os.geteuid() == 0 and shutil.which("debootstrap", path=search_path())):
        raise Trouble(
            f"{OFFICIAL} can't be pulled:\n{refusal}\n"
            "With root and debootstrap (`make image-prerequisites` installs it) one is made of Debian's packages."
        )
    with step(f"base image {OWN} of Debian's packages"):
        make(engine)
    return OWN


def pull(engine: Engine) -> str:
    """Empty when the official image came, else why not."""
    try:
        done = engine.call("pull", "--quiet", OFFICIAL, seconds=PULL_SECONDS)
    except subprocess.TimeoutExpired:
        return f"no answer within {PULL_SECONDS} s"
    return "" if done.returncode == 0 else done.stderr.strip()


def make(engine: Engine) -> None:
    """One pass of debootstrap, imported as an image with `python` and `pip`."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        included = f"--include={','.join(PACKAGES)}"
        run(["debootstrap", "--variant=minbase", included, RELEASE, str(root)], os.environ)
        (root / "usr/bin/python").symlink_to("python3")
        for unused in UNUSED:
            shutil.rmtree(root / unused, ignore_errors=True)
            (root / unused).mkdir(parents=True)
        archive = Path(folder) / "root.tar"
        run(["tar", "--create", "--file", str(archive), "--directory", str(root), "."], os.environ)
        imported = engine.call("import", str(archive), OWN)
    if imported.returncode != 0:
        raise Trouble(f"{OWN} can't be imported:\n{imported.stderr}")


def run(command: Sequence[str], environment: "os._Environ[str] | dict[str, str]") -> None:
    done = subprocess.run(
        command,
        env={**environment, "PATH": search_path()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        ending = "\n".join(done.stdout.splitlines()[-20:])
        raise Trouble(f"This command failed: {' '.join(command)}\n{ending}")


def search_path() -> str:
    """Where programs for root are, too: some shells leave that out."""
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
