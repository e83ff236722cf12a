"""Scheduled actions: bounds that change at a time of the wall clock, in the action's time zone."""

import asyncio
import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from twin import seams
from twin import seams_cloudwatch as clockwork
from twin.autoscaling.scaler import Scaler
from twin.autoscaling.state import Activity, Record, ScheduledAction, Target, not_found, selected
from twin.pages import paginate
from twin.protocol import Call, Service, validation

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")


def register(service: Service, scaler: Scaler) -> None:
    """Add the scheduled action operations and start their clock."""
    targets = scaler.targets

    def arns(request: Record, call: Call) -> Iterable[str]:
        target = targets.find(request, call)
        yield target.arn if target else call.arn("scalable-target/new", "application-autoscaling")

    @service.operation("PutScheduledAction", arns)
    def put(request: Record, call: Call) -> None:
        target = targets.get(request, call, "registered")
        name = request["ScheduledActionName"]
        known = target.actions.get(name)
        schedule = request.get("Schedule", known.schedule if known else None)
        if schedule is None:
            raise validation("Schedule must be specified for a new scheduled action")
        bounds = request.get("ScalableTargetAction", known.action if known else None)
        if not bounds:
            raise validation("ScalableTargetAction with MinCapacity or MaxCapacity must be specified")
        low, high = bounds.get("MinCapacity"), bounds.get("MaxCapacity")
        if low is not None and high is not None and low > high:
            raise validation("Maximum capacity cannot be less than minimum capacity")
        if low is not None and low < target.dimension.lowest:
            raise validation(f"Minimum capacity must be at least {target.dimension.lowest}")
        arn = f"scheduledAction:{uuid4()}:resource/sagemaker/{target.resource_id}:scheduledActionName/{name}"
        action = ScheduledAction(
            name,
            known.arn if known else call.arn(arn, "autoscaling"),
            schedule,
            request.get("Timezone", known.timezone if known else None),
            bounds,
            known.created if known else call.now,
            request.get("StartTime"),
            request.get("EndTime"),
        )
        action.due = next_run(action, scaler.now())
        target.actions[name] = action
        scaler.changed.set()

    @service.operation("DescribeScheduledActions")
    def describe(request: Record, call: Call) -> Record:
        names = request.get("ScheduledActionNames")
        found = [
            _shown(target, action)
            for target in selected(targets.of(call), request)
            for action in target.actions.values()
            if names is None or action.name in names or action.arn in names
        ]
        return paginate(found, request, "ScheduledActions", default=50, maximum=50)

    @service.operation("DeleteScheduledAction", arns)
    def delete(request: Record, call: Call) -> None:
        target = targets.find(request, call)
        name = request["ScheduledActionName"]
        if target is None or target.actions.pop(name, None) is None:
            raise not_found("No scheduled action found for", request, f", scheduled action name: {name}")
        scaler.changed.set()

    vars(scaler)["clock"] = asyncio.create_task(_keep_time(scaler))


def next_run(action: ScheduledAction, after: datetime) -> datetime | None:
    """When the action is due next, or None. Raises ValidationException for a schedule nobody can read."""
    try:
        zone = ZoneInfo(action.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise validation(f"Invalid time zone: {action.timezone}") from error
    if action.start and action.end and action.end <= action.start:
        raise validation("The end time must be later than the start time")
    # A schedule that is due right at its start runs then.
    earliest = max(after, action.start - timedelta(microseconds=1)) if action.start else after
    due = _after(action, earliest, zone)
    return None if due is None or (action.end and due > action.end) else due


def _after(action: ScheduledAction, after: datetime, zone: ZoneInfo) -> datetime | None:
    if match := _AT.fullmatch(action.schedule):
        at = datetime.fromisoformat(match[1]).replace(tzinfo=zone).astimezone(UTC)
        return at if at > after else None
    if match := _RATE.fullmatch(action.schedule):
        every, first = timedelta(**{f"{match[2]}s": int(match[1])}), action.start or action.created
        if not every:
            raise validation(f"Invalid schedule expression: {action.schedule}")
        passed = (after - first) // every + 1 if after >= first else int(action.start is None)
        return first + every * passed
    try:
        due = clockwork.next_cron(action.schedule, after.astimezone(zone))
        # When clocks are set back an hour comes twice; the action runs in the first.
        while due is not None and due.astimezone(UTC) <= after:
            due = clockwork.next_cron(action.schedule, due)
    except ValueError as error:
        raise validation(f"Invalid schedule expression: {action.schedule}") from error
    return due and due.astimezone(UTC)


async def _keep_time(scaler: Scaler) -> None:
    """Sleep until the next action is due, a schedule changes, or the clock is moved."""
    while True:
        planned = [
            (action.due, target, action)
            for target in scaler.targets
            for action in target.actions.values()
            if action.due
        ]
        scaler.changed.clear()
        if not planned:
            await scaler.changed.wait()
            continue
        due, target, action = min(planned, key=lambda one: one[0])
        wait = (due - scaler.now()).total_seconds()
        if wait > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(scaler.changed.wait(), wait)
            continue
        action.due = next_run(action, max(due, scaler.now()))
        _run(scaler, target, action)


def move_clock(scaler: Scaler, seconds: float) -> None:
    """Let schedules believe that it is so much later. What becomes due runs once; going back plans anew."""
    back = timedelta(seconds=seconds) < scaler.clock_offset
    scaler.clock_offset = timedelta(seconds=seconds)
    if back:
        for target in scaler.targets:
            for action in target.actions.values():
                action.due = next_run(action, scaler.now())
    scaler.changed.set()


def _run(scaler: Scaler, target: Target, action: ScheduledAction) -> None:
    if target.suspended.get("ScheduledScalingSuspended"):
        return
    low, high = action.action.get("MinCapacity"), action.action.get("MaxCapacity")
    low = target.minimum if low is None else low
    high = max(low, target.maximum if high is None else high)
    now, given = datetime.now(UTC), []
    if action.action.get("MinCapacity") is not None:
        given.append(f"min capacity to {low}")
    if action.action.get("MaxCapacity") is not None:
        given.append(f"max capacity to {high}")
    told = " and ".join(given)
    cause = f"scheduled action name {action.name} was triggered"
    activity = Activity(f"Setting {told}", cause, now, "Successful", f"Successfully set {told}")
    target.activities.insert(0, activity)
    with seams.scope(target.call.account, target.call.region):
        scaler.set_bounds(target, low, high)


def _shown(target: Target, action: ScheduledAction) -> Record:
    return {
        **target.key,
        "ScheduledActionName": action.name,
        "ScheduledActionARN": action.arn,
        "Schedule": action.schedule,
        "Timezone": action.timezone,
        "StartTime": action.start,
        "EndTime": action.end,
        "ScalableTargetAction": action.action,
        "CreationTime": action.created,
    }
