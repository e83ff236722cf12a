"""SageMaker Model Monitor: job definitions, schedules, executions.

AWS closed it to new customers, so it is closed here, too, until the twin is started with
`--model-monitor` or told to open it: then requests are checked and kept, and a data quality
schedule of `NOW` runs the container's `analyze` once. Schedules of `cron` do not run by themselves.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from twin.protocol import AwsError, Call, Request, Service, validation
from twin.sagemaker import hosting_state, processing_run
from twin.sagemaker import monitoring_rules as rules
from twin.sagemaker import monitoring_runs as runs
from twin.sagemaker.listing import listed
from twin.seams import assumable
from twin.world import World

_ARNS = {
    "DataQuality": "data-quality-job-definition",
    "ModelQuality": "model-quality-job-definition",
    "ModelBias": "model-bias-job-definition",
}
_SCHEDULE = "monitoring-schedule/{MonitoringScheduleName}"
_ROLE = "MonitoringScheduleConfig.MonitoringJobDefinition.RoleArn"


@dataclass
class Schedule:
    """A monitoring schedule and its runs."""

    name: str
    arn: str
    config: Request
    kind: str
    endpoint: str
    status: str = "Scheduled"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    modified: datetime = field(default_factory=lambda: datetime.now(UTC))
    executions: list[runs.Execution] = field(default_factory=list)

    def summary(self) -> Request:
        """ListMonitoringSchedules' item."""
        return {
            "MonitoringScheduleName": self.name,
            "MonitoringScheduleArn": self.arn,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
            "MonitoringScheduleStatus": self.status,
            "EndpointName": self.endpoint,
            "MonitoringJobDefinitionName": self.config.get("MonitoringJobDefinitionName"),
            "MonitoringType": self.kind,
        }

    def described(self) -> Request:
        last = self.executions[-1].summary() if self.executions else None
        return {
            **self.summary(),
            "MonitoringScheduleConfig": self.config,
            "LastMonitoringExecutionSummary": last,
        }


