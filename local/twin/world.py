"""What the families of operations share: the ports to the rest of the twin."""

import asyncio
import os
import shlex
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config

from twin import emf, seams, seams_cloudwatch
from twin.children import Children
from twin.faults import Faults
from twin.sagemaker.packages import Registry
from twin.sagemaker.trials import Trials
from twin.tags import Tags

ENDPOINT_LOGS = ("/aws/sagemaker/Endpoints/", "/aws/sagemaker/InferenceComponents/")


class Events:
    """EventBridge's default bus, as AWS's own services put events there."""

    def put(
        self, detail_type: str, detail: Mapping[str, Any], resources: list[str], source: str = "aws.sagemaker"
    ) -> None:
        """Put one event; account and region are those of the first resource's ARN."""
        seams.put_event(source, detail_type, detail, resources)


class Logs:
    """CloudWatch Logs."""

    def write(self, group: str, stream: str, lines: Iterable[str | tuple[int, str]]) -> None:
        """Append lines, each with its epoch milliseconds or stamped now; metrics embedded in them are stored."""
        now = int(datetime.now(UTC).timestamp() * 1000)
        stamped = [(now, line) if isinstance(line, str) else line for line in lines]
        seams.put_logs(group, stream, stamped)
        embedded = [datum for _, line in stamped for datum in emf.data(line)]
        seams_cloudwatch.put_embedded(embedded, of_endpoint=group.startswith(ENDPOINT_LOGS))


class Metrics:
    """CloudWatch metrics; every put evaluates the alarms."""

    def put(
        self,
        namespace: str,
        name: str,
        value: float,
        unit: str = "None",
        dimensions: Mapping[str, str] | None = None,
        at: float | None = None,
        values: list[float] | None = None,
        counts: list[float] | None = None,
    ) -> None:
        """Store one datum, or several `values` with their `counts`, at epoch seconds `at`."""
        seams.put_metric(namespace, name, value, unit, dimensions, at, values, counts)


@dataclass(frozen=True)
class Container:
    """How the container's entry points start: the interpreter, and the folders of the packages in the image."""

    python: Path
    folders: tuple[Path, ...]

    def command(self, entry_point: str) -> list[str]:
        """`docker run image <entry point>`, as a plain process."""
        return [str(self.python), "-m", "perennial_container", entry_point]

    def environment(self, **more: str) -> dict[str, str]:
        """A clean environment in which the packages are importable."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(map(str, self.folders)),
            "PYTHONUNBUFFERED": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            **more,
        }


@dataclass(frozen=True)
class ImageContainer(Container):
    """The entry points of a real image, run by Docker or Podman."""

    engine: str
    options: str
    image: str

    def command(self, entry_point: str) -> list[str]:
        """`docker run image <entry point>`."""
        return self.run([], [entry_point])

    def run(self, entrypoint: list[str], arguments: list[str]) -> list[str]:
        """`docker run`, with another entry point than the image's own if one is given."""
        own = f"{self.options} --entrypoint {shlex.quote(entrypoint[0])}" if entrypoint else self.options
        engine = [sys.executable, "-m", "twin.engine", self.engine, own, self.image]
        return [*engine, *entrypoint[1:], *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """The job's environment, and what `twin.engine` itself needs."""
        return super().environment(**more) | {"PYTHONPATH": str(Path(__file__).parents[1])}


class Slots:
    """Room for a number of jobs at a time."""

    def __init__(self, count: int) -> None:
        self._semaphore = asyncio.Semaphore(count)

    def locked(self) -> bool:
        return self._semaphore.locked()

    async def acquire(self, seconds: float | None, unless: asyncio.Event) -> bool:
        """Wait for a slot; False when the time is over or `unless` was set first."""
        slot, stop = asyncio.create_task(self._semaphore.acquire()), asyncio.create_task(unless.wait())
        await asyncio.wait({slot, stop}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not slot.done():
            slot.cancel()
        return slot.done() and not slot.cancelled()

    def release(self) -> None:
        self._semaphore.release()


@dataclass
class World:
    """Everything a service of the twin may use beside its own state."""

    home: Path
    endpoint_url: str
    container: Container
    children: Children
    time_scale: float = 60.0
    model_monitor: bool = False  # whether the account has SageMaker Model Monitor
    serverless_idle: float = 600.0  # AWS seconds that an unused serverless environment stays warm
    slots: int = field(default_factory=lambda: os.cpu_count() or 1)
    events: Events = field(default_factory=Events)
    logs: Logs = field(default_factory=Logs)
    metrics: Metrics = field(default_factory=Metrics)
    tags: Tags = field(default_factory=Tags)
    faults: Faults = field(default_factory=Faults)
    trials: Trials = field(default_factory=Trials)
    registry: Registry = field(default_factory=Registry)
    # One session: it keeps S3's model, which takes 0.2 s to read, and is not thread-safe.
    _clients: botocore.session.Session = field(default_factory=botocore.session.Session)
    _creating_clients: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def job_slots(self) -> Slots:
        """Room for jobs: one a slot, the others wait as Pending."""
        return Slots(self.slots)

    def clock(self) -> datetime:
        return datetime.now(UTC)

    def scaled(self, aws_seconds: float) -> float:
        """How long a wait that AWS makes in `aws_seconds` takes here."""
        return aws_seconds / self.time_scale

    def credentials(self, role_arn: str, session: str = "SageMaker") -> dict[str, str]:
        """Environment variables of an AWS client that acts as the role on this twin."""
        region = seams.here()[1]
        return {
            **seams.role_session(role_arn, session),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
        }

    def storage(self, role_arn: str, session: str = "SageMaker") -> Any:
        """An S3 client (botocore's) with the role's temporary credentials: IAM applies to it.

        It speaks HTTP to this same process, so call it from a thread, never from the event loop.
        """
        credentials = self.credentials(role_arn, session)
        with self._creating_clients:
            return self._clients.create_client(
                "s3",
                region_name=credentials["AWS_REGION"],
                endpoint_url=self.endpoint_url,
                aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=credentials["AWS_SESSION_TOKEN"],
                config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}),
            )
