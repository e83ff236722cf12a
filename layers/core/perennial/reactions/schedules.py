"""The engine `model-monitor`: its schedules are kept as model.yaml wants them, and their results read as ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from perennial import layout
from perennial.decision import Decision, Severity
from perennial.errors import NotAvailable
from perennial.monitoring import model_monitor_results as results
from perennial.monitoring import windows
from perennial.monitoring.analysis import SUMMARY, publishable
from perennial.monitoring.engines import Choice, answered, choose
from perennial.monitoring.images import image_uri
from perennial.monitoring.model_monitor import KINDS, Definition, Execution, definition
from perennial.monitoring.monitors import MonitorName, label_delay, schedule_name
from perennial.monitoring.summary import Summary
from perennial.monitoring.windows import Window
from perennial.ports import World
from perennial.reactions.traffic import Watch, asked_of, baseline_files, passed

NO_DATA = "no data"  # of Model Monitor's "Job inputs had no data"
ACCOUNT = "engine"  # the account's last answer: {"refused": reason or "", "at": ISO}


def engine_of(watch: Watch, world: World) -> Choice:
    """Which engine watches, the account's answer remembered; every change is in the ledger with its reason."""
    image = _image(watch.monitor, world)
    account = world.state.get(watch.model, ACCOUNT)
    choice = choose(watch.config, watch.every, image, account, world.now())
    if choice is None:
        refused = _ask(watch, world)
        world.state.put(watch.model, ACCOUNT, {"refused": refused, "at": world.now().isoformat()})
        choice = answered(watch.config, refused)
    chosen = {"engine": choice.engine, "reason": choice.reason}
    name = f"engine#{watch.monitor}"
    if world.state.get(watch.model, name) != chosen:
        unwanted = watch.config.engine == "model-monitor" and choice.engine == "built-in"
        reason = f"{choice.engine} watches {watch.monitor}: {choice.reason}"
        fact = f"engine {watch.config.engine} of {watch.monitor}"
        news: Severity | None = "warning" if unwanted else None
        world.ledger.record(Decision(watch.model, fact, "engine_chosen", reason, news))
        world.state.put(watch.model, name, chosen)
    return choice


def follow(watch: Watch, through: datetime, world: World) -> Decision | None:
    """Bring the schedule up to date, and read what it has found since."""
    last = _settle(watch, world)
    schedule = schedule_name(world.names, watch.model, watch.monitor)
    for run in world.model_monitor.executions(schedule, through):
        if not run.ended:
            break
        last = _read(watch, run, world)
        passed(watch, run.scheduled_at, world)
    reason = "its schedule has no new results"
    return last or Decision(watch.model, f"{watch.monitor} is due", "nothing", reason)


def dismiss(model: str, monitor: MonitorName, why: str, world: World) -> Decision | None:
    """Delete the schedule of a monitor that another engine watches, or none. None when there is no schedule."""
    known = world.state.get(model, f"schedule#{monitor}")
    if known is None or not known["definition"]:
        return None
    world.model_monitor.remove(KINDS[monitor], known["schedule"], known["definition"])
    decision = Decision(model, f"schedule {known['schedule']}", "schedule_removed", why)
    world.ledger.record(decision)
    world.state.put(model, f"schedule#{monitor}", {**known, "definition": ""}, expected=known)
    return decision


def _ask(watch: Watch, world: World) -> str:
    """Try what we want of the account; why it refuses, empty when it does not."""
    try:
        _ensure(watch, _wanted(watch, world), world)
    except NotAvailable as refusal:
        return str(refusal)
    return ""


def _settle(watch: Watch, world: World) -> Decision | None:
    wanted = _wanted(watch, world)
    known = world.state.get(watch.model, f"schedule#{watch.monitor}")
    if known and known["definition"] == wanted.job["JobDefinitionName"]:
        return None
    return _ensure(watch, wanted, world)


