"""Windows of traffic on a world in memory: once each, in order, through outages and deaths."""

from datetime import timedelta

import pytest
from fakes import NOW, config
from hypothesis import given, settings
from hypothesis import strategies as st
from monitoring.watched_model import HOUR, MINUTE, REPORT_NOON, REPORTS, analyzed, capture, tick, watched

from perennial.errors import Conflict
from perennial.monitoring.windows import iso
from perennial.reactions.analyze_traffic import analyze_traffic
from perennial.reactions.sweep import sweep


def test_a_window_is_analysed_when_it_is_due():
    """Its capture, its version's baseline and its folder; the metric is dated to its end; nobody is bothered."""
    world = watched()
    capture(world, NOW + 5 * MINUTE)
    tick(world, NOW + HOUR + 9 * MINUTE)
    assert [] == analyzed(world)
    tick(world, NOW + HOUR + 10 * MINUTE)
    [decision] = world.ledger.decisions
    assert ("window_analyzed", None, "3") == (decision.outcome, decision.news, decision.details["records"])
    assert REPORTS + REPORT_NOON + "summary.json" == decision.details["summary"]
    assert {"summary.json", "report.html"} == {
        key.removeprefix(REPORTS + REPORT_NOON) for key in world.bucket.bodies if key.startswith(REPORTS)
    }
    [(request, baseline, captures, labels)] = world.analyst.asked
    assert (1, ["statistics.json"], ["a.jsonl"], []) == (
        request.model_version,
        list(baseline),
        captures,
        labels,
    )
    assert [(NOW + HOUR, 3.0)] == [(point.timestamp, point.value) for point in world.metrics.points]


def test_a_window_without_traffic_is_said_to_be_empty():
    """Never silence: an empty report, and a metric that can alarm."""
    world = watched()
    tick(world, NOW + 2 * HOUR)
    assert ["window_empty"] == world.ledger.outcomes
    assert [0.0] == [point.value for point in world.metrics.points]


def test_a_replayed_hint_changes_nothing():
    """Doubled, late, or long after: each window once."""
    world = watched()
    for _ in range(3):
        tick(world, NOW + 2 * HOUR)
        assert "nothing" == analyze_traffic("mortgage", world, subject="data_quality").outcome
    assert [iso(NOW)] == analyzed(world)


def test_an_outage_is_caught_up():
    """Every window that was missed, oldest first; a person is told once that analysis was late."""
    world = watched()
    tick(world, NOW + 20 * HOUR)
    assert [iso(NOW + n * HOUR) for n in range(19)] == analyzed(world)
    late = [d for d in world.ledger.decisions if d.outcome == "analysis_late"]
    assert ["warning"] == [decision.news for decision in late]
    tick(world, NOW + 21 * HOUR)
    assert 1 == len([d for d in world.ledger.decisions if d.outcome == "analysis_late"])


def test_late_analysis_is_told_though_the_sweep_dies():
    """The next sweep tells what the one before did not come to tell, in its words."""
    world = watched()
    world.time = NOW + 20 * HOUR
    record = world.ledger.record
    world.ledger.record = lambda decision: (_ for _ in ()).throw(TimeoutError)
    assert ("mortgage",) == sweep(world).failed
    world.ledger.record = record
    for _ in range(3):
        world.time += 10 * MINUTE
        sweep(world)
    [late] = [d for d in world.ledger.decisions if d.outcome == "analysis_late"]
    assert late.reason.startswith("19 windows of data_quality waiting since 2026-03-01T12:00:00Z: ")
    assert f"see `{world.names.command} dead-letters`" in late.reason


def test_after_a_very_long_outage():
    """What no alarm could see any more is passed by, and told."""
    world = watched()
    tick(world, NOW + timedelta(days=20))
    [skipped] = [d for d in world.ledger.decisions if d.outcome == "windows_skipped"]
    assert "warning" == skipped.news
    assert 14 * 24 == len(analyzed(world))


def test_a_change_of_the_period():
    """Hourly windows that become daily ones: no hour twice, none left out."""
    world = watched()
    tick(world, NOW + 4 * HOUR)
    world.catalog.put(config(monitors={"data_quality": {"every": "1d"}}), NOW)
    tick(world, NOW + timedelta(days=1))
    ends = [d.details["end"] for d in world.ledger.decisions if d.outcome.startswith("window_")]
    assert iso(NOW + 12 * HOUR) == ends[-1]
    assert analyzed(world)[1:] == ends[:-1]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 600), st.sampled_from(["tick", "twice", "die", "lost"])), max_size=12)
)
def test_any_history(story):
    """Ticks, doubles, deaths in the middle and lost events in any order: every window exactly once, in order."""
    world, at = watched(), NOW
    for minutes, what in story:
        at += minutes * MINUTE
        if what == "lost":
            continue
        world.analyst.broken = "killed" if what == "die" else ""
        for _ in range(2 if what == "twice" else 1):
            try:
                tick(world, at)
            except RuntimeError:
                assert what == "die"
    world.analyst.broken = ""
    tick(world, at + 30 * HOUR)
    last = (at + 30 * HOUR - NOW - 10 * MINUTE) // HOUR
    told = [
        d.details["start"] for d in world.ledger.decisions if d.outcome in ("window_empty", "analysis_failed")
    ]
    assert [iso(NOW + n * HOUR) for n in range(last)] == told


