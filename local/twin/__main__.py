"""Start the twin: `python -m twin --home DIR --container DIR --container-python PATH`.

The process clears its environment, configures MiniStack, adds our services and serves all of it
on one loopback port until SIGTERM or SIGINT.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

HOST = "127.0.0.1"
logger = logging.getLogger("twin")


def main() -> int:
    options = _options()
    options.home.mkdir(parents=True, exist_ok=True)
    try:
        with _pid_file(options.home / "twin.pid", options.port):
            _clean(options.home)
            _environment(options)
            _logging(options.log_level)
            asyncio.run(_serve(options))
    except Busy as busy:
        print(busy, file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="twin", description="AWS on loopback: MiniStack plus SageMaker")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument(
        "--home", type=_path, required=True, help="folder for jobs, model servers and the pid file"
    )
    parser.add_argument(
        "--container", type=_paths, required=True, help="folders of the image's packages, as in PYTHONPATH"
    )
    parser.add_argument("--container-python", type=_path, required=True, help="interpreter of the container")
    parser.add_argument("--image", help="run this image instead of plain processes")
    parser.add_argument("--engine", default="docker", help="docker or podman, with options of its own")
    parser.add_argument("--engine-options", default="", help="for each `run`, such as --ulimit nofile=1024")
    parser.add_argument(
        "--lambda-python",
        type=_path,
        default=Path(sys.executable),
        help="interpreter of Lambda functions: boto3 and nothing else",
    )
    parser.add_argument(
        "--time-scale", type=float, default=60.0, help="an AWS minute of waiting takes 60 / this many seconds"
    )
    parser.add_argument(
        "--model-monitor", action="store_true", help="an account that has SageMaker Model Monitor"
    )
    parser.add_argument(
        "--serverless-idle",
        type=float,
        default=600.0,
        help="AWS seconds that an unused environment of a serverless endpoint stays warm",
    )
    parser.add_argument("--slots", type=int, default=os.cpu_count() or 1, help="jobs that run at a time")
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    return parser.parse_args()


def _path(text: str) -> Path:
    # Not resolved: a virtual environment's interpreter is a link and must stay one.
    return Path.cwd() / text


def _paths(text: str) -> tuple[Path, ...]:
    return tuple(map(_path, text.split(os.pathsep)))


class Busy(Exception):
    """The port is taken, by a twin or by a stranger."""


@contextlib.contextmanager
def _pid_file(path: Path, port: int) -> Iterator[None]:
    """Hold the home folder and check the port; a pid file of a dead twin is taken over."""
    running = _running(path)
    if running:
        raise Busy(f"A twin already runs here (process {running}). Stop it first: kill {running}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Busy(
                f"Port {port} on {HOST} is taken by another program ({error.strerror}). "
                "Stop that program, or start the twin with another --port"
            ) from error
    path.write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _running(path: Path) -> int | None:
    try:
        pid = int(path.read_text())
        os.kill(pid, 0)
        command = Path(f"/proc/{pid}/cmdline")
        return pid if not command.exists() or b"twin" in command.read_bytes() else None
    except (OSError, ValueError):
        return None


def _clean(home: Path) -> None:
    for name in ("tmp", "jobs", "layers"):
        shutil.rmtree(home / name, ignore_errors=True)
    (home / "tmp").mkdir()


def _environment(options: argparse.Namespace) -> None:
    """Replace the environment: what MiniStack reads, and nothing that a Lambda worker could inherit."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(
        HOME=str(options.home),
        TMPDIR=str(options.home / "tmp"),
        AUTH="true",
        BIND_HOST=HOST,
        GATEWAY_PORT=str(options.port),
        MINISTACK_ACCOUNT_ID="000000000000",
        MINISTACK_REGION="us-east-1",
        LAMBDA_EXECUTOR="local",
        LAMBDA_WARM_TTL_SECONDS="60",
        LAMBDA_ASYNC_RETRY_BASE_SECONDS=str(60 / options.time_scale),
        LAMBDA_ASYNC_RETRY_MAX_SECONDS=str(300 / options.time_scale),
        DOCKER_HOST=f"unix://{options.home}/no-docker",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LOG_LEVEL=options.log_level,
    )


def _logging(level: str) -> None:
    # MiniStack configures logging only when nobody has.
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s [%(name)s] %(message)s")
    logging.getLogger("hypercorn.error").setLevel("ERROR")


async def _serve(options: argparse.Namespace) -> None:
    # MiniStack reads the environment at import, so everything that imports it comes after.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from twin import lambdas, seams, seams_cloudformation, seams_iam, seams_urls
    from twin.admin import Admin
    from twin.assembly import assemble
    from twin.children import Children
    from twin.inbox.routes import Inbox
    from twin.world import Container, ImageContainer, World

    seams.verify()
    seams.quicken_schedules()
    seams.count_loopback_as_tls()
    places = (options.container_python, options.container)
    container = (
        ImageContainer(*places, options.engine, options.engine_options, options.image)
        if options.image
        else Container(*places)
    )
    world = World(
        home=options.home,
        endpoint_url=f"http://{HOST}:{options.port}",
        container=container,
        children=Children(),
        time_scale=options.time_scale,
        slots=options.slots,
        model_monitor=options.model_monitor,
        serverless_idle=options.serverless_idle,
    )
    lambdas.install(
        world.children, options.lambda_python, options.home / "layers", concurrency=2 * options.slots
    )
    seams_iam.install()
    seams_cloudformation.install()
    seams_urls.install(world.endpoint_url)
    assemble(world)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    config = Config()
    config.bind = [f"{HOST}:{options.port}"]
    config.graceful_timeout = 0.5
    config.keep_alive_timeout = 75
    config.loglevel = "ERROR"
    try:
        # Hypercorn's types name every ASGI message; ours are plain dicts.
        app = Admin(seams.app, world, Inbox(world).routes())
        await serve(app, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    finally:
        await _end_tasks()
        await asyncio.to_thread(lambdas.stop)
        await asyncio.to_thread(world.children.stop_all)
        logger.info("stopped")


async def _end_tasks() -> None:
    """End what still works, so that nothing starts a process while the last ones are stopped."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=3)


if __name__ == "__main__":
    sys.exit(main())
