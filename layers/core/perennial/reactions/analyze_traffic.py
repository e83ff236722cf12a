"""Windows of traffic are due, or somebody asked for one: analyse each once, in order, and keep what came of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from perennial import layout
from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.errors import Conflict
from perennial.monitoring import claims, windows
from perennial.monitoring.analysis import REPORT, SUMMARY, Analyzed, content_type, publishable
from perennial.monitoring.claims import Document
from perennial.monitoring.monitors import label_delay, monitors_of
from perennial.monitoring.sizing import size
from perennial.monitoring.summary import Summary
from perennial.monitoring.windows import Asked
from perennial.ports import World
from perennial.reactions import analysis_jobs, schedules
from perennial.reactions.traffic import (
    Watch,
    baseline_files,
    begun,
    gather,
    in_service_since,
    passed,
    sources,
    through_of,
    watches_of,
)
from perennial.reactions.turns import Turn, asked_turn, due_turn, turn_of
from perennial.reactions.watch_requests import watch_requests
from perennial.route import serving

logger = logging.getLogger(__name__)
WINDOWS_A_RUN = 6
LONGEST_RUN = timedelta(minutes=5)  # no window begins after it: a Lambda lives fifteen minutes


def analyze_traffic(
    model: str, world: World, *, subject: str | None, request: str = "", at: datetime | None = None
) -> Decision | None:
    """`subject` is what `windows.parse_subject` reads; `request` and `at` are the id and time of its event.

    Returns the last decision of this run. Raises ValueError for a subject that says nothing.
    """
    asked = windows.parse_subject(subject)
    config = world.catalog.get(model)
    if config is None:
        return None
    watch = next((found for found in watches_of(config) if found.monitor == asked.monitor), None)
    if watch is None:
        return _unwatched(config, asked, request, world)
    if asked.what == "due":
        return _due(watch, world)
    turn = asked_turn(watch, asked, at or world.now(), request, world)
    return _take(turn, world)


def _unwatched(config: ModelConfig, asked: Asked, request: str, world: World) -> Decision:
    """Whoever asked is answered; a schedule of Model Monitor goes."""
    wanted = asked.monitor in monitors_of(config)
    reason = "nothing is captured" if wanted else f"model.yaml asks for no {asked.monitor} monitor"
    fact = f"{asked.monitor} is due"
    if asked.what == "due":
        dismissed = schedules.dismiss(config.model, asked.monitor, reason, world)
        return dismissed or _nothing(config.model, fact, reason)
    told = {"monitor": asked.monitor, "request": request}
    decision = Decision(config.model, fact, "analysis_refused", reason, None, told)
    world.ledger.record(decision)
    return decision


def analysis_job_ended(name: str, world: World) -> Decision | None:
    """A Processing job changed. None while it runs, and for jobs that are not ours."""
    found = analysis_jobs.owner(name, world)
    config = world.catalog.get(found.model) if found else None
    if found is None or config is None:
        return None
    watch = next((each for each in watches_of(config) if each.monitor == found.monitor), None)
    known = world.state.get(found.model, found.document)
    if watch is None or known is None or known["status"] != "running" or known["job"] != name:
        return _nothing(found.model, f"job {name} changed", "its window is not waiting for it")
    decision = _take(turn_of(watch, found.document, known), world)
    if not known["request"]:
        world.hints.send(found.model, "analyze_traffic", f"job {name} ended", found.monitor)
    return decision


def _due(watch: Watch, world: World) -> Decision | None:
    """The due windows, by whichever engine watches this monitor."""
    endpoint = world.endpoints.get(serving(watch.model, world).endpoint)
    since = in_service_since(watch.config, endpoint, world)
    if since is None:
        reason = "no version is in service"
        gone = schedules.dismiss(watch.model, watch.monitor, reason, world) if endpoint is None else None
        return gone or _nothing(watch.model, f"{watch.monitor} is due", reason)
    through = through_of(watch, world) or begun(watch, since, world)
    choice = schedules.engine_of(watch, world)
    if choice.engine == "model-monitor":
        return schedules.follow(watch, through, world)
    schedules.dismiss(watch.model, watch.monitor, choice.reason, world)
    return _catch_up(watch, _resumed(watch, through, world), world)


def _catch_up(watch: Watch, through: datetime, world: World) -> Decision | None:
    """The due windows, oldest first. What remains is handed on to the next run."""
    began, last = world.now(), None
    for _ in range(WINDOWS_A_RUN):
        due = windows.due(through, watch.every, watch.delay, world.now(), 1)
        if not due or world.now() - began > LONGEST_RUN:
            break
        turn = due_turn(watch, due[0])
        last = _take(turn, world) or last
        document = world.state.get(watch.model, turn.name)
        if document is None or document["status"] not in ("done", "failed"):
            return last  # somebody else is at it, or a job: the next hint goes on
        passed(watch, due[0].end, world)
        through = due[0].end
    if windows.due(through, watch.every, watch.delay, world.now(), 1):
        world.hints.send(watch.model, "analyze_traffic", "more windows are due", watch.monitor)
    return last or _nothing(watch.model, f"{watch.monitor} is due", "every window that is due was analysed")


def _resumed(watch: Watch, through: datetime, world: World) -> datetime:
    """Pass by, and say so, what has become too old to alarm anybody."""
    resumed = windows.resumed(through, watch.every, watch.delay, world.now())
    if resumed > through:
        reason = (
            f"windows of {watch.monitor} from {windows.iso(through)} to {windows.iso(resumed)} were not "
            f"analysed: CloudWatch takes nothing older than {windows.OLDEST.days} days"
        )
        fact = f"analysis of {watch.monitor} resumed"
        world.ledger.record(Decision(watch.model, fact, "windows_skipped", reason, "warning"))
        passed(watch, resumed, world)
    return resumed


def _take(turn: Turn, world: World) -> Decision | None:
    """Do what the window needs now. Only one run at a time has its claim."""
    model, known = turn.watch.model, world.state.get(turn.watch.model, turn.name)
    step = claims.next_step(known, world.now(), turn.request, turn.attempts)
    if step == "wait":
        return _taken(turn, known, "another run analyses it", world)
    if step == "finished":
        return _nothing(model, turn.fact, "it was analysed already")
    job = analysis_jobs.look(known, world) if step == "job" and known else None
    if job and job.in_progress:
        return _taken(turn, known, f"job {job.name} analyses it", world)
    if step == "give_up" and known:
        return _give_up(turn, known, known["error"] or "its handler died every time", world)
    kept = known if job and known else {}
    claim = {**kept, **claims.claimed(known, turn.window, world.now(), turn.request), "folder": turn.folder}
    try:
        world.state.put(model, turn.name, claim, expected=known)
    except Conflict:
        return _taken(turn, world.state.get(model, turn.name), "another run analyses it", world)
    try:
        return _after_job(turn, claim, job, world) if job else _begin(turn, claim, world)
    except Conflict:
        raise
    except Exception as error:
        logger.exception("%s of %s", turn.fact, model)
        why = f"{type(error).__name__}: {error}"[:500]
        failed = {**claim, "status": "retry", "error": why}
        world.state.put(model, turn.name, failed, expected=claim)
        if turn.request is not None and claim["attempts"] >= turn.attempts:
            return _give_up(turn, failed, why, world)
        raise


def _taken(turn: Turn, known: Document | None, reason: str, world: World) -> Decision:
    """Somebody else is at it. Whoever asked for the same window meanwhile waits for an answer; a repeated event does not."""
    if turn.request is None or (known and known["request"] == turn.request):
        return _nothing(turn.watch.model, turn.fact, reason)
    decision = turn.decision("analysis_refused", f"{reason}: ask again when that is done")
    world.ledger.record(decision)
    return decision


def _begin(turn: Turn, claim: Document, world: World) -> Decision:
    """Analyse the window here, or start the job that does."""
    material = gather(turn.watch, turn.window, world)
    files = len(material.captures)
    where = size(turn.watch.config, turn.watch.monitor, material.captured, files, claim["died"])
    if where.instances:
        running = analysis_jobs.start(turn.name, turn.folder, material, where.instances, claim, world)
        return _wait(turn, claim, running, "analysis_job_started", where.reason, world)
    baseline = baseline_files(material.version.files, world)
    captures = sources(material.captures, world)
    labels = sources(material.labels, world, under=layout.ground_truth_prefix(turn.watch.model))
    return _keep(turn, claim, world.analyst.analyze(material.request, baseline, captures, labels), world)


def _after_job(turn: Turn, claim: Document, job: analysis_jobs.Seen, world: World) -> Decision:
    """A job ended: merge its parts; try once more; or tell why it failed."""
    if job.failure is None:
        return _keep(turn, claim, analysis_jobs.result(turn.folder, claim, world), world, job=job.name)
    if job.again is not None:
        running = analysis_jobs.restart(job, claim, world)
        return _wait(turn, claim, running, "analysis_job_retried", job.failure, world)
    return _give_up(turn, claim, job.failure, world)


def _wait(turn: Turn, claim: Document, running: Document, outcome: str, why: str, world: World) -> Decision:
    """The job's end is the next event."""
    world.state.put(turn.watch.model, turn.name, running, expected=claim)
    decision = turn.decision(outcome, f"{why}: {running['job']}", job=running["job"])
    world.ledger.record(decision)
    return decision


