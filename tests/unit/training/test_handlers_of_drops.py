"""Handlers of drops that meet, or that die: each drop is read, told and trained on once."""

from datetime import timedelta

import pytest
from fakes import NOW, InMemoryWorld, config
from training.drops import DROPS, ROWS, csv, drop

from perennial.errors import Conflict
from perennial.reactions.owed import is_untold, told, with_line
from perennial.reactions.start_training import on_object, start_training
from perennial.reactions.sweep import sweep


@pytest.fixture
def world():
    world = InMemoryWorld(parquet=None)
    world.catalog.put(config(), NOW)
    return world


def test_a_refusal_is_told_before_it_is_remembered(world):
    """Killed after the report and before the memory: the retry refuses again, and the person hears of it."""
    world.catalog.put(config(intake={"min_rows": 1000}), NOW)

    put = world.state.put

    def die(model, name, value, **condition):
        if name == "drop#monday":
            raise TimeoutError
        put(model, name, value, **condition)

    world.state.put = die
    with pytest.raises(TimeoutError):
        drop(world, "monday", {"a.csv": csv()})
    world.state.put = put
    world.time = NOW + timedelta(minutes=3)
    assert "drop_refused" == on_object(f"{DROPS}monday/_SUCCESS", world).outcome
    assert ["drop_refused", "drop_refused"] == world.ledger.outcomes


def test_two_events_of_a_refused_drop_are_told_once(world):
    """The slower of two handlers meets the other's claim, before or while it tells, and leaves it the telling."""
    world.catalog.put(config(intake={"min_rows": 1000}), NOW)
    write = world.bucket.write

    def another_event_first(key, body):
        world.bucket.write = write
        write(key, body)
        if key.endswith("report.json"):
            on_object(f"{DROPS}monday/_SUCCESS", world)

    write(f"{DROPS}monday/a.csv", csv())
    write(f"{DROPS}monday/_SUCCESS", b"")
    world.bucket.write = another_event_first
    on_object(f"{DROPS}monday/_SUCCESS", world)
    assert ["nothing", "drop_refused"] == world.ledger.outcomes


def test_a_refusal_that_crosses_is_retried(world):
    """A claim written in between raises Conflict, so that Lambda tries again and finds the answer given."""
    world.catalog.put(config(intake={"min_rows": 1000}), NOW)
    get = world.state.get

    def somebody_else_then(model, name):
        found = get(model, name)
        if name == "refusal#monday":
            world.state.put(model, name, {"at": NOW.isoformat()})
        return found

    world.state.get = somebody_else_then
    with pytest.raises(Conflict):
        drop(world, "monday", {"a.csv": csv()})
    assert [] == world.ledger.outcomes


def test_a_killed_handler_is_done_again(world):
    """Killed after pinning and before CreateTrainingJob: the sweep sees a dataset that nobody trained on."""

    def die(request):
        raise TimeoutError

    create, world.jobs.create = world.jobs.create, die
    with pytest.raises(TimeoutError):
        drop(world, "monday", {"a.csv": csv()})
    world.jobs.create = create
    [(_, due)] = sweep(world).due
    assert ("start_training", None) == (due.reaction, due.subject)
    assert "training_started" == start_training("mortgage", world).outcome


class Killed(BaseException):
    """What a handler does not see coming."""


@pytest.mark.parametrize(
    ("outcome", "subject"), [("dataset_pinned", "monday"), ("training_started", None)], ids=["pin", "start"]
)
def test_what_was_done_is_told_though_its_handler_died(world, outcome, subject):
    """Killed between the deed and its line in the ledger: the sweep has the same line recorded, once."""
    record = world.ledger.record

    def die(decision):
        if decision.outcome == outcome:
            raise Killed
        record(decision)

    world.ledger.record = die
    with pytest.raises(Killed):
        drop(world, "monday", {"a.csv": csv()})
    world.ledger.record = record
    assert ("start_training", subject) not in {(due.reaction, due.subject) for _, due in sweep(world).due}, (
        "its handler may be at it still"
    )
    for _ in range(3):
        world.time += timedelta(minutes=10)
        for _, due in sweep(world).due:
            start_training("mortgage", world, drop=due.subject, because=due.because)
    [told] = [made for made in world.ledger.decisions if made.outcome == outcome]
    assert "drop monday" == told.fact
    assert (1, 1) == (world.ledger.outcomes.count("training_started"), len(world.jobs.requests))