def test_a_handler_that_dies_is_done_again():
    """Its claim is respected for twenty minutes, then taken over."""
    world = watched()
    world.time = NOW + 2 * HOUR

    def die(*arguments):
        raise SystemExit

    analyze, world.analyst.analyze = world.analyst.analyze, die
    with pytest.raises(SystemExit):
        analyze_traffic("mortgage", world, subject="data_quality")
    world.analyst.analyze = analyze
    assert "another run analyses it" == analyze_traffic("mortgage", world, subject="data_quality").reason
    world.time += 21 * MINUTE
    assert "window_empty" == analyze_traffic("mortgage", world, subject="data_quality").outcome


def test_who_asks_for_what_another_asked_for_is_answered():
    """The first order is at work: the second one ends with the reason, and the first one's repeated event does nothing."""
    world = watched()
    analyze, answers = world.analyst.analyze, []

    def meanwhile(*arguments):
        answers.extend(analyze_traffic("mortgage", world, subject=ASKED, request=each) for each in "ab")
        return analyze(*arguments)

    world.analyst.analyze = meanwhile
    assert "window_empty" == analyze_traffic("mortgage", world, subject=ASKED, request="a").outcome
    assert ["nothing", "analysis_refused"] == [answer.outcome for answer in answers]
    told = [(made.outcome, made.details["request"]) for made in world.ledger.decisions]
    assert [("analysis_refused", "b"), ("window_empty", "a")] == told
    assert "ask again when that is done" in answers[1].reason


def test_a_window_that_kills_its_lambdas_becomes_a_jobs():
    """Time or memory did not suffice twice: a Processing job has more of both."""
    world = watched()
    capture(world, NOW + 5 * MINUTE)
    world.time = NOW + 2 * HOUR

    def die(*arguments):
        raise SystemExit

    world.analyst.analyze = die
    for _ in range(2):
        with pytest.raises(SystemExit):
            analyze_traffic("mortgage", world, subject="data_quality")
        world.time += 21 * MINUTE
    decision = analyze_traffic("mortgage", world, subject="data_quality")
    assert ("analysis_job_started", True) == (decision.outcome, "2 Lambdas" in decision.reason)


def test_killed_before_it_was_told():
    """Results without a word in the ledger are made again, to the same files."""
    world = watched()
    record, world.ledger.record = world.ledger.record, lambda decision: 1 / 0
    world.time = NOW + 2 * HOUR
    with pytest.raises(ZeroDivisionError):
        analyze_traffic("mortgage", world, subject="data_quality")
    world.ledger.record = record
    analyze_traffic("mortgage", world, subject="data_quality")
    assert [iso(NOW)] == analyzed(world)


def test_a_poisonous_window_is_passed():
    """After five failures it is told, with the way to ask for it again, and the next window has its turn."""
    world = watched()
    world.time, world.analyst.broken = NOW + 2 * HOUR, "no luck"
    for _ in range(5):
        with pytest.raises(RuntimeError):
            analyze_traffic("mortgage", world, subject="data_quality")
    assert "analysis_failed" == analyze_traffic("mortgage", world, subject="data_quality").outcome
    [failed] = world.ledger.decisions
    assert ("error", True) == (failed.news, "no luck" in failed.reason)
    assert "perennial analyze mortgage --monitor data_quality --start 2026-03-01T12:00:00Z" in failed.reason
    world.analyst.broken = ""
    tick(world, NOW + 3 * HOUR)
    assert [iso(NOW + HOUR)] == analyzed(world)


def test_two_runs_at_once():
    """The one whose claim was taken over leaves the word to the other."""
    world = watched()
    world.time = NOW + 2 * HOUR
    analyze = world.analyst.analyze

    def slow(*arguments):
        world.time += 21 * MINUTE
        world.analyst.analyze = analyze
        analyze_traffic("mortgage", world, subject="data_quality")
        return analyze(*arguments)

    world.analyst.analyze = slow
    with pytest.raises(Conflict):
        analyze_traffic("mortgage", world, subject="data_quality")
    assert [iso(NOW), iso(NOW + HOUR)] == analyzed(world)


ASKED = f"data_quality@{iso(NOW)}/{iso(NOW + 40 * MINUTE)}"


