"""Training jobs: create, describe, list, stop, delete. What a job does is in training_run.py."""

from typing import Any

from twin.protocol import AwsError, Call, Request, Service, validation
from twin.sagemaker.listing import listed
from twin.sagemaker.training_run import Training, TrainingJob
from twin.sagemaker.trials import artifacts, parameter
from twin.seams import assumable
from twin.world import World

_KEPT = (
    "TrainingJobName",
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "VpcConfig",
    "StoppingCondition",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
    "ExperimentConfig",
    "Environment",
    "RetryStrategy",
    "ProfilerConfig",
    "DebugHookConfig",
    "ModelPackageConfig",
    "MlflowConfig",
)
_SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
    "SecondaryStatus",
)
_ENDED = ("Completed", "Failed", "Stopped")
_JOB = "training-job/{TrainingJobName}"


def register(service: Service, world: World) -> None:
    """Add the training operations."""
    jobs: dict[str, TrainingJob] = {}
    training = Training(world)

    def get(request: Request, call: Call) -> TrainingJob:
        job = jobs.get(call.arn(f"training-job/{request['TrainingJobName']}"))
        if job is None:
            raise validation("Requested resource not found.")
        return job

    @service.operation("CreateTrainingJob", _JOB, roles=("RoleArn",))
    def create(request: Request, call: Call) -> Request:
        name = request["TrainingJobName"]
        arn = call.arn(f"training-job/{name}")
        if arn in jobs:
            raise AwsError(
                "ResourceInUse",
                "Training job names must be unique within an AWS account and region, and a training job with this "
                f"name already exists ({arn})",
            )
        _check(request, world, call)
        world.tags.add(arn, request.get("Tags"))
        job = TrainingJob(
            record={name: request[name] for name in _KEPT if name in request}, arn=arn, call=call
        )
        if request.get("ExperimentConfig"):
            job.component = world.trials.begin_job(
                call,
                request["ExperimentConfig"],
                f"{name}-aws-training-job",
                {"SourceArn": arn, "SourceType": "SageMakerTrainingJob"},
                _component(request),
            )
        jobs[arn] = job
        training.start(job)
        return {"TrainingJobArn": arn}

    @service.operation("DescribeTrainingJob", _JOB)
    def describe(request: Request, call: Call) -> Request:
        return get(request, call).described()

    @service.operation("ListTrainingJobs")
    def list_(request: Request, call: Call) -> Request:
        found = [job.described() for arn, job in jobs.items() if arn.startswith(call.arn(""))]
        summaries = [{key: job[key] for key in _SUMMARY if key in job} for job in found]
        return listed(summaries, request, "TrainingJobSummaries", "TrainingJob", order="Ascending")

    @service.operation("StopTrainingJob", _JOB)
    def stop(request: Request, call: Call) -> None:
        job = get(request, call)
        if job.status in _ENDED:
            raise validation(f"The request was rejected because the training job is in status {job.status}.")
        training.stop(job)

    @service.operation("DeleteTrainingJob", _JOB)
    def delete(request: Request, call: Call) -> None:
        job = get(request, call)
        if job.status not in _ENDED:
            raise AwsError(
                "ResourceInUse",
                f"Training job {job.name} is in status {job.status}; it must end before its deletion.",
            )
        world.tags.forget(job.arn)
        del jobs[job.arn]


def _check(request: Request, world: World, call: Call) -> None:
    """What AWS refuses at once. Raises ValidationException, ResourceNotFound, or an armed fault."""
    name, role = request["TrainingJobName"], request["RoleArn"]
    if world.faults.strikes("throttling", name):
        raise AwsError("ThrottlingException", "Rate exceeded")
    instance = request["ResourceConfig"].get("InstanceType", "ml.m5.large")
    spot = request.get("EnableManagedSpotTraining", False)
    if world.faults.strikes("limit", name):
        usage = f"{instance} for {'spot ' if spot else ''}training job usage"
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{usage}' is 0 Instances, with current utilization of 0 Instances and a "
            "request delta of 1 Instances. Please use AWS Service Quotas to request an increase for this quota.",
        )
    if not assumable(role):
        raise validation(
            f"Could not assume role {role}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
    algorithm = request.get("AlgorithmSpecification", {})
    if not algorithm.get("TrainingImage") and not algorithm.get("AlgorithmName"):
        raise validation("Either TrainingImage or AlgorithmName must be provided in AlgorithmSpecification.")
    _check_spot(request.get("StoppingCondition", {}), spot)
    _check_channels(request.get("InputDataConfig", []), algorithm.get("TrainingInputMode", "File"))
    world.trials.check_config(call, request.get("ExperimentConfig"))


def _check_spot(condition: Request, spot: bool) -> None:
    runtime, wait = condition.get("MaxRuntimeInSeconds", 86400), condition.get("MaxWaitTimeInSeconds")
    if spot and (wait is None or wait < runtime):
        raise validation(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        )
    if wait and not spot:
        raise validation(
            "MaxWaitTimeInSeconds above 0 is not supported when EnableManagedSpotTraining is false"
        )


def _check_channels(channels: list[Any], default_mode: str) -> None:
    names = [channel["ChannelName"] for channel in channels]
    if len(set(names)) < len(names):
        raise validation(f"Duplicate channel names are not allowed: {', '.join(sorted(names))}")
    for channel in channels:
        source = channel["DataSource"].get("S3DataSource")
        if source is None:
            raise validation("The twin reads channels from S3 only: DataSource needs an S3DataSource.")
        mode = channel.get("InputMode", default_mode)
        if mode == "Pipe" or source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            raise validation(f"The twin does not support {mode} mode with S3DataType {source['S3DataType']}.")
        if mode == "FastFile" and source["S3DataType"] != "S3Prefix":
            raise validation("FastFile mode supports only S3DataType S3Prefix.")


def _component(request: Request) -> Request:
    """The parameters and inputs of a job's automatic trial component."""
    resources = request["ResourceConfig"]
    own = {
        "SageMaker.ImageUri": {"StringValue": request["AlgorithmSpecification"].get("TrainingImage", "")},
        "SageMaker.InstanceCount": {"NumberValue": float(resources.get("InstanceCount", 1))},
        "SageMaker.InstanceType": {"StringValue": resources.get("InstanceType", "")},
        "SageMaker.VolumeSizeInGB": {"NumberValue": float(resources["VolumeSizeInGB"])},
    }
    given = {key: parameter(value) for key, value in request.get("HyperParameters", {}).items()}
    channels = [
        (channel["ChannelName"], channel["DataSource"]["S3DataSource"]["S3Uri"])
        for channel in request.get("InputDataConfig", [])
    ]
    return {"Parameters": {**given, **own}, "InputArtifacts": artifacts(channels)}
