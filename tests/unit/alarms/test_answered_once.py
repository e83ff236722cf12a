"""Each episode of an alarm is answered once, whatever repeats it, and what follows keeps its limits."""

from datetime import timedelta

import pytest
from alarms.ringing import MONITORS, event, model_in_service, ring
from alarms.samples import AT, HOUR, drifted, lost, put
from fakes import NOW
from served_model import ENDPOINT

from perennial.errors import Conflict
from perennial.reactions.answer_alarm import answer_hint, on_alarm
from perennial.reactions.sweep import sweep


class Killed(BaseException):
    """What a handler does not see coming."""


class TestOnce:
    def test_a_replayed_event(self, world):
        """Duplicates and replays of an episode change nothing and tell nobody."""
        put(world, drifted())
        ring(world, "data-quality")
        before = list(world.ledger.decisions), list(world.hints.sent)
        for number in (1, 2, 3):
            again = on_alarm(event("data-quality"), f"event-data-quality-{number}", world)
            assert ("nothing", None) == (again.outcome, again.news)
        assert before == (world.ledger.decisions, world.hints.sent)

    def test_a_late_event_of_an_alarm_that_is_well_again(self, world):
        """The alarm as it is counts, not as the event says."""
        put(world, drifted())
        world.alarms.become(f"{ENDPOINT}-data-quality", "OK", NOW)
        assert "nothing" == on_alarm(event("data-quality"), "late", world).outcome
        assert [] == world.ledger.decisions

    def test_a_flapping_alarm(self, world):
        """An episode that comes again within the cooldown is recorded, and neither told nor acted on."""
        put(world, drifted())
        ring(world, "data-quality")
        for number in range(2, 8, 2):
            world.time += HOUR
            cleared = ring(world, "data-quality", number, "OK", "ALARM")
            assert "alarm_cleared" == cleared.outcome
            world.time += HOUR
            again = ring(world, "data-quality", number + 1)
            assert ("alarm_ignored", None) == (again.outcome, again.news)
        assert 1 == world.ledger.outcomes.count("drift_found")
        assert 1 == world.ledger.outcomes.count("retraining_started")
        told = [decision.outcome for decision in world.ledger.decisions if decision.news]
        assert ["drift_found", "alarm_cleared"] == told

    def test_another_trouble_within_the_cooldown_is_told(self, world):
        """Drift is one thing, a broken schema another."""
        put(world, drifted())
        ring(world, "data-quality")
        world.time += HOUR
        ring(world, "data-quality", 2, "OK", "ALARM")
        put(world, drifted(kind="schema", start=AT + HOUR))
        assert "schema_broken" == ring(world, "data-quality", 3).outcome

    def test_two_alarms_of_one_cause(self, world):
        """Data quality and model quality ring together: one training."""
        put(world, drifted(), lost())
        ring(world, "data-quality")
        second = ring(world, "model-quality")
        assert 1 == world.ledger.outcomes.count("retraining_started")
        assert "about to start" in second.details["action"]

    def test_a_handler_that_died_is_repeated(self, world):
        """Killed after it asked for the training and before it told: the retry tells, and asks for no second one."""
        put(world, drifted())

        def die(decision):
            if decision.outcome == "drift_found":
                raise TimeoutError

            world.ledger.decisions.append(decision)

        record, world.ledger.record = world.ledger.record, die
        with pytest.raises(TimeoutError):
            ring(world, "data-quality")
        world.ledger.record = record
        told = on_alarm(event("data-quality"), "event-data-quality-1", world)
        assert "drift_found" == told.outcome
        assert "retraining started" in told.details["action"]
        assert 1 == len(world.state.get("mortgage", "retraining")["asked"])

    def test_two_handlers_at_once(self, world):
        """The slower one meets the faster one's request for a training, and its retry sees it in flight."""
        put(world, drifted(), lost())
        get, raced = world.state.get, []

        def racing(model, name):
            known = get(model, name)
            if name == "retraining" and not raced:
                raced.append(True)
                ring(world, "model-quality")
            return known

        world.state.get = racing
        with pytest.raises(Conflict):
            ring(world, "data-quality")
        told = on_alarm(event("data-quality"), "event-data-quality-1", world)
        assert "retraining withheld" in told.details["action"]
        assert 1 == world.ledger.outcomes.count("retraining_started")

    def test_the_sweep_finds_what_was_lost(self, world):
        """An alarm that rings and was not answered is answered after the next sweep."""
        put(world, drifted())
        world.alarms.become(f"{ENDPOINT}-data-quality", "ALARM", NOW)
        assert [("answer_alarm", "data-quality")] == [
            (item.reaction, item.subject) for _, item in sweep(world).due if item.reaction == "answer_alarm"
        ]
        assert "drift_found" == answer_hint("mortgage", "data-quality", "sweep-1", world).outcome
        assert [] == [item for _, item in sweep(world).due if item.reaction == "answer_alarm"]

    def test_another_trouble_while_it_rings(self, world):
        """The alarm rings for drift, and a column goes missing meanwhile: no event tells, the sweep does."""
        put(world, drifted("pirat"))
        ring(world, "data-quality")
        assert "data-quality" not in [item.subject for _, item in sweep(world).due]
        put(world, drifted("chist", start=AT + HOUR))
        assert "data-quality" in [item.subject for _, item in sweep(world).due]
        same = answer_hint("mortgage", "data-quality", "sweep-1", world)
        assert ("nothing", None) == (same.outcome, same.news)
        assert "data-quality" not in [item.subject for _, item in sweep(world).due]
        put(world, drifted("hir", kind="schema", start=AT + 2 * HOUR))
        other = answer_hint("mortgage", "data-quality", "sweep-2", world)
        assert ("schema_broken", "error") == (other.outcome, other.news)
        put(world, drifted("pirat", start=AT + 3 * HOUR))
        assert "nothing" == answer_hint("mortgage", "data-quality", "sweep-3", world).outcome
        assert ["drift_found", "schema_broken"] == [d.outcome for d in world.ledger.decisions if d.news]

    def test_another_missing_column_is_told(self, world):
        """Each broken column is a page, within the cooldown, too."""
        for number, name in enumerate(("hir", "pirat", "hir")):
            put(world, drifted(name, kind="schema", start=AT + number * HOUR))
            ring(world, "data-quality", 2 * number)
            world.time += HOUR
            ring(world, "data-quality", 2 * number + 1, "OK", "ALARM")
            world.time += HOUR
        assert 2 == world.ledger.outcomes.count("schema_broken")

    def test_a_trouble_that_lasts_is_answered_again(self):
        """What the cooldown withheld is asked for again when it is over; the alarm need not ring anew for it."""
        traffic = {"retraining": {"data": "traffic", "cooldown_hours": 24}, "monitors": MONITORS}
        world = model_in_service(**traffic)
        asked = {
            "at": (NOW - HOUR).isoformat(),
            "signature": "x",
            "because": "y",
            "usd": 0.1,
            "instance": "ml.m5.large",
        }
        asked |= {
            "data": "traffic",
            "drop": "retraining-1",
            "dataset": None,
            "asked_by": None,
            "status": "asked",
        }
        world.state.put("mortgage", "retraining", {"asked": [asked]})
        put(world, drifted())
        told = ring(world, "data-quality")
        assert "the cooldown of 24 hours ends at 2026-03-02 11:00 UTC" in told.details["action"]
        world.time += timedelta(hours=22)
        assert "data-quality" not in [item.subject for _, item in sweep(world).due]
        world.time += HOUR
        assert "data-quality" in [item.subject for _, item in sweep(world).due]
        again = answer_hint("mortgage", "data-quality", "sweep-1", world)
        assert ("drift_found", "warning") == (again.outcome, again.news)
        assert "retraining started" in again.details["action"]
        assert "data-quality" not in [item.subject for _, item in sweep(world).due]

    def test_well_again(self, world):
        """Who heard of the trouble hears of its end, once."""
        put(world, drifted())
        ring(world, "data-quality")
        world.time += HOUR
        cleared = ring(world, "data-quality", 2, "OK", "ALARM")
        assert ("alarm_cleared", "info") == (cleared.outcome, cleared.news)
        assert "nothing" == on_alarm(event("data-quality", "OK", "ALARM"), "again", world).outcome

    @pytest.mark.parametrize("how", ["its event is lost", "its handler dies"])
    def test_an_end_that_nobody_told(self, world, how):
        """The sweep sees that an alarm is well again whose end was not told, and has it told once."""
        put(world, drifted())
        ring(world, "data-quality")
        world.time += HOUR
        if how == "its event is lost":
            world.alarms.become(f"{ENDPOINT}-data-quality", "OK", world.time)
        else:
            record = world.ledger.record
            world.ledger.record = lambda decision: (_ for _ in ()).throw(Killed)
            with pytest.raises(Killed):
                ring(world, "data-quality", 2, "OK", "ALARM")
            world.ledger.record = record
        assert "data-quality" not in [item.subject for _, item in sweep(world).due], "it may be told still"
        world.time += timedelta(minutes=10)
        assert "data-quality" in [item.subject for _, item in sweep(world).due]
        cleared = answer_hint("mortgage", "data-quality", "sweep-1", world)
        assert ("alarm_cleared", "info") == (cleared.outcome, cleared.news)
        assert "data-quality" not in [item.subject for _, item in sweep(world).due]
        assert 1 == world.ledger.outcomes.count("alarm_cleared")

    def test_a_new_alarm_pages_nobody(self, world):
        """From INSUFFICIENT_DATA to OK is no news."""
        assert "nothing" == ring(world, "data-quality", 1, "OK", "INSUFFICIENT_DATA").outcome
        assert [] == world.ledger.decisions

    @pytest.mark.parametrize(
        "name", ["perennial-DeadLetters-1", "perennial-unknown-data-quality", "perennial-mortgage-other"]
    )
    def test_others_alarms(self, world, name):
        """Alarms that are no model's are nobody's business here."""
        detail = event("data-quality").model_copy(update={"alarm_name": name})
        assert on_alarm(detail, "event", world) is None
