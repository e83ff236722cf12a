"""A drop becomes a dataset and a training job, once; or a refusal that a person can act on."""

import json
from datetime import timedelta

import pytest
from fakes import NAMES, NOW, InMemoryWorld, config
from training.drops import DROPS, HEADER, ROWS, csv, drop

from perennial.reactions.start_training import on_object, start_training
from perennial.reactions.sweep import sweep


@pytest.fixture
def world():
    world = InMemoryWorld(parquet=None)
    world.catalog.put(config(), NOW)
    return world


def test_a_complete_drop_is_pinned_and_trained_on(world):
    """Manifest, schema and dataset are written, the trial exists, and one job starts."""
    decision = drop(world, "monday", {"a.csv": csv(ROWS[:150]), "b.csv": csv(ROWS[150:])})
    assert ("training_started", "info") == (decision.outcome, decision.news)
    folder = f"models/mortgage/datasets/{decision.details['dataset']}/"
    manifest = json.loads(world.bucket.read(folder + "manifest.json"))
    assert [{"prefix": "s3://data/"}, f"{DROPS}monday/a.csv", f"{DROPS}monday/b.csv"] == manifest
    schema = json.loads(world.bucket.read(folder + "schema.json"))
    assert (["income", "rate"], ["no", "yes"], 300) == (
        [feature["name"] for feature in schema["features"]],
        schema["classes"],
        schema["rows"],
    )
    assert {
        ("perennial-mortgage", f"perennial-mortgage-{decision.details['dataset']}")
    } == world.experiments.trials
    assert [decision.details["job"]] == list(world.jobs.jobs)


def test_a_replayed_event_starts_nothing(world):
    """The second event reads nothing and starts nothing, and is no news while the first one's job runs."""
    drop(world, "monday", {"a.csv": csv()})
    again = on_object(f"{DROPS}monday/_SUCCESS", world)
    assert ("nothing", None, 1) == (again.outcome, again.news, len(world.jobs.requests))


def test_a_late_duplicate_is_no_news_and_a_second_drop_is(world):
    """S3's second word on a drop, after its job has ended, tells nobody; who drops the same again later hears why not."""
    first = drop(world, "monday", {"a.csv": csv()})
    world.jobs.finish(first.details["job"], status="Completed")
    world.time += timedelta(minutes=2)
    late = on_object(f"{DROPS}monday/_SUCCESS", world)
    assert ("nothing", None) == (late.outcome, late.news)
    world.time += timedelta(hours=1)
    again = on_object(f"{DROPS}monday/_SUCCESS", world)
    assert ("nothing", "info", 1) == (again.outcome, again.news, len(world.jobs.requests))


def test_whoever_takes_a_drop_in_its_own_event_is_answered(world):
    """Another event of the model, or a handler that died, may have pinned the drop: the drop's own event still tells."""
    first = drop(world, "monday", {"a.csv": csv()})
    world.jobs.finish(first.details["job"], status="Completed")
    drop(world, "tuesday", {"b.csv": csv()}, marker=None)
    world.bucket.write(f"{DROPS}tuesday/_SUCCESS", b"")
    assert start_training("mortgage", world, because="a training ended").news is None
    told = on_object(f"{DROPS}tuesday/_SUCCESS", world)
    assert ("nothing", "info", "drop tuesday") == (told.outcome, told.news, told.fact)
    assert on_object(f"{DROPS}tuesday/_SUCCESS", world).news is None


def test_the_same_bytes_under_other_names_are_the_same_dataset(world):
    """Other file names, another drop, another order of parts: no second training, and the person hears why."""
    first = drop(world, "monday", {"a.csv": csv(ROWS[:150]), "b.csv": csv(ROWS[150:])})
    world.jobs.finish(first.details["job"], status="Completed")
    again = drop(world, "tuesday", {"z.csv": csv(ROWS[:150]), "c.csv": csv(ROWS[150:])})
    assert ("nothing", "info", 1) == (again.outcome, again.news, len(world.jobs.requests))
    assert "trained on already" in again.reason


