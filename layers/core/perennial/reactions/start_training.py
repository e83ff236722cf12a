"""Data was dropped: pin it as a dataset version and train on it, or refuse it with a report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from perennial import layout
from perennial.config import ModelConfig
from perennial.decision import Decision, Severity
from perennial.errors import Conflict, QuotaReached
from perennial.intake.completeness import Completeness
from perennial.intake.dataset import dataset_json, manifest_json, refusal, report_json, schema_json
from perennial.intake.examination import Inspection
from perennial.intake.inspect import inspect
from perennial.intake.problem import Problem
from perennial.intake.schema import Schema
from perennial.ports import World
from perennial.reactions.datasets import champion_of, decided, pinned, remember
from perennial.reactions.drops import look_at, undecided_drops
from perennial.reactions.owed import CLAIM, is_untold, owed, told, untold_start, with_line
from perennial.reactions.quotas import quota_reached
from perennial.training import IN_FLIGHT, Champion, Dataset, job_request, plan
from perennial.words import counted

# A claim that nothing came of belongs to a handler that died: after this it counts no more.
CLAIM_HOLDS = timedelta(minutes=2)
# S3 may tell of one drop several times; whoever drops the same again later than this wants to hear of it.
ONE_DROP = timedelta(minutes=10)


def on_object(key: str, world: World) -> Decision | None:
    """A part of a drop is no fact: its marker is, or the silence after it, which the sweep sees."""
    found = layout.parse_drop_key(key)
    if found is None or found.role == "part":
        return None
    if found.role == "stray":
        return _recorded(_stray(key, found), world)
    return start_training(found.model, world, drop=found.drop)


def start_training(
    model: str, world: World, *, drop: str | None = None, because: str = "the model was due"
) -> Decision:
    """Take in a drop (or every one that nobody decided about), then train on the newest dataset if it is time."""
    config = world.catalog.get(model)
    if config is None:
        reason = (
            f"there is no valid configuration: upload {layout.config_key(model)}; the drop is taken in then"
        )
        fact = _fact(drop) if drop else because
        # Uploaded together with its data, model.yaml may be a moment from being in force.
        coming = bool(world.bucket.list(layout.config_key(model)))
        return _recorded(Decision(model, fact, "drop_waits", reason, None if coming else "warning"), world)
    drops = [drop] if drop else list(undecided_drops(config, world))
    left_out = None
    for name in drops:
        left_out = _take_in(name, config, world)
    if drop and left_out is not None:
        return left_out
    heard = drop is not None and _answered(drop, model, world)
    try:
        decision = _recorded(_train(config, drop, because, world, heard=heard), world)
    except QuotaReached as error:
        decision = quota_reached(model, _fact(drop) if drop else because, error, world)
    if decision.outcome == "training_started":
        told(model, CLAIM, world)
    if decision.news:
        for name in drops:
            _remember_answer(name, model, world)
    return decision


def _answered(drop: str, model: str, world: World) -> bool:
    """Whether people heard a moment ago what became of this drop.

    That it is pinned says nothing of it: any event of the model may have pinned it, and a handler may have died.
    """
    known = world.state.get(model, f"drop#{drop}")
    if known is None or "answered" not in known:
        return False
    return world.now() - datetime.fromisoformat(known["answered"]) < ONE_DROP


def _remember_answer(drop: str, model: str, world: World) -> None:
    """Whatever another event of it writes at the same time stays."""
    name = f"drop#{drop}"
    while (known := world.state.get(model, name)) and known["outcome"] == "pinned":
        try:
            world.state.put(model, name, {**known, "answered": world.now().isoformat()}, expected=known)
        except Conflict:
            continue
        return


def _stray(key: str, found: layout.DropObject) -> Decision:
    reason = (
        f"{key} is neither a .csv nor a .parquet file, nor in a folder: nothing was done with it. "
        "Upload data uncompressed, as one file or as the parts of a folder"
    )
    return Decision(found.model, f"file {found.drop} uploaded", "file_ignored", reason, "warning")


def _fact(drop: str) -> str:
    return f"drop {drop}"


def _recorded(decision: Decision, world: World) -> Decision:
    world.ledger.record(decision)
    return decision


def _take_in(drop: str, config: ModelConfig, world: World) -> Decision | None:
    """Pin a drop as a dataset version. None when it is pinned, now or before; else the decision, kept, that leaves it out."""
    model = config.model
    objects = world.bucket.list(layout.drop_prefix(model, drop))
    seen = look_at(drop, config, world, objects)
    known = world.state.get(model, f"drop#{drop}")
    if late := owed(
        known, world.now()
    ):  # whatever has become of the drop or the rules since: that is looked at next
        _recorded(late, world)
        told(model, f"drop#{drop}", world)
        return None
    if known and decided(known, seen.fingerprint, config):
        if known["outcome"] == "pinned":
            return None
        again = f"refused in this form before: {known['reason']}"
        return _recorded(Decision(model, _fact(drop), "nothing", again), world)
    if seen.state == "refused":
        return _refuse(drop, seen.fingerprint, seen.problems, len(seen.problems), (), config, world)
    if seen.state != "complete":
        return _recorded(Decision(model, _fact(drop), "drop_waits", seen.reason), world)
    if seen.parts[0].format == "parquet" and world.parquet is not None:
        world.parquet.start_training(model, drop)
        why = "Parquet is read by the function that has the reader"
        return _recorded(Decision(model, _fact(drop), "handed_over", why), world)
    found = _inspect(seen, config, world)
    if not found.accepted:
        return _refuse(
            drop, seen.fingerprint, found.problems, found.problem_count, found.notes, config, world
        )
    _pin(drop, seen, max(item.last_modified for item in objects), found, known, config, world)
    return None


def _inspect(seen: Completeness, config: ModelConfig, world: World) -> Inspection:
    return inspect(
        seen.parts,
        world.bucket.open,
        problem=config.problem,
        target=config.target,
        declared=config.schema_,
        pinned=_pinned_schema(config.model, world),
        settings=config.intake,
        open_ranged=world.bucket.open_ranged,
    )


def _pinned_schema(model: str, world: World) -> Schema | None:
    """Of the dataset that was pinned last. It lies in the bucket: of thousands of columns it is too large for the table."""
    known = world.state.get(model, "schema")
    body = (
        world.bucket.read(layout.dataset_prefix(model, known["dataset"]) + "schema.json") if known else None
    )
    return Schema.from_json(body) if body else None


def _refuse(
    drop: str,
    fingerprint: str,
    problems: tuple[Problem, ...],
    count: int,
    notes: tuple[str, ...],
    config: ModelConfig,
    world: World,
) -> Decision:
    model, name = config.model, f"refusal#{drop}"
    form = {"fingerprint": fingerprint, "rules": config.intake_hash}
    claim = world.state.get(model, name)
    if claim and {**form, "at": claim["at"]} == claim and _fresh(claim, world):
        return _recorded(
            Decision(model, _fact(drop), "nothing", "another event of it is answered now"), world
        )
    world.state.put(model, name, {**form, "at": world.now().isoformat()}, expected=claim)
    key = layout.report_key(config.model, drop)
    report = report_json(drop=drop, problems=problems, count=count, notes=notes, created=world.now())
    world.bucket.write(key, report)
    reason = refusal(drop, problems, count)
    details = {"report": f"s3://{world.bucket.name}/{key}", "problems": str(count)}
    # Told before it is remembered: a handler killed in between tells it again, which is better than never.
    told = _recorded(Decision(model, _fact(drop), "drop_refused", reason, "error", details), world)
    world.state.put(model, f"drop#{drop}", {**form, "outcome": "refused", "reason": reason})
    return told


def _pin(
    drop: str,
    seen: Completeness,
    dropped_at: datetime,
    found: Inspection,
    known: Mapping[str, str] | None,
    config: ModelConfig,
    world: World,
) -> None:
    """Write what a training run needs to see the very same data, and remember the dataset last.

    `known` is what was remembered of the drop before. Raises Conflict when another form of it was pinned meanwhile.
    """
    assert found.version is not None  # noqa: S101 (it was accepted)
    assert found.schema is not None  # noqa: S101
    model, folder = config.model, layout.dataset_prefix(config.model, found.version)
    dataset = Dataset(found.version, drop, found.schema.format, dropped_at, world.now())
    before = pinned(config, world.state).get(found.version)
    world.bucket.write(folder + "schema.json", schema_json(found.schema))
    world.bucket.write(
        folder + "manifest.json", manifest_json(world.bucket.name, [part.key for part in found.parts])
    )
    body = dataset_json(
        version=found.version,
        drop=drop,
        format=found.schema.format,
        rows=found.rows,
        parts=found.parts,
        statistics=found.statistics,
        notes=found.notes,
        created=world.now(),
    )
    world.bucket.write(folder + "dataset.json", body)
    world.state.put(model, "schema", {"dataset": found.version})
    remember(config, dataset, world.state)
    outcome = {
        "fingerprint": seen.fingerprint,
        "rules": config.intake_hash,
        "outcome": "pinned",
        "reason": seen.reason,
        "dataset": found.version,
    }
    again = f"; the same data as drop {before.drop}" if before else ""
    columns = len(found.schema.features)
    made_of = (
        f"{counted(found.rows, 'row')}, {counted(columns, 'feature')} in {counted(len(found.parts), 'file')}"
    )
    reason = f"dataset {found.version}: {made_of}{again}"
    details = {
        "dataset": found.version,
        "rows": str(found.rows),
        **{f"note-{n}": t for n, t in enumerate(found.notes, 1)},
    }
    line = Decision(model, _fact(drop), "dataset_pinned", reason, None, details)
    try:
        world.state.put(model, f"drop#{drop}", with_line(outcome, line, world.now()), expected=known)
    except Conflict:
        if not decided(world.state.get(model, f"drop#{drop}"), seen.fingerprint, config):
            raise
        return  # another event of the same drop came as far as here, and tells it
    _recorded(line, world)
    told(model, f"drop#{drop}", world)


def _fresh(claim: Mapping[str, str], world: World) -> bool:
    return world.now() - datetime.fromisoformat(claim["at"]) < CLAIM_HOLDS


def _train(
    config: ModelConfig, drop: str | None, because: str, world: World, *, heard: bool = False
) -> Decision:
    """`heard`: another event of the same drop was answered a moment ago."""
    model, names = config.model, world.names
    fact = _fact(drop) if drop else because
    claim = world.state.get(model, CLAIM)
    jobs = world.jobs.of_model(model)
    if late := untold_start(model, jobs, world):
        _recorded(late, world)
        told(model, CLAIM, world)
        claim = world.state.get(model, CLAIM)
    decided = plan(list(pinned(config, world.state).values()), jobs, config, names, world.now())
    if decided.start is None or decided.dataset is None:
        # A person who dropped data should hear why nothing trains; two events of one drop, though, are one fact.
        in_flight = any(job.status in IN_FLIGHT for job in jobs)
        new = drop and decided.settled and not in_flight and not heard
        news: Severity | None = "info" if new else None
        return Decision(model, fact, "nothing" if decided.settled else "training_waits", decided.reason, news)
    if claim and claim["job"] not in {decided.start, *(job.name for job in jobs)} and _fresh(claim, world):
        return Decision(model, fact, "training_waits", f"job {claim['job']} is being started")
    # Two drops at once: the slower one meets the other's claim, and its retry sees the other's job in flight.
    mine = {"job": decided.start, "at": world.now().isoformat()}
    champion = champion_of(config, world)
    line = _started(decided.start, decided.dataset, decided.reason, champion, fact, config)
    world.state.put(model, CLAIM, with_line(mine, line, world.now()), expected=claim)
    world.experiments.ensure(names.experiment(model), names.trial(model, decided.dataset.version))
    request = job_request(decided.start, decided.dataset, config, champion, world.platform, names)
    if not world.jobs.create(request):
        if not (claim and claim["job"] == decided.start and is_untold(claim)):
            told(model, CLAIM, world)  # by whoever started it
        return Decision(model, fact, "nothing", f"job {decided.start} was started by another event")
    return line


def _started(
    job: str, dataset: Dataset, why: str, champion: Champion | None, fact: str, config: ModelConfig
) -> Decision:
    against = f", against version {champion.version} in service" if champion else ""
    price = "spot" if config.training.spot else "on demand"
    reason = f"{why}: job {job} on {config.training.instance} ({price}){against}"
    details = {"job": job, "dataset": dataset.version}
    return Decision(config.model, fact, "training_started", reason, "info", details)
