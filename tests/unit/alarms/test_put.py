"""Which alarms stand, and what is said of those that cannot or that never hear anything."""

from datetime import timedelta

import pytest
from alarms.ringing import in_service
from fakes import NOW, InMemoryWorld, config
from served_model import ENDPOINT

from perennial.reactions.answer_alarm import answer_hint
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.sweep import sweep


class TestWatching:
    def test_alarms_are_put_once_and_follow_the_configuration(self, world):
        """What is so already is not put again; a monitor that goes takes its alarms with it."""
        count = world.alarms.put_count
        settle_endpoint("mortgage", world, because="again")
        assert count == world.alarms.put_count
        world.catalog.put(config(monitors={"data_quality": None}), NOW)
        assert "alarms_changed" == settle_endpoint("mortgage", world, because="changed").outcome
        assert {f"{ENDPOINT}-latency", f"{ENDPOINT}-errors"} == set(world.alarms.standing)

    def test_no_alarm_before_a_version_serves(self):
        """An endpoint that is being created has nothing to watch."""
        world = InMemoryWorld()
        world.catalog.put(config(), NOW)
        settle_endpoint("mortgage", world, because="an event")
        assert {} == world.alarms.standing

    def test_an_alarm_that_somebody_deleted(self, world):
        """The sweep sees it, and it is put again."""
        del world.alarms.standing[f"{ENDPOINT}-errors"]
        assert "settle_endpoint" in [item.reaction for _, item in sweep(world).due]
        settle_endpoint("mortgage", world, because="sweep")
        assert f"{ENDPOINT}-errors" in world.alarms.standing

    def test_alarms_without_data_are_told_once(self, world):
        """They are as good as none, and one message says so."""
        world.time += timedelta(hours=6)
        assert ("answer_alarm", "without-data") in [
            (item.reaction, item.subject) for _, item in sweep(world).due
        ]
        told = answer_hint("mortgage", "without-data", "sweep", world)
        assert ("alarm_without_data", "warning") == (told.outcome, told.news)
        assert "data-quality" in told.reason
        assert answer_hint("mortgage", "without-data", "sweep", world) is None
        assert [] == [item for _, item in sweep(world).due if item.subject == "without-data"]

    def test_alarms_without_data_are_told_though_the_handler_dies(self, world):
        """It dies between remembering that it told and telling: the sweep has it told, once."""
        world.time += timedelta(hours=6)
        record = world.ledger.record
        world.ledger.record = lambda decision: (_ for _ in ()).throw(TimeoutError)
        with pytest.raises(TimeoutError):
            answer_hint("mortgage", "without-data", "sweep", world)
        world.ledger.record = record
        world.time += timedelta(minutes=10)
        assert "without-data" in [item.subject for _, item in sweep(world).due]
        assert "alarm_without_data" == answer_hint("mortgage", "without-data", "sweep", world).outcome
        assert [] == [item for _, item in sweep(world).due if item.subject == "without-data"]
        assert 1 == world.ledger.outcomes.count("alarm_without_data")

    def test_what_cannot_be_watched_is_told_once(self):
        """An alarm that cannot be is no secret."""
        world = InMemoryWorld()
        world.catalog.put(config(capture={"percent": 0}), NOW)
        in_service(world, 1)
        [told] = world.ledger.decisions[-1:]
        assert ("alarms_changed", "info") == (told.outcome, told.news)
        assert "nothing is captured" in told.reason
        assert settle_endpoint("mortgage", world, because="again") is None
