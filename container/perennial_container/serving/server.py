"""The `serve` command: one uvicorn process that drains on SIGTERM and then exits with 0."""

import gc
import logging
import math
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import uvicorn

from perennial_container.cpu import available_cpus
from perennial_container.errors import RequestError
from perennial_container.paths import Paths
from perennial_container.seal import Trust
from perennial_container.serving import room
from perennial_container.serving.app import create_app
from perennial_container.serving.asked import Limits
from perennial_container.serving.direct import DirectAnswers
from perennial_container.serving.front import Front
from perennial_container.serving.many import ManyFront, create_app_of_many
from perennial_container.serving.model import PREDICT_SECONDS, ServedModel
from perennial_container.serving.protocol import BoundedHeads
from perennial_container.serving.room import Room
from perennial_container.serving.tally import Tally
from perennial_container.serving.wishes import Parts, parse_parts

MEBIBYTE = 1024 * 1024
LONGEST_SECONDS = 3600.0
DRAIN_SECONDS = 25  # SageMaker kills 30 s after SIGTERM
KEEP_ALIVE_SECONDS = 75
# libuv accepts one connection a turn of its loop and listener: with one listener, a /ping behind a crowd of new
# connections waits for as many turns.
LISTENERS = 16
# What the system takes in for a connection before the server reads it. A turn of the event loop reads from every
# connection that has something: what one of a hundred may have is what a /ping waits for.
RECEIVE_BYTES = 64 * 1024
# What the event loop waits for each time a thread with a large body has the interpreter; Python's own is 5 ms.
SWITCH_SECONDS = 0.0002


@dataclass(frozen=True)
class Settings:
    """What the environment says; names as SageMaker's own containers use them."""

    host: str = "0.0.0.0"  # noqa: S104 - SageMaker reaches the container from outside
    port: int = 8080
    body_limit: int = 25 * MEBIBYTE
    body_seconds: float = 10.0  # for the rest of a body whose beginning has arrived
    parts: Parts = "both"
    predict_seconds: float = PREDICT_SECONDS  # for a user's own code
    many: bool = False  # models, loaded by `/models`
    version: str = ""  # of the model package
    transforms: int = 1  # that a transform job sends at once

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        """Raises ValueError, and RequestError for PERENNIAL_PREDICTIONS, for what is no such setting."""
        return cls(
            host=environment.get("BIND_HOST") or cls.host,
            port=int(_number(environment, "SAGEMAKER_BIND_TO_PORT", cls.port, range(1, 65536))),
            body_limit=int(_number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", 25, range(1, 1025)))
            * MEBIBYTE,
            parts=parse_parts(environment.get("PERENNIAL_PREDICTIONS") or cls.parts),
            body_seconds=_number(environment, "BODY_TIMEOUT_SECONDS", cls.body_seconds),
            predict_seconds=_number(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT", cls.predict_seconds),
            many=(environment.get("SAGEMAKER_MULTI_MODEL") or "").lower() == "true",
            version=environment.get("PERENNIAL_MODEL_VERSION") or cls.version,
            # 0 leaves it to the container
            transforms=int(_number(environment, "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS", 1, range(1001))) or 1,
        )


def _number(environment: Mapping[str, str], name: str, default: float, whole: range | None = None) -> float:
    text = environment.get(name) or str(default)
    expected = f"a whole number from {whole[0]} to {whole[-1]}" if whole else "a number of seconds"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if number not in whole if whole else not 0 < number <= LONGEST_SECONDS:
        raise ValueError(f"{name} is {text[:40]!r}, expected {expected}")
    return number


def allow_files() -> None:
    """As many connections as the system lets this process have: each is an open file."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def application(settings: Settings, environment: Mapping[str, str]) -> Front | ManyFront:
    """One model, or as many as SageMaker asks for."""
    paths, trust = Paths.from_env(environment), Trust.from_env(environment)
    if not settings.many:
        return create_app(
            ServedModel(
                paths.model, available_cpus(), trust, settings.predict_seconds, Tally.from_env(environment)
            ),
            body_limit=settings.body_limit,
            body_seconds=settings.body_seconds,
            parts=settings.parts,
            version=settings.version,
            transforms=settings.transforms,
        )
    most = room.limit(environment)
    return create_app_of_many(
        paths,
        lambda folder: ServedModel(folder, 1, trust, settings.predict_seconds),
        lambda folder: Room(most, room.used(), room.needed(folder)),
        Limits(settings.body_limit, settings.body_seconds, settings.parts),
    )


def main() -> int:
    """Serve until SIGTERM; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        settings = Settings.from_env(os.environ)
    except (ValueError, RequestError) as error:
        print(f"the server's environment is not usable: {error}", file=sys.stderr)
        return 1
    BoundedHeads.head_seconds = settings.body_seconds
    allow_files()
    app = application(settings, os.environ)
    DirectAnswers.application = app if isinstance(app, Front) else None
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=DirectAnswers,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody asks for the client's address
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    gc.freeze()  # what is there now stays: a full collection would take 30 ms to find that out
    # uvicorn raises the signal again once it has drained: then there is nothing left to do.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server = uvicorn.Server(config)
    listener = config.bind_socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)  # connections inherit it
    server.run([listener, *(listener.dup() for _ in range(LISTENERS - 1))])
    return 0 if server.started else 1