def _ensure(watch: Watch, wanted: Definition, world: World) -> Decision:
    """Create or move the schedule; its former definition is deleted once it has left it."""
    name = f"schedule#{watch.monitor}"
    known, now = world.state.get(watch.model, name), str(wanted.job["JobDefinitionName"])
    for key, body in wanted.documents.items():
        world.bucket.write(key, body)
    world.model_monitor.ensure(wanted)
    world.state.put(watch.model, name, {"schedule": wanted.name, "definition": now}, expected=known)
    if known and known["definition"] not in ("", now):
        world.model_monitor.forget(wanted.kind, known["definition"])
    reason = f"schedule {wanted.name} runs {now}"
    decision = Decision(watch.model, f"{watch.monitor} of model.yaml", "schedule_changed", reason)
    world.ledger.record(decision)
    return decision


def _wanted(watch: Watch, world: World) -> Definition:
    now = world.now()
    request, version = asked_of(watch, Window(now, now + watch.every), world)
    constraints = baseline_files(
        {name: uri for name, uri in version.files.items() if name == "constraints.json"}, world
    ).get("constraints.json")
    image = _image(watch.monitor, world) or ""  # chosen only where there is one
    return definition(watch.config, request, version.files, constraints, image, world.platform)


def _image(monitor: MonitorName, world: World) -> str | None:
    return image_uri("clarify" if monitor == "bias" else "model-monitor", world.region)


def _read(watch: Watch, run: Execution, world: World) -> Decision:
    """One run's results as our summary, metrics and decision."""
    job = world.processing.get(run.job) if run.job else None
    window = _window(watch, run, job.environment if job else {})
    request, _ = asked_of(watch, window, world)
    fact = f"window {window} of {watch.monitor}"
    failed = run.status in ("Failed", "Stopped")
    if failed and NO_DATA not in run.failure_reason.lower():
        reason = f"{fact} was not analysed: Model Monitor's job {run.status}: {run.failure_reason}"
        decision = Decision(watch.model, fact, "analysis_failed", reason, "error")
        world.ledger.record(decision)
        return decision
    files = {} if failed else _files(job.outputs if job else (), world)
    summary = (
        results.empty(request, "No traffic was captured.") if failed else results.summary_of(request, files)
    )
    folder = layout.report_prefix(watch.model, watch.monitor, window.start)
    for name, body in files.items():
        world.bucket.write(folder + name, body)
    world.bucket.write(folder + SUMMARY, summary.model_dump_json(indent=1).encode())
    late = label_delay(watch.config, watch.monitor)
    world.metrics.put(publishable(results.datapoints(summary, request), world.now(), late))
    outcome = "window_empty" if failed else "window_analyzed"
    decision = Decision(
        watch.model, fact, outcome, summary.reason, None, _details(watch, window, summary, folder)
    )
    world.ledger.record(decision)
    return decision


def _details(watch: Watch, window: Window, summary: Summary, folder: str) -> dict[str, str]:
    return {
        "monitor": watch.monitor,
        "start": windows.iso(window.start),
        "end": windows.iso(window.end),
        "status": summary.status,
        "records": str(summary.records),
        "violations": str(len(summary.violations)),
        "summary": folder + SUMMARY,
        "engine": "model-monitor",
    }


def _files(outputs: tuple[str, ...], world: World) -> dict[str, bytes]:
    """What the job wrote, by file name."""
    root = f"s3://{world.bucket.name}/"
    found: dict[str, bytes] = {}
    for uri in outputs:
        key = uri.removeprefix(root)
        listed = world.bucket.list(key.rstrip("/") + "/") if key != uri else []
        for item in listed:
            if item.key.endswith(".json") and (body := world.bucket.read(item.key)) is not None:
                found[item.key.rpartition("/")[2]] = body
    return found


def _window(watch: Watch, run: Execution, environment: Mapping[str, str]) -> Window:
    """The window that the job was given; else the period before the run."""
    try:
        start, end = (
            datetime.fromisoformat(environment[name].replace(" ", "")) for name in ("start_time", "end_time")
        )
    except (KeyError, ValueError):
        end = windows.floor(run.scheduled_at, watch.every)
        start = end - watch.every
    return Window(start, end)