def test_a_window_that_a_person_asks_for():
    """At once, once per order; the schedule's window comes all the same."""
    world = watched()
    capture(world, NOW + 5 * MINUTE)
    world.time = NOW + 41 * MINUTE
    for order in ("a", "a", "b"):
        analyze_traffic("mortgage", world, subject=ASKED, request=order)
    assert ["a", "b"] == [decision.details["request"] for decision in world.ledger.decisions]
    assert REPORTS + REPORT_NOON + "report.html" in world.bucket.bodies
    tick(world, NOW + 2 * HOUR)
    assert 3 == len(analyzed(world))


@pytest.mark.parametrize("subject", [ASKED, "data_quality@now"])
def test_no_order_replaces_the_report_of_another_window(subject):
    """A window that begins as the schedule's does, and ends elsewhere, has a folder of its own."""
    world = watched()
    tick(world, NOW + 2 * HOUR)
    kept = world.bucket.bodies[REPORTS + REPORT_NOON + "summary.json"]
    at = NOW + 40 * MINUTE
    decision = analyze_traffic("mortgage", world, subject=subject, request="a", at=at)
    assert REPORTS + "2026/03/01/1200-20260301T124000/report.html" == decision.details["report"]
    assert kept == world.bucket.bodies[REPORTS + REPORT_NOON + "summary.json"]


def test_until_now_is_the_time_of_the_order():
    """A repeated event does not ask for another window."""
    world = watched()
    for minutes in (30, 33):
        world.time = NOW + minutes * MINUTE
        analyze_traffic("mortgage", world, subject="data_quality@now", request="a", at=NOW + 30 * MINUTE)
    [decision] = world.ledger.decisions
    assert (iso(NOW), iso(NOW + 30 * MINUTE)) == (decision.details["start"], decision.details["end"])


def test_an_order_that_fails_is_told_with_the_last_attempt():
    """Nobody comes back to it: the third failure is the answer."""
    world = watched()
    world.analyst.broken = "no luck"
    for _ in range(2):
        with pytest.raises(RuntimeError):
            analyze_traffic("mortgage", world, subject=ASKED, request="a")
    assert "analysis_failed" == analyze_traffic("mortgage", world, subject=ASKED, request="a").outcome


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"monitors": {"data_quality": None}}, "bias"),
        ({"capture": {"percent": 0}}, "data_quality"),
    ],
)
def test_what_is_not_watched(changes, subject):
    """A monitor that model.yaml does not ask for, or without capture, has no windows; whoever asks is answered."""
    world = watched(**changes)
    assert "nothing" == analyze_traffic("mortgage", world, subject=subject).outcome
    tick(world, NOW + 5 * HOUR)
    assert [] == world.ledger.decisions
    refused = analyze_traffic("mortgage", world, subject=subject + "@now", request="a")
    assert ("analysis_refused", "a") == (refused.outcome, world.ledger.decisions[0].details["request"])


def test_nothing_is_watched_before_a_version_serves():
    """No endpoint, no traffic, no windows."""
    world = watched()
    world.state.documents.clear()
    world.endpoints.endpoints.clear()
    tick(world, NOW + 5 * HOUR)
    assert [] == world.ledger.decisions
    assert "no version is in service" == analyze_traffic("mortgage", world, subject="data_quality").reason


def test_old_files_of_a_neighbouring_hour_are_left_out():
    """Nothing of a window was written before it began."""
    world = watched()
    capture(world, NOW - 30 * MINUTE, name="before.jsonl")
    capture(world, NOW + 65 * MINUTE, name="after.jsonl")
    tick(world, NOW + HOUR + 10 * MINUTE)
    assert ["after.jsonl"] == world.analyst.asked[0][2]


def test_labels():
    """Model quality waits for its labels and reads those that were collected since."""
    monitors = {"data_quality": None, "model_quality": {"every": "1h", "label_delay": "2h"}}
    world = watched(monitors=monitors)
    analyze_traffic("mortgage", world, subject="model_quality")
    capture(world, NOW + 5 * MINUTE)
    for hour in (-1, 0, 2):
        key = f"models/mortgage/ground-truth/{NOW + hour * HOUR:%Y/%m/%d/%H}/{hour}.jsonl"
        world.bucket.write(key, b"{}\n")
        world.bucket.times[key] = NOW + hour * HOUR
    tick(world, NOW + 3 * HOUR)
    assert [] == analyzed(world)
    tick(world, NOW + 3 * HOUR + 10 * MINUTE)
    assert ["2026/03/01/12/0.jsonl", "2026/03/01/14/2.jsonl"] == world.analyst.asked[0][3]
    # Dated to when the labels were due, not to the window's end: alarms look back a week at most.
    assert [NOW + 3 * HOUR] == [point.timestamp for point in world.metrics.points]