def test_parts_wait_for_their_marker(world):
    """A part is no fact, and a drop without a marker waits for silence."""
    world.bucket.write(f"{DROPS}monday/a.csv", csv())
    assert on_object(f"{DROPS}monday/a.csv", world) is None
    assert [] == world.jobs.requests


def test_silence_closes_a_drop(world):
    """After the quiet minutes the sweep hands the drop on, and it is trained."""
    drop(world, "monday", {"a.csv": csv()}, marker=None)
    assert not sweep(world).due
    world.time = NOW + timedelta(minutes=11)
    [(_, due)] = sweep(world).due
    assert ("start_training", "monday") == (due.reaction, due.subject)
    assert "training_started" == start_training("mortgage", world, drop="monday").outcome


def test_a_marker_without_data_is_told_once(world):
    """Nothing came beside the marker in the quiet minutes: a person hears so once, whatever rules follow; data still trains."""
    assert ("drop_waits", None) == (drop(world, "monday", {}).outcome, world.ledger.decisions[-1].news)
    assert not sweep(world).due
    world.time += timedelta(minutes=11)
    [(_, due)] = sweep(world).due
    told = start_training("mortgage", world, drop=due.subject, because=due.because)
    assert ("drop_refused", "error") == (told.outcome, told.news)
    assert told.reason == (
        "Drop 'monday' was refused: _SUCCESS: it closes a drop without data: nothing new for 10 minutes. Upload the files "
        "to models/mortgage/drops/monday/ and write _SUCCESS again. Names that begin with _ or . do not count."
    )
    [problem] = json.loads(world.bucket.read("models/mortgage/quarantine/monday/report.json"))["problems"]
    assert "at least one .csv or .parquet file beside it" == problem["expected"]
    world.catalog.put(config(intake={"min_rows": 50}), NOW)
    assert not sweep(world).due
    world.bucket.write(f"{DROPS}monday/a.csv", csv())
    world.time += timedelta(minutes=11)
    [(_, due)] = sweep(world).due
    assert "training_started" == start_training("mortgage", world, drop=due.subject).outcome


def test_a_single_file_is_a_drop(world):
    """No folder, no marker."""
    world.bucket.write(f"{DROPS}applications.csv", csv())
    assert "training_started" == on_object(f"{DROPS}applications.csv", world).outcome


def test_a_stray_file_is_told(world):
    """A file that is no data by its name is not passed over in silence."""
    world.bucket.write(f"{DROPS}data.csv.gz", b"")
    decision = on_object(f"{DROPS}data.csv.gz", world)
    assert ("file_ignored", "warning") == (decision.outcome, decision.news)
    assert not sweep(world).due


def test_a_manifest_waits_for_what_it_names(world):
    """manifest.json before the last part: the drop waits, then trains on all of them."""
    manifest = json.dumps({"files": [{"name": "a.csv"}, {"name": "b.csv"}]}).encode()
    waiting = drop(world, "monday", {"a.csv": csv(ROWS[:150])}, "manifest.json", manifest)
    assert "drop_waits" == waiting.outcome
    world.bucket.write(f"{DROPS}monday/b.csv", csv(ROWS[150:]))
    assert [("mortgage", "monday")] == [(model, due.subject) for model, due in sweep(world).due]
    assert "training_started" == start_training("mortgage", world, drop="monday").outcome


def test_late_parts_make_another_dataset_after_silence(world):
    """Parts after _SUCCESS are not lost: the drop is read again when it is quiet."""
    first = drop(world, "monday", {"a.csv": csv(ROWS[:250])})
    world.jobs.finish(first.details["job"], status="Completed")
    late = f"{DROPS}monday/b.csv"
    world.bucket.write(late, csv(ROWS[250:]))
    world.bucket.times[late] = NOW + timedelta(seconds=5)
    world.time = NOW + timedelta(minutes=11)
    second = start_training("mortgage", world)
    assert "training_started" == second.outcome
    assert first.details["dataset"] != second.details["dataset"]


