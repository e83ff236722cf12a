"""`make image`: builds every target of container/Dockerfile, and says what each weighs."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stack import image_base, image_engine, pip_settings
from stack.console import Trouble, say, step
from stack.image_engine import Engine
from stack.places import ROOT, STATE

DOCKERFILE = ROOT / "container/Dockerfile"
REPOSITORY = "localhost/perennial"
CERTIFICATES = "/run/secrets/certificates"
LOG = STATE / "image-build.log"
MEGABYTE = 1_000_000
# pip's options that name things which a build can't see: files and folders of this machine.
FOLDERS = ("index-url", "extra-index-url", "find-links")
LEFT_OUT = ("client-cert", "cache-dir", "log", "target", "prefix", "user", "require-virtualenv")


@dataclass(frozen=True)
class Target:
    """A target of the Dockerfile, the lock it installs, and the most megabytes that it may weigh.

    `packages` are those of its site-packages; `whole` is the image without the one that it starts from. A variant of
    a target names it as its `stage`, and the build arguments that make the difference.
    """

    name: str
    lock: str
    packages: float
    whole: float
    stage: str = ""
    arguments: tuple[str, ...] = ()

    @property
    def image(self) -> str:
        return f"{REPOSITORY}:{self.name}"


TARGETS = (
    Target("serve", "container/requirements/serve.txt", packages=170, whole=185),
    Target(
        "serve-parquet",
        "container/requirements/serve-parquet.txt",
        packages=350,
        whole=365,
        stage="serve",
        arguments=("SERVE=serve-parquet",),
    ),
    Target("analyze", "layers/analysis/requirements.txt", packages=120, whole=130),
    Target("train", "container/requirements/train.txt", packages=720, whole=740),
    Target("perennial", "container/requirements/train.txt", packages=720, whole=740),
)


@dataclass(frozen=True)
class Built:
    """A target's image as it is: bytes of its site-packages, of itself, and of what it starts from."""

    target: Target
    packages: int
    image: int
    base: int

    @property
    def excess(self) -> str:
        """Which budget is exceeded, and by how much; empty when none is."""
        whole = self.image - self.base
        over = [
            f"{what} {found / MEGABYTE:.0f} MB, at most {most:.0f} MB"
            for what, found, most in (
                ("site-packages", self.packages, self.target.packages),
                ("image without its base", whole, self.target.whole),
            )
            if found > most * MEGABYTE
        ]
        return "; ".join(over)


def ready() -> tuple[Engine, str]:
    """An engine that runs containers here, and the base image; raises Trouble where there is none."""
    engine = image_engine.find()
    base = image_base.base(engine)
    return image_engine.fitted(engine, base), base


def build(engine: Engine, base: str, targets: Sequence[Target] = TARGETS) -> list[Built]:
    """Builds the targets and their variants, one after the other: the engine's cache shares what they share."""
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_text("")
    with secrets(pip_settings.read(sys.executable)) as options:
        for target in targets:
            with step(f"image {target.image}"):
                build_one(engine, base, target, options)
    return [weigh(engine, base, target) for target in targets]


def build_one(engine: Engine, base: str, target: Target, secret_options: Sequence[str]) -> None:
    # HEALTHCHECK is of Docker's format only.
    image_format = ("--format", "docker") if engine.is_podman else ()
    arguments = [f"--build-arg={argument}" for argument in (f"PYTHON={base}", *target.arguments)]
    command = [
        *(*engine.command, "build", *engine.build_options, *image_format, *secret_options, *arguments),
        *("--target", target.stage or target.name, "--tag", target.image),
        *("--file", str(DOCKERFILE), str(ROOT)),
    ]
    with LOG.open("a") as log:
        code = subprocess.run(
            command,
            env=os.environ | {"DOCKER_BUILDKIT": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
    if code != 0:
        ending = "\n".join(LOG.read_text(errors="replace").splitlines()[-30:])
        raise Trouble(
            f"{target.image} can't be built; all of it is in {LOG.relative_to(ROOT)}. Its end:\n{ending}"
        )


def weigh(engine: Engine, base: str, target: Target) -> Built:
    measure = "du -sb /opt/venv/lib/python3.*/site-packages | cut -f1"
    done = engine.call(
        *("run", "--rm", "--no-healthcheck", "--network", "none", *engine.run_options),
        *("--entrypoint", "sh", target.image, "-c", measure),
    )
    if done.returncode != 0 or not done.stdout.strip().isdigit():
        raise Trouble(f"{target.image} can't be measured:\n{done.stderr}")
    return Built(target, int(done.stdout), engine.size(target.image), engine.size(base))


def table(built: Sequence[Built]) -> str:
    """Sizes beside their budgets, a line each."""
    lines = [f"  {'image':<32} {'whole':>9} {'of it base':>11} {'site-packages':>14} {'budget':>8}"]
    for each in built:
        figures = [f"{size / MEGABYTE:.0f} MB" for size in (each.image, each.base, each.packages)]
        lines.append(
            f"  {each.target.image:<32} {figures[0]:>9} {figures[1]:>11} {figures[2]:>14} "
            f"{each.target.packages:>5.0f} MB{'  EXCEEDED: ' + each.excess if each.excess else ''}"
        )
    return "\n".join(lines)


@contextmanager
def secrets(settings: Mapping[str, str]) -> Iterator[list[str]]:
    """`--secret` options with which pip in the build finds packages as pip here does; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="perennial-build-") as folder:
        file = Path(folder) / "pip.conf"
        file.touch(mode=0o600)
        file.write_text(pip_conf(settings))
        options = ["--secret", f"id=pip,src={file}"]
        if settings.get("cert"):
            options += ["--secret", f"id=certificates,src={settings['cert']}"]
        yield options


def pip_conf(settings: Mapping[str, str]) -> str:
    """pip's options in force here, less what is a file or a folder of this machine."""
    told = {}
    for option, value in settings.items():
        if option in LEFT_OUT:
            continue
        if option == "cert":
            told[option] = CERTIFICATES
        elif option in FOLDERS:
            told[option] = "\n    ".join(
                each for each in value.split() if each.startswith(("http://", "https://"))
            )
        else:
            told[option] = " ".join(value.split())
    return "[global]\n" + "".join(f"{option} = {value}\n" for option, value in told.items() if value)


RUNTIMES = ("process", "container")


def for_twin(asked: Mapping[str, str]) -> dict[str, str]:
    """`make up RUNTIME=container`: builds the image unless IMAGE names one; IMAGE, ENGINE and ENGINE_OPTIONS."""
    runtime = asked.get("RUNTIME") or "process"
    if runtime not in RUNTIMES:
        raise Trouble(f"RUNTIME={runtime} is not known; it is one of: {', '.join(RUNTIMES)}")
    if runtime == "process":
        return {}
    engine, base = ready()
    image = asked.get("IMAGE") or ""
    if not image:
        [whole] = build(engine, base, TARGETS[-1:])
        image = whole.target.image
    elif not engine.has(image):
        raise Trouble(f"{engine.command[0]} has no image {image}; without IMAGE=... one is built")
    return {
        "IMAGE": image,
        "ENGINE": shlex.join(engine.command),
        "ENGINE_OPTIONS": shlex.join(engine.run_options),
    }


def image() -> bool:
    """`make image`: whether every target is built and within its budget."""
    engine, base = ready()
    built = build(engine, base)
    say(f"\n{table(built)}")
    return not any(each.excess for each in built)