class Monitoring:
    """Everything that Model Monitor keeps, by ARN."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.definitions: dict[str, Request] = {}
        self.schedules: dict[str, Schedule] = {}

    def must_be_open(self) -> None:
        if not self.world.model_monitor:
            raise rules.closed()

    def definition(self, kind: str, name: str, call: Call) -> Request:
        found = self.definitions.get(call.arn(f"{_ARNS[kind]}/{name}"))
        if found is None:
            raise AwsError("ResourceNotFound", f"Job definition {name} of type {kind} does not exist.")
        return found

    def schedule(self, request: Request, call: Call) -> Schedule:
        name = request["MonitoringScheduleName"]
        found = self.schedules.get(call.arn(f"monitoring-schedule/{name}"))
        if found is None:
            raise AwsError("ResourceNotFound", f"Monitoring schedule {name} does not exist.")
        return found

    def checked(self, config: Request, call: Call) -> tuple[str, str]:
        """Monitoring type and endpoint of a good config."""
        rules.check_config(config, call.now)
        if inline := config.get("MonitoringJobDefinition"):
            (given, *_) = inline["MonitoringInputs"]
            return "DataQuality", given.get("EndpointInput", {}).get("EndpointName", "")
        kind = config["MonitoringType"]
        if kind not in _ARNS:
            raise validation(f"The twin does not know monitoring type {kind}.")
        definition = self.definition(kind, config["MonitoringJobDefinitionName"], call)
        rules.check_runtime(kind, definition, config["ScheduleConfig"]["ScheduleExpression"])
        return kind, rules.endpoint_of(kind, definition)

    def run(self, schedule: Schedule, call: Call) -> None:
        """Run a data quality schedule of NOW; all others wait for a clock that the twin does not have."""
        config = schedule.config
        name = config.get("MonitoringJobDefinitionName")
        if (
            config["ScheduleConfig"]["ScheduleExpression"] != "NOW"
            or schedule.kind != "DataQuality"
            or not name
        ):
            return
        definition = self.definition("DataQuality", name, call)
        endpoint = hosting_state.of(self.world).endpoints.get(call, schedule.endpoint)
        capture = runs.capture_of(endpoint.config.get("DataCaptureConfig"))
        if capture is None:
            raise validation(f"Endpoint {schedule.endpoint} does not capture data.")
        start, end = rules.window(config["ScheduleConfig"], call.now)
        job_name = f"model-monitoring-{call.now:%Y%m%d%H%M%S%f}"
        record = runs.request(job_name, schedule.name, definition, capture, start, end)
        job = processing_run.of(self.world).begin(record, call)
        job.facts["MonitoringScheduleArn"] = schedule.arn
        job.on_results = runs.publish
        schedule.executions.append(runs.Execution(schedule.name, name, schedule.endpoint, call.now, job))


def register(service: Service, world: World) -> None:
    """Add the operations of Model Monitor."""
    monitoring = Monitoring(world)
    for kind in rules.KINDS:
        _register_definitions(service, monitoring, kind)
    _register_schedules(service, monitoring)


def _register_definitions(service: Service, monitoring: Monitoring, kind: str) -> None:
    resource = f"{_ARNS[kind]}/{{JobDefinitionName}}"
    definitions, tags = monitoring.definitions, monitoring.world.tags

    @service.operation(f"Create{kind}JobDefinition", resource, roles=("RoleArn",))
    def create(request: Request, call: Call) -> Request:
        monitoring.must_be_open()
        name = request["JobDefinitionName"]
        arn = call.arn(f"{_ARNS[kind]}/{name}")
        if arn in definitions:
            raise AwsError("ResourceInUse", f"Job definition {name} already exists ({arn}).")
        rules.check_definition(kind, request)
        if watched := rules.endpoint_of(kind, request):
            hosting_state.of(monitoring.world).endpoints.get(call, watched)
        if not assumable(request["RoleArn"]):
            raise validation(f"Could not assume role {request['RoleArn']}.")
        kept = {member: value for member, value in request.items() if member != "Tags"}
        definitions[arn] = {**kept, "JobDefinitionArn": arn, "CreationTime": call.now}
        tags.add(arn, request.get("Tags"))
        return {"JobDefinitionArn": arn}

    @service.operation(f"Describe{kind}JobDefinition", resource)
    def describe(request: Request, call: Call) -> Request:
        return monitoring.definition(kind, request["JobDefinitionName"], call)

    @service.operation(f"List{kind}JobDefinitions")
    def list_(request: Request, call: Call) -> Request:
        found = [
            {
                "MonitoringJobDefinitionName": one["JobDefinitionName"],
                "MonitoringJobDefinitionArn": arn,
                "CreationTime": one["CreationTime"],
                "EndpointName": rules.endpoint_of(kind, one),
            }
            for arn, one in definitions.items()
            if arn.startswith(call.arn(f"{_ARNS[kind]}/"))
        ]
        return listed(found, request, "JobDefinitionSummaries", "MonitoringJobDefinition", keep=_of(request))

    @service.operation(f"Delete{kind}JobDefinition", resource)
    def delete(request: Request, call: Call) -> None:
        found = monitoring.definition(kind, request["JobDefinitionName"], call)
        del definitions[found["JobDefinitionArn"]]
        tags.forget(found["JobDefinitionArn"])


def _register_schedules(service: Service, monitoring: Monitoring) -> None:
    schedules, tags = monitoring.schedules, monitoring.world.tags

    @service.operation("CreateMonitoringSchedule", _SCHEDULE, roles=(_ROLE,))
    async def create(request: Request, call: Call) -> Request:
        monitoring.must_be_open()
        name, config = request["MonitoringScheduleName"], request["MonitoringScheduleConfig"]
        arn = call.arn(f"monitoring-schedule/{name}")
        if arn in schedules:
            raise AwsError("ResourceInUse", f"Monitoring schedule {name} already exists ({arn}).")
        schedule = Schedule(name, arn, config, *monitoring.checked(config, call))
        monitoring.run(schedule, call)
        schedules[arn] = schedule
        tags.add(arn, request.get("Tags"))
        return {"MonitoringScheduleArn": arn}

    @service.operation("UpdateMonitoringSchedule", _SCHEDULE, roles=(_ROLE,))
    async def update(request: Request, call: Call) -> Request:
        monitoring.must_be_open()
        schedule, config = monitoring.schedule(request, call), request["MonitoringScheduleConfig"]
        kind, endpoint = monitoring.checked(config, call)
        if kind != schedule.kind:
            raise validation(
                f"The monitoring type of schedule {schedule.name} is {schedule.kind} and stays so."
            )
        schedule.config, schedule.endpoint, schedule.modified = config, endpoint, call.now
        monitoring.run(schedule, call)
        return {"MonitoringScheduleArn": schedule.arn}

    @service.operation("StartMonitoringSchedule", _SCHEDULE)
    async def start(request: Request, call: Call) -> None:
        monitoring.must_be_open()
        schedule = monitoring.schedule(request, call)
        monitoring.run(schedule, call)
        schedule.status, schedule.modified = "Scheduled", call.now

    @service.operation("StopMonitoringSchedule", _SCHEDULE)
    def stop(request: Request, call: Call) -> None:
        schedule = monitoring.schedule(request, call)
        schedule.status, schedule.modified = "Stopped", call.now

    @service.operation("DescribeMonitoringSchedule", _SCHEDULE)
    def describe(request: Request, call: Call) -> Request:
        return monitoring.schedule(request, call).described()

    @service.operation("DeleteMonitoringSchedule", _SCHEDULE)
    def delete(request: Request, call: Call) -> None:
        schedule = monitoring.schedule(request, call)
        del schedules[schedule.arn]
        tags.forget(schedule.arn)

    @service.operation("ListMonitoringSchedules")
    def list_(request: Request, call: Call) -> Request:
        found = [one.summary() for one in _ours(schedules, call)]
        return listed(found, request, "MonitoringScheduleSummaries", "MonitoringSchedule", keep=_of(request))

    @service.operation("ListMonitoringExecutions")
    def executions(request: Request, call: Call) -> Request:
        found = [run.summary() for one in _ours(schedules, call) for run in one.executions]
        wanted = _of(request)
        before, after = request.get("ScheduledTimeBefore"), request.get("ScheduledTimeAfter")
        name = request.get("MonitoringScheduleName")

        def keep(run: Request) -> bool:
            due = run["ScheduledTime"]
            in_time = (after is None or due >= after) and (before is None or due <= before)
            return wanted(run) and in_time and name in (None, run["MonitoringScheduleName"])

        keys = {"ScheduledTime": "ScheduledTime"}
        return listed(
            found, request, "MonitoringExecutionSummaries", "MonitoringExecution", sort_keys=keys, keep=keep
        )


def _ours(schedules: dict[str, Schedule], call: Call) -> list[Schedule]:
    return [one for arn, one in schedules.items() if arn.startswith(call.arn("monitoring-schedule/"))]


def _of(request: Request) -> Callable[[Request], bool]:
    """The filters on endpoint, definition and type."""
    filters = {
        "EndpointName": request.get("EndpointName"),
        "MonitoringJobDefinitionName": request.get("MonitoringJobDefinitionName"),
        "MonitoringType": request.get("MonitoringTypeEquals"),
    }
    return lambda item: all(value in (None, item.get(name)) for name, value in filters.items())