def test_a_refused_drop_leaves_a_report(world):
    """File, line, column and expectation; the user's files stay; the same drop is not read twice."""
    rows = ["1,2,yes"] * 50 + ["oops,2,yes"] + ROWS
    world.catalog.put(
        config(schema={"features": {"income": {"type": "float"}, "rate": {"type": "float"}}}), NOW
    )
    decision = drop(world, "monday", {"a.csv": csv(rows)})
    assert ("drop_refused", "error") == (decision.outcome, decision.news)
    report = json.loads(world.bucket.read("models/mortgage/quarantine/monday/report.json"))
    [problem] = report["problems"]
    assert ("a.csv", 52, "income", "oops") == tuple(
        problem[key] for key in ("file", "row", "column", "value")
    )
    assert csv(rows) == world.bucket.read(f"{DROPS}monday/a.csv")
    assert "nothing" == on_object(f"{DROPS}monday/_SUCCESS", world).outcome
    assert [] == world.jobs.requests


def test_a_refused_drop_has_a_new_chance_under_other_rules(world):
    """A corrected model.yaml is enough: the same drop is read again, and only the refused one."""
    drop(world, "monday", {"a.csv": csv()})
    assert "drop_refused" == drop(world, "tuesday", {"a.csv": csv(ROWS[:20])}).outcome
    world.catalog.put(config(intake={"min_rows": 10}), NOW)
    assert ["tuesday"] == [due.subject for _, due in sweep(world).due]


def test_another_target_does_not_train_on_data_pinned_for_the_old_one(world):
    """The pinned schema names the target; after a change the data must be dropped again, also the same."""
    drop(world, "monday", {"a.csv": csv()})
    for name in world.jobs.jobs:
        world.jobs.finish(name, status="Completed")
    world.catalog.put(config(problem="regression", target="rate"), NOW)
    waiting = start_training("mortgage", world)
    assert ("nothing", True) == (waiting.outcome, "drop data" in waiting.reason)
    again = on_object(f"{DROPS}monday/_SUCCESS", world)
    assert "training_started" == again.outcome
    schema = json.loads(world.bucket.read(f"models/mortgage/datasets/{again.details['dataset']}/schema.json"))
    assert "rate" == schema["target"]


def test_a_corrected_drop_is_read_again(world):
    """A refusal is of one form of the drop: another form has its own chance."""
    assert "drop_refused" == drop(world, "monday", {"a.csv": csv(ROWS[:20])}).outcome
    assert "training_started" == drop(world, "monday", {"a.csv": csv()}).outcome


def test_the_schema_of_the_first_drop_is_pinned(world):
    """Without declared features, the first drop's columns are what later drops must have."""
    drop(world, "monday", {"a.csv": csv()})
    other = [f"{row},1" for row in ROWS]
    decision = drop(world, "tuesday", {"a.csv": csv(other, HEADER + ",extra")})
    assert ("drop_refused", True) == (decision.outcome, "extra" in decision.reason)


def test_the_schema_of_many_columns_fits_the_table(world):
    """The table keeps which dataset was pinned; its schema lies in the bucket, however wide it is."""
    header = ",".join([*(f"column_{number}" for number in range(3000)), "deny"])
    rows = [f"{number},{'1,' * 2999}{'yes' if number % 3 else 'no'}" for number in range(300)]
    assert "training_started" == drop(world, "monday", {"a.csv": csv(rows, header)}).outcome
    assert all(len(json.dumps(body)) < 400_000 for body in world.state.all("mortgage", "").values())
    narrower = drop(world, "tuesday", {"a.csv": csv(rows, header.replace("column_7,", "column_seven,"))})
    assert ("drop_refused", True) == (narrower.outcome, "column_7" in narrower.reason)


