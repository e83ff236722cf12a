"""`sam build` and `sam deploy` of the real template against a twin, each skipped when nothing changed."""

import fcntl
import hashlib
import os
import shlex
import signal
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import boto3

from stack import inbox
from stack.console import Trouble
from stack.places import (
    ARCHITECTURE,
    BUILD,
    PRIVATE_HOME,
    REGION,
    ROOT,
    RUNTIME,
    SAM_CACHE,
    STACK_NAME,
    STATE,
    VENVS,
    WHEELS,
    clean_environment,
    shown,
)
from stack.twin_process import Twin

# The twin's root user: what an account's administrator would deploy with.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
ARTIFACTS = "perennial-artifacts"
SOURCES = ("template.yaml", "samconfig.toml", "functions", "layers", "requirements/tools.txt")


def build() -> bool:
    """Builds the template into `.perennial/build`, if need be; waits for another build of this checkout to end."""
    wanted = fingerprint()
    with one_at_a_time("build"):
        stamp = BUILD / ".stamp"
        if stamp.exists() and stamp.read_text() == wanted:
            return False
        stamp.unlink(missing_ok=True)
        places = ["--build-dir", str(BUILD), "--cache-dir", str(SAM_CACHE)]
        sam("build", *places, "--parameter-overrides", *parameters())
        stamp.write_text(wanted)
        return True


def deploy(twin: Twin) -> bool:
    """Deploys the build as stack `perennial`, unless this twin runs the same one already."""
    wanted = f"{fingerprint()} {code_version()}"
    stamp = twin.home / "deployed"
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    session().client("s3", endpoint_url=twin.endpoint).create_bucket(Bucket=ARTIFACTS)
    with one_at_a_time("build"):  # no other run of this checkout builds anew what is being uploaded
        sam(
            *("deploy", "--template-file", str(BUILD / "template.yaml")),
            *("--stack-name", STACK_NAME, "--region", REGION),
            *("--no-resolve-s3", "--s3-bucket", ARTIFACTS, "--no-progressbar"),
            *("--parameter-overrides", *parameters()),
            twin=twin,
        )
    secretsmanager = session().client("secretsmanager", endpoint_url=twin.endpoint)
    inbox.connect(twin, secretsmanager, STACK_NAME, outputs(twin)["SlackCallbackUrl"])
    given = dict(pair.split("=", 1) for pair in parameters())
    inbox.verify_sender(session().client("ses", endpoint_url=twin.endpoint), given["EmailSender"].strip("'"))
    stamp.write_text(wanted)
    return True


def sam(verb: str, *options: str, twin: Twin | None = None) -> None:
    """Runs the SAM CLI with the checkout's `[local]` configuration; its output is kept in `.perennial/sam-<verb>.log`."""
    PRIVATE_HOME.mkdir(parents=True, exist_ok=True)
    log = STATE / f"sam-{verb}.log"
    configuration = ["--config-file", str(ROOT / "samconfig.toml"), "--config-env", "local"]
    command = [str(VENVS / "tools/bin/sam"), verb, *configuration, *options]
    with log.open("w+") as output, tempfile.TemporaryDirectory(prefix="sam-", dir=STATE) as scratch:
        code = run_group(command, environment(scratch, WHEELS, twin), output)
        output.seek(0)
        ending = "".join(output.readlines()[-30:])
    if code != 0:
        raise Trouble(f"sam {verb} failed; all of it is in {shown(log)}. Its end:\n{ending}")


def environment(scratch: str, wheels: Path, twin: Twin | None) -> dict[str, str]:
    """What the SAM CLI, and the pip that it runs, may know: a twin if any, and no index."""
    return clean_environment(
        TMPDIR=scratch,  # `sam deploy` leaves a folder there for every function
        SAM_CLI_TELEMETRY="0",
        SAM_CLI_POLL_DELAY="0.3",
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=wheels.as_uri(),  # pip reads a list here, split at spaces: a path may have some
        PERENNIAL_RUNTIME=RUNTIME,
        PERENNIAL_ARCHITECTURE=ARCHITECTURE,
        AWS_DEFAULT_REGION=REGION,
        **({"AWS_ENDPOINT_URL": twin.endpoint} if twin else {}),
        **CREDENTIALS,
    )


def run_group(command: list[str], settings: dict[str, str], output: IO[str]) -> int:
    """Runs a command to its end; if we are interrupted, nothing of it and of what it started goes on."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise


def parameters() -> list[str]:
    """`[local]`'s parameter values of samconfig.toml, made to fit this machine and checkout."""
    configured = tomllib.loads((ROOT / "samconfig.toml").read_text())["local"]["deploy"]["parameters"]
    given = dict(pair.split("=", 1) for pair in shlex.split(configured["parameter_overrides"]))
    given |= {"Runtime": RUNTIME, "Architecture": ARCHITECTURE, "CodeVersion": code_version()}
    return [f"{name}='{value}'" for name, value in given.items()]


def code_version() -> str:
    """The git revision, `-dirty` when files differ from it; `unversioned` outside git."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return "unversioned"
    return described.stdout.strip() or "unversioned"


def fingerprint() -> str:
    """One hash over everything that the build reads."""
    digest = hashlib.sha256(RUNTIME.encode())
    for source in SOURCES:
        place = ROOT / source
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"\n{file.relative_to(ROOT)} {file.stat().st_mode & 0o111} ".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def session() -> boto3.Session:
    """The administrator of the twin's account."""
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )


def outputs(twin: Twin) -> dict[str, str]:
    """The stack's outputs by name."""
    cloudformation = session().client("cloudformation", endpoint_url=twin.endpoint)
    [stack] = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def environment_lines(twin: Twin) -> str:
    """What `.perennial/env` says: everything that an AWS client needs to reach the twin."""
    values = {
        "AWS_ENDPOINT_URL": twin.endpoint,
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "PERENNIAL_STACK": STACK_NAME,
    }
    return "".join(f"export {name}={value}\n" for name, value in values.items())


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    STATE.mkdir(exist_ok=True)
    with Path(STATE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