def _keep(turn: Turn, claim: Document, analyzed: Analyzed, world: World, **more: str) -> Decision:
    """Results first, then metrics, then the word, and the mark that it is done last: a death between is repeated."""
    summary = Summary.model_validate_json(analyzed.files[SUMMARY])
    for name in sorted(analyzed.files, key=lambda name: name == SUMMARY):
        world.bucket.write(turn.folder + name, analyzed.files[name], content_type(name))
    late = label_delay(turn.watch.config, turn.watch.monitor)
    points = publishable(analyzed.datapoints, world.now(), late)
    world.metrics.put(points)
    if analyzed.datapoints and not points:
        more["metrics"] = "not sent: CloudWatch takes nothing older than two weeks"
    details: dict[str, str] = {
        "status": summary.status,
        "records": str(summary.records),
        "violations": str(len(summary.violations)),
        "summary": turn.folder + SUMMARY,
        "report": turn.folder + REPORT,
        "version": str(summary.model_version or "unknown"),
    }
    watch_requests(turn.watch.config, summary, world)
    outcome = "window_empty" if summary.status == "empty" else "window_analyzed"
    decision = turn.decision(outcome, summary.reason, **details, **more)
    _end(turn, claim, "done", decision, world)
    return decision


def _give_up(turn: Turn, known: Document, why: str, world: World) -> Decision:
    """Tell that a window was not analysed; the next one has its turn."""
    again = f"{world.names.command} analyze {turn.watch.model} --monitor {turn.watch.monitor}"
    times = f"--start {windows.iso(turn.window.start)} --end {windows.iso(turn.window.end)}"
    reason = f"{turn.fact} was not analysed: {why}. Once the cause is mended: {again} {times}"
    decision = replace(turn.decision("analysis_failed", reason, error=why), news="error")
    _end(turn, known, "failed", decision, world)
    return decision


def _end(turn: Turn, known: Document, status: str, decision: Decision, world: World) -> None:
    ended: Mapping[str, Any] = {**known, "status": status, "request": turn.request}
    if world.state.get(turn.watch.model, turn.name) != known:
        raise Conflict(f"{turn.fact} was taken over by another run")
    world.ledger.record(decision)
    world.state.put(turn.watch.model, turn.name, ended, expected=known)


def _nothing(model: str, fact: str, reason: str) -> Decision:
    return Decision(model, fact, "nothing", reason)
