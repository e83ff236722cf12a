"""A training job ended: register what it made, try again, or tell a person why it failed."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pydantic import ValidationError

from perennial import layout
from perennial.config import ModelConfig
from perennial.decision import Decision, Severity
from perennial.errors import Conflict, QuotaReached
from perennial.evaluation import Evaluation
from perennial.gate import judge
from perennial.names import TrainingJobName
from perennial.notifications.text import shorten
from perennial.ports import World
from perennial.reactions.datasets import champion_of, pinned
from perennial.reactions.outputs import read_output
from perennial.reactions.quotas import quota_reached
from perennial.reactions.trainings import unmended
from perennial.registration import package_request
from perennial.training import IN_FLIGHT, TrainingJob, after_failure, job_request

LOG_LINES = 20
LONGEST_LINE = 1000  # characters: one line of a job's log may be larger than an event


def register_model(job_name: str, world: World) -> Decision | None:
    """Returns None while the job runs, and for jobs that are not ours."""
    parsed = world.names.parse_training_job(job_name)
    job = world.jobs.get(job_name) if parsed else None
    if parsed is None or job is None or job.status in IN_FLIGHT:
        return None
    config = world.catalog.get(parsed.model)
    if config is None:
        return None
    key = f"job#{job_name}"
    known = world.state.get(parsed.model, key)
    if known and known["told"]:
        return Decision(
            parsed.model, f"job {job_name} is {job.status}", "nothing", f"known already: {known['outcome']}"
        )
    try:
        # A job stopped at its time limit may still have left a usable model.
        decide = _register if job.artefact else _failed
        decision = decide(job, parsed, config, world)
    except (
        QuotaReached
    ) as error:  # without a verdict: the sweep sees a job that nobody judged, and tries it again
        fact = f"training job {job_name} {job.status}"
        return quota_reached(parsed.model, fact, error, world)
    verdict = {"outcome": decision.outcome, "reason": decision.reason, "told": False}
    try:
        world.state.put(parsed.model, key, verdict, expected=known)
    except Conflict:
        # Two events of one change came as far as here. The other one tells it; if it dies, the sweep does.
        return Decision(
            parsed.model, f"job {job_name} is {job.status}", "nothing", "another event is telling it"
        )
    world.ledger.record(decision)
    world.state.put(parsed.model, key, verdict | {"told": True}, expected=verdict)
    world.hints.send(parsed.model, "start_training", f"job {job_name} ended; a newer dataset may be waiting")
    return decision


def _register(job: TrainingJob, parsed: TrainingJobName, config: ModelConfig, world: World) -> Decision:
    fact = f"training job {job.name} {job.status}"
    key = layout.training_key(parsed.model, job.name, "output/output.tar.gz")
    output = read_output(world.bucket, key)
    if isinstance(output, str):
        return Decision(parsed.model, fact, "registration_refused", output, "error")
    try:
        evaluation = Evaluation.model_validate_json(output.evaluation)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        reason = f"evaluation.json in {key} is not as expected: {place}: {first['msg']}; the estimator's container wrote it"
        return Decision(parsed.model, fact, "registration_refused", reason, "error")
    verdict = judge(evaluation, config.gate_metric, config.gate)
    world.bucket.write(layout.training_key(parsed.model, job.name, "evaluation.json"), output.evaluation)
    hyperparameters = json.dumps(dict(job.hyperparameters or {}), sort_keys=True, indent=1).encode()
    world.bucket.write(layout.training_key(parsed.model, job.name, "hyperparameters.json"), hyperparameters)
    world.registry.ensure_group(parsed.model, f"Versions of {parsed.model}")
    baseline = _keep_baseline(parsed.model, job.name, output.baseline, world)
    request = package_request(
        job, parsed, evaluation, verdict, config, world.platform.bucket, world.names, baseline
    )
    arn = world.registry.create(request)
    details = {
        "package": arn,
        "version": arn.rsplit("/", 1)[-1],
        "approval": verdict.status,
        "dataset": parsed.dataset,
        **{name: f"{value:.6g}" for name, value in evaluation.metrics.items() if value is not None},
    }
    if job.training_seconds and job.billable_seconds is not None:
        details["billed"] = f"{job.billable_seconds} of {job.training_seconds} s"
    if output.left_out:
        details["baseline"] = f"{output.left_out}: its traffic will not be judged"
    news: Severity = "warning" if verdict.status == "Rejected" else "info"
    reason = f"{verdict.status}: {verdict.reason}"
    if verdict.status == "Rejected" and (alarm := unmended(parsed.dataset, config, world)):
        reason += f". It was to mend what alarm {alarm} tells of, and that lasts"
        details["alarm"] = alarm
    return Decision(parsed.model, fact, "version_registered", reason, news, details)


def _keep_baseline(model: str, job: str, files: Mapping[str, bytes], world: World) -> dict[str, str]:
    """What windows of traffic will be compared with: where each file lies, by its name."""
    folder = layout.baseline_prefix(model, job)
    for name, body in sorted(files.items()):
        world.bucket.write(folder + name, body)
    return {name: f"s3://{world.platform.bucket}/{folder}{name}" for name in files}


def _failed(job: TrainingJob, parsed: TrainingJobName, config: ModelConfig, world: World) -> Decision:
    fact = f"training job {job.name} {job.status}"
    retry = after_failure(job, parsed.attempt, config.training.max_retries)
    dataset = pinned(config, world.state).get(parsed.dataset)
    # The name promises the settings: with others by now, the next drop trains, not a retry.
    if retry.attempt is not None and dataset is not None and config.training_hash == parsed.config:
        name = world.names.training_job(parsed.model, parsed.dataset, parsed.config, retry.attempt)
        world.jobs.create(
            job_request(name, dataset, config, champion_of(config, world), world.platform, world.names)
        )
        return Decision(parsed.model, fact, "training_retried", f"{retry.reason}, as {name}", "warning")
    lines = [shorten(line, LONGEST_LINE) for line in world.jobs.last_log_lines(job.name, LOG_LINES)]
    why = job.failure_reason or f"it ended as {job.secondary_status or job.status} and left no model"
    return Decision(
        parsed.model,
        fact,
        "training_failed",
        f"{why} ({retry.reason})",
        "error",
        {"log": "\n".join(lines) or "the job wrote no log", "log-group": "/aws/sagemaker/TrainingJobs"},
    )
