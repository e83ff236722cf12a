"""Processing jobs: create, describe, list, stop, delete. What a job does is in processing_run.py."""

from twin.protocol import AwsError, Call, Request, Service, validation
from twin.sagemaker import processing_run
from twin.sagemaker.listing import listed
from twin.sagemaker.processing_run import ProcessingJob
from twin.sagemaker.trials import artifacts, parameter
from twin.seams import assumable
from twin.world import World

_KEPT = (
    "ProcessingJobName",
    "ProcessingInputs",
    "ProcessingOutputConfig",
    "ProcessingResources",
    "StoppingCondition",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "ExperimentConfig",
)
_SUMMARY = (
    "ProcessingJobName",
    "ProcessingJobArn",
    "CreationTime",
    "ProcessingEndTime",
    "LastModifiedTime",
    "ProcessingJobStatus",
    "FailureReason",
    "ExitMessage",
)
_ENDED = ("Completed", "Failed", "Stopped")
_JOB = "processing-job/{ProcessingJobName}"


def register(service: Service, world: World) -> None:
    """Add the processing operations."""
    processing = processing_run.of(world)
    jobs = processing.jobs

    def get(request: Request, call: Call) -> ProcessingJob:
        name = request["ProcessingJobName"]
        job = jobs.get(call.arn(f"processing-job/{name}"))
        if job is None:
            raise validation(f"Could not find requested job with name: {name}")
        return job

    @service.operation("CreateProcessingJob", _JOB, roles=("RoleArn",))
    def create(request: Request, call: Call) -> Request:
        name = request["ProcessingJobName"]
        arn = call.arn(f"processing-job/{name}")
        if arn in jobs:
            raise AwsError(
                "ResourceInUse",
                "Job name must be unique within an AWS account and region, and a job with this name already exists "
                f"({arn})",
            )
        _check(request, world, call)
        world.tags.add(arn, request.get("Tags"))
        job = ProcessingJob(record={key: request[key] for key in _KEPT if key in request}, arn=arn, call=call)
        if request.get("ExperimentConfig"):
            job.component = world.trials.begin_job(
                call,
                request["ExperimentConfig"],
                f"{name}-aws-processing-job",
                {"SourceArn": arn, "SourceType": "SageMakerProcessingJob"},
                _component(request),
            )
        jobs[arn] = job
        processing.start(job)
        return {"ProcessingJobArn": arn}

    @service.operation("DescribeProcessingJob", _JOB)
    def describe(request: Request, call: Call) -> Request:
        return get(request, call).described()

    @service.operation("ListProcessingJobs")
    def list_(request: Request, call: Call) -> Request:
        found = [job.described() for arn, job in jobs.items() if arn.startswith(call.arn(""))]
        summaries = [{key: job[key] for key in _SUMMARY if key in job} for job in found]
        return listed(summaries, request, "ProcessingJobSummaries", "ProcessingJob", order="Ascending")

    @service.operation("StopProcessingJob", _JOB)
    def stop(request: Request, call: Call) -> None:
        job = get(request, call)
        if job.status in _ENDED:
            raise validation(
                f"The request was rejected because the processing job is in status {job.status}."
            )
        processing.stop(job)

    @service.operation("DeleteProcessingJob", _JOB)
    def delete(request: Request, call: Call) -> None:
        job = get(request, call)
        if job.status not in _ENDED:
            raise AwsError(
                "ResourceInUse",
                f"Processing job {job.name} is in status {job.status}; it must end before its deletion.",
            )
        world.tags.forget(job.arn)
        del jobs[job.arn]


def _check(request: Request, world: World, call: Call) -> None:
    """What AWS refuses at once."""
    name, role = request["ProcessingJobName"], request["RoleArn"]
    if world.faults.strikes("throttling", name):
        raise AwsError("ThrottlingException", "Rate exceeded")
    if not assumable(role):
        raise validation(
            f"Could not assume role {role}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
    for item in request.get("ProcessingInputs", []):
        source = item.get("S3Input")
        if source is None:
            raise validation(
                "The twin reads processing inputs from S3 only: a ProcessingInput needs an S3Input."
            )
        if not source.get("LocalPath", "").startswith("/opt/ml/processing"):
            raise validation(f"LocalPath of {item['InputName']} must begin with /opt/ml/processing")
    for output in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        if "S3Output" not in output:
            raise validation("The twin writes processing outputs to S3 only: an Output needs an S3Output.")
    world.trials.check_config(call, request.get("ExperimentConfig"))


def _component(request: Request) -> Request:
    """The parameters and inputs of a job's automatic trial component."""
    cluster = request["ProcessingResources"]["ClusterConfig"]
    own = {
        "SageMaker.ImageUri": {"StringValue": request["AppSpecification"]["ImageUri"]},
        "SageMaker.InstanceCount": {"NumberValue": float(cluster["InstanceCount"])},
        "SageMaker.InstanceType": {"StringValue": cluster["InstanceType"]},
        "SageMaker.VolumeSizeInGB": {"NumberValue": float(cluster["VolumeSizeInGB"])},
    }
    given = {key: parameter(value) for key, value in request.get("Environment", {}).items()}
    inputs = [(item["InputName"], item["S3Input"]["S3Uri"]) for item in request.get("ProcessingInputs", [])]
    return {"Parameters": {**given, **own}, "InputArtifacts": artifacts(inputs)}
