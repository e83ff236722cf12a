"""Data Capture: what went through an endpoint, written to S3 a little later, by hour of invocation.

A request costs an append to a list. A task writes the list as one file per hour when it is full or
old enough, as the model's execution role: what that role may not write is lost, and the log says so.
"""

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from twin.sagemaker.capture_record import Invocation, Payload, Settings, file_uri, line
from twin.sagemaker.objects import split
from twin.world import World

logger = logging.getLogger(__name__)

FLUSH_AFTER = 60.0  # AWS seconds that a record waits for others
MAX_RECORDS = 1000
MAX_BYTES = 4 * 1024 * 1024


@dataclass
class CaptureClock:
    """The time that capture writes: the real one, moved while a test or a demo replays a day."""

    offset: timedelta = timedelta()


@dataclass(eq=False)
class Recorder:
    """Captures one variant of one endpoint config."""

    capture: "Capture"
    settings: Settings
    endpoint: str
    variant: str
    s3: Any  # a client that acts as the execution role
    log: Callable[[list[str]], Awaitable[None]]
    _records: list[Invocation] = field(default_factory=list)
    _bytes: int = 0
    _waiting: "asyncio.Task[None] | None" = None

    def record(self, sent: Payload, answered: Payload, inference_id: str | None, custom: str | None) -> None:
        """Keep a request that was answered, if it is in the sample."""
        if random.random() * 100 >= self.settings.percent:
            return
        at = self.capture.world.clock() + self.capture.clock.offset
        invocation = Invocation(at, sent, answered, str(uuid4()), inference_id, custom)
        self._records.append(invocation)
        self._bytes += invocation.size
        if len(self._records) >= MAX_RECORDS or self._bytes >= MAX_BYTES:
            self.capture.start(self._write())
        elif self._waiting is None:
            self._waiting = self.capture.start(self._write_later())

    async def flush(self) -> None:
        """Write what is kept, now."""
        await self._write()

    async def _write_later(self) -> None:
        await asyncio.sleep(self.capture.world.scaled(FLUSH_AFTER))
        self._waiting = None
        await self._write()

    async def _write(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        records, self._records, self._bytes = self._records, [], 0
        hours: dict[str, list[Invocation]] = defaultdict(list)
        for record in records:
            hours[f"{record.at:%Y%m%d%H}"].append(record)
        for same_hour in hours.values():
            await self._put(same_hour)

    async def _put(self, records: list[Invocation]) -> None:
        uri = file_uri(self.settings, self.endpoint, self.variant, records[0].at)
        try:
            await asyncio.to_thread(self._upload, uri, records)
        except (ClientError, BotoCoreError) as error:
            lost = f"Data capture lost {len(records)} record(s): cannot write {uri}: {error}"
            logger.warning("endpoint %s: %s", self.endpoint, lost)
            await self.log([lost])

    def _upload(self, uri: str, records: list[Invocation]) -> None:
        body = "".join(f"{line(record, self.settings)}\n" for record in records)
        bucket, key = split(uri)
        self.s3.put_object(Bucket=bucket, Key=key, Body=body.encode())


class Capture:
    """Every recorder of the twin, and the clock they share."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = CaptureClock()
        self._recorders: set[Recorder] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def recorder(
        self,
        settings: Settings | None,
        endpoint: str,
        variant: str,
        role: str,
        log: Callable[[str, list[str]], Awaitable[None]],
    ) -> Recorder | None:
        """A recorder for a variant that captures, else None."""
        if settings is None:
            return None

        async def write(lines: list[str]) -> None:
            await log("data-capture", lines)

        s3 = await asyncio.to_thread(self.world.storage, role)
        recorder = Recorder(self, settings, endpoint, variant, s3, write)
        self._recorders.add(recorder)
        return recorder

    async def retire(self, recorder: Recorder | None) -> None:
        """Write the last records of a variant that is let go."""
        if recorder is not None:
            await recorder.flush()
            self._recorders.discard(recorder)

    async def flush(self) -> None:
        """Write everything kept, and wait for what is being written."""
        await asyncio.gather(*(recorder.flush() for recorder in list(self._recorders)))
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    async def shift(self, seconds: float) -> None:
        """Move the clock that many seconds from the real time, after writing what it has stamped."""
        await self.flush()
        self.clock.offset = timedelta(seconds=seconds)

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run `work` aside; asyncio itself holds tasks only weakly."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def of(world: World) -> Capture:
    """The world's capture; the same one for every service."""
    capture: Capture = vars(world).setdefault("capture", Capture(world))
    return capture
