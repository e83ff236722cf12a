"""What a training job does from Starting to its end.

Starting -> (Pending) -> Downloading -> Training -> Uploading -> Completed | Failed | Stopped
                              ^            |
                              +- Interrupted (spot)      MaxRuntimeExceeded, MaxWaitTimeExceeded: Stopped
"""

import asyncio
import logging
import math
import re
import shutil
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from twin.protocol import Call
from twin.sagemaker.hosts import Outcome, Run, algorithm_error
from twin.sagemaker.jobs import INTERNAL_ERROR, JobFailed, JobStopped, capacity_error, milliseconds
from twin.sagemaker.objects import TransferError
from twin.sagemaker.training_folder import Checkpoints, deliver, lay_out
from twin.sagemaker.trials import artifacts, metric_summary
from twin.world import World

logger = logging.getLogger("twin.training")

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
SPOT_PRICE = 0.3  # of the on-demand price: what a spot job is billed here
CHECKPOINT_SECONDS = 0.5
DEFAULT_RUNTIME = 86400

_MESSAGES = {
    "Starting": "Starting the training job",
    "Pending": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Interrupted": "Training job interrupted: the Spot capacity was reclaimed",
    "Restarting": "Restarting the training job from its checkpoint",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
    "Stopped": "Training job stopped",
    "Failed": "Training job failed",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
}


@dataclass
class TrainingJob:
    """One job: what was asked for (`record`, in AWS's names) and how it stands."""

    record: dict[str, Any]
    arn: str
    call: Call
    status: str = "InProgress"
    transitions: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    metric_times: dict[str, datetime] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    component: dict[str, Any] | None = None
    run: Run | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    @property
    def name(self) -> str:
        return str(self.record["TrainingJobName"])

    @property
    def spot(self) -> bool:
        return bool(self.record.get("EnableManagedSpotTraining"))

    def described(self) -> dict[str, Any]:
        """DescribeTrainingJob's answer."""
        output = self.record["OutputDataConfig"]["S3OutputPath"].rstrip("/")
        found = {
            **self.record,
            "TrainingJobArn": self.arn,
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.transitions[-1]["Status"],
            "SecondaryStatusTransitions": self.transitions,
            "CreationTime": self.call.now,
            "EnableNetworkIsolation": self.record.get("EnableNetworkIsolation", False),
            "EnableInterContainerTrafficEncryption": self.record.get(
                "EnableInterContainerTrafficEncryption", False
            ),
            "EnableManagedSpotTraining": self.spot,
            **self.facts,
        }
        if self.status in ("Completed", "Stopped"):
            found["ModelArtifacts"] = {"S3ModelArtifacts": f"{output}/{self.name}/output/model.tar.gz"}
        if self.metrics:
            found["FinalMetricDataList"] = [
                {"MetricName": name, "Value": values[-1], "Timestamp": self.metric_times[name]}
                for name, values in self.metrics.items()
            ]
        return found