def test_a_drop_before_its_configuration_waits(world):
    """The person is told, and the drop is taken in when model.yaml comes."""
    world.catalog.configs.clear()
    waiting = drop(world, "monday", {"a.csv": csv()})
    assert ("drop_waits", "warning") == (waiting.outcome, waiting.news)
    world.catalog.put(config(), NOW)
    assert "training_started" == start_training("mortgage", world).outcome


def test_a_drop_uploaded_with_its_configuration_alarms_nobody(world):
    """model.yaml is there and about to be in force: the drop waits without a warning."""
    world.catalog.configs.clear()
    world.bucket.write("models/mortgage/model.yaml", b"model: mortgage")
    waiting = drop(world, "monday", {"a.csv": csv()})
    assert ("drop_waits", None) == (waiting.outcome, waiting.news)


def test_one_training_at_a_time_and_the_newest_next(world):
    """Two more drops while a job runs: the newest is trained on when it ends."""
    first = drop(world, "monday", {"a.csv": csv()})
    for minute, name in ((1, "tuesday"), (2, "wednesday")):
        world.time = NOW + timedelta(minutes=minute)
        waiting = drop(world, name, {"a.csv": csv([*ROWS, f"{minute},1,no"])})
        assert "training_waits" == waiting.outcome
    world.jobs.finish(first.details["job"], status="Completed")
    started = start_training("mortgage", world)
    assert "wednesday" == next(
        tag["Value"] for tag in world.jobs.requests[-1]["Tags"] if tag["Key"] == "perennial:drop"
    )
    assert "training_started" == started.outcome


def test_the_newest_drop_is_next_whichever_was_read_first(world):
    """Drops are read side by side: what was pinned last, but dropped before, does not overtake."""
    first = drop(world, "monday", {"a.csv": csv()})
    for name, age, row in (("wednesday", 1, "7,7,no"), ("tuesday", 2, "8,8,no")):
        world.bucket.write(f"{DROPS}{name}/a.csv", csv([*ROWS, row]))
        world.bucket.write(f"{DROPS}{name}/_SUCCESS", b"")
        for part in ("a.csv", "_SUCCESS"):
            world.bucket.times[f"{DROPS}{name}/{part}"] = NOW + timedelta(days=3 - age)
        world.time += timedelta(seconds=1)
        on_object(f"{DROPS}{name}/_SUCCESS", world)
    world.jobs.finish(first.details["job"], status="Completed")
    decided = start_training("mortgage", world)
    wednesday = world.state.get("mortgage", "drop#wednesday")["dataset"]
    assert ("training_started", wednesday) == (decided.outcome, decided.details["dataset"])


def test_a_candidate_meets_the_version_in_service(world):
    """The champion's artefact goes in as a channel."""
    world.registry.add("mortgage", "Approved")
    drop(world, "monday", {"a.csv": csv()})
    channels = {channel["ChannelName"] for channel in world.jobs.requests[-1]["InputDataConfig"]}
    assert {"training", "schema", "dataset", "champion"} == channels


def test_parquet_is_handed_over(world):
    """The function without a reader passes the drop on, and says so."""
    handing = InMemoryWorld(catalog=world.catalog, bucket=world.bucket)
    assert "handed_over" == drop(handing, "monday", {"a.parquet": b"PAR1"}).outcome
    assert [("mortgage", "monday")] == handing.parquet.handed


def test_the_sweep_sees_what_events_lost(world):
    """A job that nobody judged, an approval that nobody deployed."""
    started = drop(world, "monday", {"a.csv": csv()})
    world.jobs.finish(started.details["job"], status="Completed")
    world.registry.add("mortgage", "Approved")
    due = {(item.reaction, item.subject) for _, item in sweep(world).due}
    assert {("register_model", started.details["job"]), ("deploy_model", None)} == due
    assert NAMES.package_group("mortgage") == "perennial-mortgage"
