"""What a processing job does: inputs from S3, the container on every host, outputs to S3."""

import asyncio
import json
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from twin.protocol import Call
from twin.sagemaker.hosts import Outcome, Run, algorithm_error
from twin.sagemaker.jobs import INTERNAL_ERROR, JobFailed, JobStopped, capacity_error, milliseconds
from twin.sagemaker.objects import TransferError, download, upload
from twin.sagemaker.trials import artifacts
from twin.world import ImageContainer, World

logger = logging.getLogger("twin.processing")

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
DEFAULT_RUNTIME = 86400
MESSAGE_BYTES = 1024


@dataclass
class ProcessingJob:
    """One job: what was asked for (`record`, in AWS's names) and how it stands."""

    record: dict[str, Any]
    arn: str
    call: Call
    status: str = "InProgress"
    facts: dict[str, Any] = field(default_factory=dict)
    component: dict[str, Any] | None = None
    run: Run | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None
    on_results: Callable[[Run], None] = lambda _run: None  # once the containers have ended well

    @property
    def name(self) -> str:
        return str(self.record["ProcessingJobName"])

    @property
    def outputs(self) -> list[dict[str, Any]]:
        return list(self.record.get("ProcessingOutputConfig", {}).get("Outputs", ()))

    def described(self) -> dict[str, Any]:
        """DescribeProcessingJob's answer."""
        return {
            **self.record,
            "ProcessingJobArn": self.arn,
            "ProcessingJobStatus": self.status,
            "CreationTime": self.call.now,
            **self.facts,
        }


class Processing:
    """Runs processing jobs, a slot each; announces every change."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.jobs: dict[str, ProcessingJob] = {}  # by ARN

    def begin(self, record: dict[str, Any], call: Call) -> ProcessingJob:
        """Keep and start a job that SageMaker itself makes."""
        arn = call.arn(f"processing-job/{record['ProcessingJobName']}")
        job = self.jobs[arn] = ProcessingJob(record=record, arn=arn, call=call)
        self.start(job)
        return job

    def start(self, job: ProcessingJob) -> None:
        self._enter(job, "InProgress")
        job.task = asyncio.create_task(self._run(job))

    def stop(self, job: ProcessingJob) -> None:
        """StopProcessingJob: the containers get SIGTERM."""
        if job.stopping.is_set():
            return
        job.stopping.set()
        self._enter(job, "Stopping")
        if job.run:
            job.run.stop("Stopped")

    def _enter(self, job: ProcessingJob, status: str) -> None:
        job.status = status
        job.facts["LastModifiedTime"] = self.world.clock()
        detail = {**milliseconds(job.described()), "Tags": dict(self.world.tags.of(job.arn))}
        self.world.events.put("SageMaker Processing Job State Change", detail, [job.arn])

    async def _run(self, job: ProcessingJob) -> None:
        status, reason = "Completed", ""
        try:
            await self._in_a_slot(job)
        except JobStopped:
            status = "Stopped"
        except (JobFailed, TransferError) as failed:
            status, reason = "Failed", str(failed)
        except Exception:
            logger.exception("processing job %s", job.name)
            status, reason = "Failed", INTERNAL_ERROR
        self._end(job, status, reason)

    def _end(self, job: ProcessingJob, status: str, reason: str) -> None:
        now = self.world.clock()
        job.facts["ProcessingEndTime"] = now
        if reason:
            job.facts["FailureReason"] = reason
        if job.component is not None:
            self._close_component(job, job.component, status, reason, now)
        if job.run and status != "Failed":
            shutil.rmtree(job.run.root, ignore_errors=True)
        job.run = None
        self._enter(job, status)
        # AWS may send several events for one change; consumers must cope.
        self._enter(job, status)

    async def _in_a_slot(self, job: ProcessingJob) -> None:
        slot = self.world.job_slots
        if not await slot.acquire(None, job.stopping):
            raise JobStopped("Stopped")
        try:
            if self.world.faults.strikes("capacity", job.name):
                raise capacity_error(job.record["ProcessingResources"]["ClusterConfig"]["InstanceType"])
            await self._process(job)
        finally:
            slot.release()

    async def _process(self, job: ProcessingJob) -> None:
        world, record = self.world, job.record
        count = record["ProcessingResources"]["ClusterConfig"]["InstanceCount"]
        run = job.run = Run.of(world, job.name, record["RoleArn"], LOG_GROUP, count)
        s3 = await asyncio.to_thread(world.storage, record["RoleArn"])
        for index, host in enumerate(run.hosts):
            await asyncio.to_thread(_lay_out, s3, job, host.base, index, count)
        if job.stopping.is_set():
            raise JobStopped("Stopped")
        job.facts["ProcessingStartTime"] = world.clock()
        outcome = await run.execute(
            self._commands(job, run),
            self._environment(job),
            record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_RUNTIME),
            lambda: self._continuous(job, run, s3),
        )
        await self._conclude(job, run, outcome, s3)

    async def _conclude(self, job: ProcessingJob, run: Run, outcome: Outcome, s3: Any) -> None:
        if message := _exit_message(run.hosts[0].base / "output" / "message"):
            job.facts["ExitMessage"] = message
        if outcome.why == "MaxRuntimeExceeded":
            raise JobFailed("ClientError: The processing job exceeded MaxRuntimeInSeconds")
        if outcome.why:
            raise JobStopped(outcome.why)
        if outcome.exit_code:
            raise JobFailed(algorithm_error(outcome))
        job.on_results(run)
        for host in run.hosts:
            await asyncio.to_thread(_deliver, s3, job.outputs, host.base)

    def _commands(self, job: ProcessingJob, run: Run) -> list[list[str]]:
        """Each host's command: AppSpecification's, with `/opt/ml` meaning the host's folder."""
        app = job.record["AppSpecification"]
        entrypoint = list(app.get("ContainerEntrypoint", ()))
        if isinstance(self.world.container, ImageContainer):
            return [self.world.container.run(entrypoint, app.get("ContainerArguments", []))] * len(run.hosts)
        python = str(self.world.container.python)
        if not entrypoint:
            # The image's own entry point takes the entry point's name as its argument.
            entrypoint = self.world.container.command("")[:-1]
        elif Path(entrypoint[0]).name.startswith("python"):
            entrypoint[0] = python
        command = [*entrypoint, *app.get("ContainerArguments", ())]
        return [[part.replace("/opt/ml/", f"{host.base}/") for part in command] for host in run.hosts]

    def _environment(self, job: ProcessingJob) -> dict[str, str]:
        given = job.record.get("Environment", {})
        identity = {"PROCESSING_JOB_NAME": job.name, "PROCESSING_JOB_ARN": job.arn}
        return self.world.container.environment(
            **given, **identity, **self.world.credentials(job.record["RoleArn"])
        )

    async def _continuous(self, job: ProcessingJob, run: Run, s3: Any) -> None:
        """Upload `Continuous` outputs while the job runs."""
        outputs = [o for o in job.outputs if o["S3Output"]["S3UploadMode"] == "Continuous"]
        began = time.time()
        while outputs:
            await asyncio.sleep(1)
            since, began = began, time.time()
            for host in run.hosts:
                await asyncio.to_thread(_deliver, s3, outputs, host.base, since)

    def _close_component(
        self, job: ProcessingJob, component: dict[str, Any], status: str, reason: str, now: datetime
    ) -> None:
        component["Status"] = {"PrimaryStatus": status, **({"Message": reason[:1024]} if reason else {})}
        component["EndTime"] = component["LastModifiedTime"] = now
        outputs = [(output["OutputName"], output["S3Output"]["S3Uri"]) for output in job.outputs]
        component["OutputArtifacts"] = artifacts(outputs)