def test_a_line_that_is_told_late_has_nothing_read_again(world):
    """Other rules came in between: what was pinned by the old ones is told, and is not read by the new ones."""
    record = world.ledger.record
    world.ledger.record = lambda decision: (_ for _ in ()).throw(TimeoutError)
    with pytest.raises(TimeoutError):
        drop(world, "monday", {"a.csv": csv()})
    world.ledger.record = record
    world.catalog.put(config(intake={"min_rows": 20}), NOW)
    world.time += timedelta(minutes=10)
    for _, due in sweep(world).due:
        start_training("mortgage", world, drop=due.subject, because=due.because)
    assert (1, []) == (world.ledger.outcomes.count("dataset_pinned"), world.jobs.requests)
    assert [] == [due for _, due in sweep(world).due if due.reaction == "start_training"]


def test_a_job_that_somebody_else_started_is_not_told_again(world):
    """CreateTrainingJob answers that the job exists, and whoever made it has told: nothing is left to tell."""
    started = drop(world, "monday", {"a.csv": csv()})
    jobs, world.jobs.of_model = world.jobs.of_model, lambda model: []
    world.time += timedelta(minutes=5)
    assert "nothing" == start_training("mortgage", world).outcome
    world.jobs.of_model = jobs
    world.time += timedelta(minutes=5)
    assert [] == [due for _, due in sweep(world).due if due.reaction == "start_training"]
    assert (started.details["job"], 1) == (world.jobs.requests[0]["TrainingJobName"], len(world.jobs.jobs))


def meanwhile(world, act):
    """Once, right before a drop is remembered as pinned, something else happens."""
    put = world.state.put

    def other_first(model, name, value, **expected):
        if name == "drop#monday" and value["outcome"] == "pinned":
            world.state.put = put
            act()
        put(model, name, value, **expected)

    world.state.put = other_first


def test_two_events_of_a_drop_that_meet_tell_it_once(world):
    """Both read the drop and come to the same dataset; it is told once, and one job starts."""
    meanwhile(world, lambda: on_object(f"{DROPS}monday/_SUCCESS", world))
    drop(world, "monday", {"a.csv": csv()})
    assert (1, 1) == (world.ledger.outcomes.count("dataset_pinned"), len(world.jobs.requests))


def test_a_drop_that_grew_while_it_was_read_is_not_remembered_as_it_was(world):
    """A later event pinned it with another part: the earlier one's retry finds that, and takes nothing back."""
    meanwhile(world, lambda: drop(world, "monday", {"b.csv": csv(["1,2,no"])}))
    with pytest.raises(Conflict):
        drop(world, "monday", {"a.csv": csv()})
    [pinned] = [made for made in world.ledger.decisions if made.outcome == "dataset_pinned"]
    assert "301" == pinned.details["rows"]
    on_object(f"{DROPS}monday/_SUCCESS", world)
    assert 1 == world.ledger.outcomes.count("dataset_pinned")


def test_an_answer_takes_nothing_back_that_was_written_meanwhile(world):
    """One event remembers that people were answered as another one remembers that the line is recorded: both count."""
    started = drop(world, "monday", {"a.csv": csv()})
    world.jobs.finish(started.details["job"], status="Completed")
    put, known = world.state.put, world.state.get("mortgage", "drop#monday")
    unanswered = {key: value for key, value in known.items() if key != "answered"}
    put("mortgage", "drop#monday", with_line(unanswered, world.ledger.decisions[0], world.now()))

    def other_first(model, name, value, **expected):
        if name == "drop#monday" and "answered" in value:
            world.state.put = put
            told(model, name, world)
        put(model, name, value, **expected)

    world.state.put = other_first
    world.time += timedelta(seconds=30)
    on_object(f"{DROPS}monday/_SUCCESS", world)
    found = world.state.get("mortgage", "drop#monday")
    assert (world.now().isoformat(), False) == (found["answered"], is_untold(found))


def test_two_drops_at_once_train_one_at_a_time(world):
    """The slower of two handlers meets the other's claim; its retry waits for the other's job."""
    pinned_by_the_other = csv([*ROWS, "1,1,no"])

    def ensure(experiment, trial):
        world.experiments.ensure = lambda *names: None
        world.time = NOW + timedelta(seconds=1)
        drop(world, "tuesday", {"a.csv": pinned_by_the_other})

    world.experiments.ensure = ensure
    drop(world, "monday", {"a.csv": csv()})
    waited = [decision for decision in world.ledger.decisions if decision.outcome == "training_waits"]
    assert (1, 1) == (len(waited), len(world.jobs.requests))


def test_a_claim_that_crosses_is_retried(world):
    """A claim written in between raises Conflict, so that Lambda tries again."""
    of_model = world.jobs.of_model

    def somebody_else_first(model):
        world.state.put("mortgage", "training", {"job": "other", "at": NOW.isoformat()})
        return of_model(model)

    world.jobs.of_model = somebody_else_first
    with pytest.raises(Conflict):
        drop(world, "monday", {"a.csv": csv()})
    assert [] == world.jobs.requests
