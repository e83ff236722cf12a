"""`perennial check-container`: needs no stack and no AWS account."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from perennial_cli.contract.answers import MEGABYTE, Case
from perennial_cli.contract.asking import PING_SECONDS, Sample, Server
from perennial_cli.contract.findings import Report
from perennial_cli.contract.lives import MEBIBYTE, check_address, check_target
from perennial_cli.contract.targets import PORT, CannotRun, Command, Image, Target

CANNOT_RUN = 2


def check_container(options: argparse.Namespace) -> None:
    """Try SageMaker's contract on any serving container: an address, an image or a process."""
    sample = read_sample(options.body, options.content_type)
    largest = int(options.max_body_mb * MEGABYTE)
    try:
        if options.url:
            found = list(check_address(Case(there(options.url), sample, largest)))
            report = Report(options.url, tuple(found))
        else:
            target = chosen(options)
            limit = int(options.memory_mb * MEBIBYTE) if options.memory_mb else None
            checked = check_target(target, options.port, sample, largest, options.start_seconds, limit)
            report = Report(target.name, tuple(checked))
    except CannotRun as error:
        print(f"perennial: {error}", file=sys.stderr)
        sys.exit(CANNOT_RUN)
    print(report.as_json() if options.json else "\n".join(report.lines()))
    sys.exit(0 if report.good(strict=options.strict) else 1)


def there(url: str) -> Server:
    """The server at an address. Raises CannotRun where nothing listens: no check says more than that."""
    server = Server(url.rstrip("/"))
    try:
        taken = server.connect(PING_SECONDS)
    except ValueError as error:
        raise CannotRun(str(error)) from error
    if taken is None:
        raise CannotRun(f"nothing takes connections at {url}")
    return server


def chosen(options: argparse.Namespace) -> Target:
    if options.command:
        return Command(options.command)
    engine = shlex.split(options.engine) if options.engine else [found_engine()]
    if options.model and not options.model.is_dir():
        raise CannotRun(f"{options.model} is no folder")
    return Image(
        options.image,
        tuple(engine),
        tuple(shlex.split(options.engine_options)),
        options.model,
        options.host_network,
    )


def found_engine() -> str:
    for name in ("docker", "podman"):
        if (
            shutil.which(name)
            and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0
        ):
            return name
    raise CannotRun(
        "neither Docker nor Podman answers; --engine says how to call one, --url and --command need none"
    )


def read_sample(text: str | None, content_type: str) -> Sample | None:
    if text is None:
        return None
    if text.startswith("@"):
        try:
            return Sample(Path(text[1:]).read_bytes(), content_type)
        except OSError as error:
            raise SystemExit(f"perennial: {error}") from error
    return Sample(text.encode(), content_type)


def add_commands(command: Callable[[str, object], argparse.ArgumentParser]) -> None:
    """`perennial check-container`."""
    made = command("check-container", check_container)
    made.set_defaults(offline=True)
    what = made.add_mutually_exclusive_group(required=True)
    what.add_argument("--url", help="a server that runs already, such as http://127.0.0.1:8080")
    what.add_argument("--image", help="an image here, run as SageMaker does: docker run IMAGE serve")
    what.add_argument("--command", help="a process that serves; {port} in it becomes the port")
    made.add_argument("--body", help="a request that it should answer: the text itself, or @file")
    made.add_argument("--content-type", default="text/csv", help="of that request (text/csv)")
    made.add_argument("--model", type=Path, help="image: the unpacked artefact, mounted at /opt/ml/model")
    made.add_argument(
        "--port", type=int, default=PORT, help="another port than 8080, told by SAGEMAKER_BIND_TO_PORT"
    )
    made.add_argument("--start-seconds", type=float, default=480, help="for the first 200 of /ping (480)")
    made.add_argument("--max-body-mb", type=float, default=25, help="the largest body (25; serverless: 4)")
    made.add_argument(
        "--memory-mb", type=float, help="the most MiB of memory, such as a serverless endpoint's"
    )
    made.add_argument("--engine", help="docker, podman, or how to call it")
    made.add_argument("--engine-options", default="", help="further options of `docker run`")
    made.add_argument(
        "--host-network", action="store_true", help="do not publish a port, use the host's network"
    )
    made.add_argument("--json", action="store_true", help="for programs")
    made.add_argument("--strict", action="store_true", help="advice counts, too")