def _exit_message(path: Path) -> str:
    """The first kilobyte of what the container says of its work. Raises JobFailed for other bytes than UTF-8."""
    if not path.is_file():
        return ""
    said = path.read_bytes()
    try:
        said.decode()
    except UnicodeDecodeError as error:
        raise JobFailed("AlgorithmError: /opt/ml/output/message is not UTF-8 text") from error
    return said[:MESSAGE_BYTES].decode(errors="ignore")


def _local(base: Path, path: str) -> Path:
    return base / path.removeprefix("/opt/ml").strip("/")


def _lay_out(s3: Any, job: ProcessingJob, base: Path, index: int, count: int) -> None:
    """Make `/opt/ml` of one host: configuration, inputs (its shard of them), output folders."""
    config = base / "config"
    for folder in (config, base / "output", *(_local(base, o["S3Output"]["LocalPath"]) for o in job.outputs)):
        folder.mkdir(parents=True, exist_ok=True)
    hosts = [f"algo-{number + 1}" for number in range(count)]
    (config / "resourceconfig.json").write_text(json.dumps({"current_host": hosts[index], "hosts": hosts}))
    described = {**job.record, "ProcessingJobArn": job.arn}
    (config / "processingjobconfig.json").write_text(json.dumps(described, default=str))
    for item in job.record.get("ProcessingInputs", []):
        source = item["S3Input"]
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        folder = _local(base, source["LocalPath"])
        folder.mkdir(parents=True, exist_ok=True)
        download(s3, source["S3Uri"], folder, source["S3DataType"], (index, count) if sharded else (0, 1))


def _deliver(s3: Any, outputs: list[dict[str, Any]], base: Path, since: float = 0.0) -> None:
    for output in outputs:
        folder = _local(base, output["S3Output"]["LocalPath"])
        files = [
            p for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_mtime >= since
        ]
        upload(s3, folder, output["S3Output"]["S3Uri"], files)


def of(world: World) -> Processing:
    """The world's processing; the same one for every service."""
    processing: Processing = vars(world).setdefault("processing", Processing(world))
    return processing