class Training:
    """Runs training jobs, a slot each; announces every change."""

    def __init__(self, world: World) -> None:
        self.world = world

    def start(self, job: TrainingJob) -> None:
        self._enter(job, "Starting")
        job.task = asyncio.create_task(self._run(job))

    def stop(self, job: TrainingJob) -> None:
        """StopTrainingJob: the container gets SIGTERM, what it saved is uploaded."""
        if job.stopping.is_set():
            return
        job.stopping.set()
        job.status = "Stopping"
        self._enter(job, "Stopping")
        if job.run:
            job.run.stop("Stopped")

    def _enter(self, job: TrainingJob, status: str, message: str = "") -> None:
        now = self.world.clock()
        if job.transitions:
            job.transitions[-1].setdefault("EndTime", now)
        told = message or _MESSAGES[status]
        job.transitions.append({"Status": status, "StartTime": now, "StatusMessage": told})
        job.facts["LastModifiedTime"] = now
        self._announce(job)

    def _announce(self, job: TrainingJob) -> None:
        detail = event_detail(job.described(), dict(self.world.tags.of(job.arn)))
        self.world.events.put("SageMaker Training Job State Change", detail, [job.arn])

    async def _run(self, job: TrainingJob) -> None:
        try:
            await self._in_a_slot(job)
        except JobStopped as stopped:
            self._end(job, "Stopped", str(stopped))
        except (JobFailed, TransferError) as failed:
            self._end(job, "Failed", "Failed", str(failed))
        except Exception:
            logger.exception("training job %s", job.name)
            self._end(
                job,
                "Failed",
                "Failed",
                "InternalServerError: We encountered an internal error. Please try again.",
            )
        else:
            self._end(job, "Completed", "Completed")
        finally:
            if job.run and job.status != "Failed":
                shutil.rmtree(job.run.root, ignore_errors=True)
            job.run = None

    def _end(self, job: TrainingJob, status: str, secondary: str, reason: str = "") -> None:
        now = self.world.clock()
        job.status = status
        job.facts["TrainingEndTime"] = now
        if reason:
            job.facts["FailureReason"] = reason
        if job.component is not None:
            self._close_component(job, job.component, status, reason, now)
        self._enter(job, secondary, reason)
        job.transitions[-1]["EndTime"] = now
        # AWS may send several events for one change; consumers must cope.
        self._announce(job)

    async def _in_a_slot(self, job: TrainingJob) -> None:
        slot = self.world.job_slots
        if slot.locked():
            self._enter(job, "Pending")
        wait = job.record.get("StoppingCondition", {}).get("MaxWaitTimeInSeconds")
        if not await slot.acquire(wait, job.stopping):
            raise JobStopped("Stopped" if job.stopping.is_set() else "MaxWaitTimeExceeded")
        try:
            self._stop_if_asked(job)
            if self.world.faults.strikes("capacity", job.name):
                raise capacity_error(job.record["ResourceConfig"].get("InstanceType", "ml.m5.large"))
            while await self._attempt(job):
                self._enter(job, "Restarting")
        finally:
            slot.release()

    def _stop_if_asked(self, job: TrainingJob) -> None:
        if job.stopping.is_set():
            raise JobStopped("Stopped")

    async def _attempt(self, job: TrainingJob) -> bool:
        """One run of the container. True when a spot interruption ended it."""
        world, record = self.world, job.record
        count = record["ResourceConfig"].get("InstanceCount", 1)
        run = job.run = Run.of(world, job.name, record["RoleArn"], LOG_GROUP, count)
        s3 = await asyncio.to_thread(world.storage, record["RoleArn"])
        checkpoints = Checkpoints(s3, record, run.hosts[0].base)
        self._enter(job, "Downloading")
        for index, host in enumerate(run.hosts):
            await asyncio.to_thread(lay_out, s3, record, host.base, host.name, index, count)
        self._stop_if_asked(job)
        self._enter(job, "Training")
        job.facts.setdefault("TrainingStartTime", world.clock())
        run.on_line = lambda line: self._measure(job, line)
        interrupted = job.spot and world.faults.strikes("interruption", job.name)
        began = time.monotonic()
        outcome = await run.execute(
            [world.container.command("train")] * count,
            self._environment(job),
            record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_RUNTIME),
            lambda: self._beside(run, checkpoints, interrupted),
        )
        self._bill(job, time.monotonic() - began)
        await asyncio.to_thread(checkpoints.save)
        if outcome.why == "Interrupted":
            self._enter(job, "Interrupted")
            return True
        await self._conclude(job, run, outcome, s3)
        return False

    async def _conclude(self, job: TrainingJob, run: Run, outcome: Outcome, s3: Any) -> None:
        if not outcome.why and outcome.exit_code:
            raise JobFailed(algorithm_error(outcome))
        if self.world.faults.strikes("internal", job.name):
            raise JobFailed(INTERNAL_ERROR)
        self._enter(job, "Uploading")
        target = f"{job.record['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
        bases = [host.base for host in run.hosts]
        await asyncio.to_thread(deliver, s3, bases, run.root, target)
        if outcome.why:
            raise JobStopped(outcome.why)

    def _environment(self, job: TrainingJob) -> dict[str, str]:
        given = job.record.get("Environment", {})
        identity = {"TRAINING_JOB_NAME": job.name, "TRAINING_JOB_ARN": job.arn}
        credentials = self.world.credentials(job.record["RoleArn"])
        return self.world.container.environment(**given, **identity, **credentials)

    async def _beside(self, run: Run, checkpoints: Checkpoints, interrupted: bool) -> None:
        """While the container trains: checkpoints to S3, and the interruption that a test asked for."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            await asyncio.to_thread(checkpoints.save)
            worked = run.hosts[0].lines > 0 and (checkpoints.saved or time.monotonic() - began > 2)
            if interrupted and worked:
                run.stop("Interrupted")

    def _measure(self, job: TrainingJob, line: str) -> None:
        for definition in job.record["AlgorithmSpecification"].get("MetricDefinitions", ()):
            found = re.search(definition["Regex"], line)
            if not found or not found.groups():
                continue
            try:
                value = float(found.group(1))
            except ValueError:
                continue
            job.metrics.setdefault(definition["Name"], []).append(value)
            job.metric_times[definition["Name"]] = self.world.clock()
            self.world.metrics.put(
                LOG_GROUP, definition["Name"], value, dimensions={"TrainingJobName": job.name}
            )

    def _bill(self, job: TrainingJob, seconds: float) -> None:
        trained = job.facts.get("TrainingTimeInSeconds", 0) + math.ceil(seconds)
        job.facts["TrainingTimeInSeconds"] = trained
        job.facts["BillableTimeInSeconds"] = math.ceil(trained * SPOT_PRICE) if job.spot else trained

    def _close_component(
        self, job: TrainingJob, component: dict[str, Any], status: str, reason: str, now: datetime
    ) -> None:
        component["Status"] = {"PrimaryStatus": status, **({"Message": reason[:1024]} if reason else {})}
        component["EndTime"] = component["LastModifiedTime"] = now
        component["Metrics"] = [
            metric_summary(name, values, job.arn, job.metric_times[name])
            for name, values in job.metrics.items()
        ]
        model = job.described().get("ModelArtifacts", {}).get("S3ModelArtifacts")
        if model:
            component["OutputArtifacts"] = artifacts([("SageMaker.ModelArtifact", model)])


def event_detail(described: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    """The detail of `SageMaker Training Job State Change`: no artifacts, no metrics, times in milliseconds."""
    left_out = ("ModelArtifacts", "FinalMetricDataList", "ExperimentConfig", "MlflowConfig")
    detail = {name: value for name, value in described.items() if name not in left_out}
    return {**milliseconds(detail), "Tags": tags}
