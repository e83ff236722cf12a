"""The bucket, the state, the catalog, the ledger and the topic do on memory what they do on a twin."""

import io
from dataclasses import replace
from datetime import UTC, datetime

import fakes
import pytest
from memory_and_twin import World

from perennial.decision import Decision
from perennial.deployment import Rollout
from perennial.errors import Conflict


class TestBucket:
    def test_what_was_written_is_listed_and_read(self, world: World, model: str) -> None:
        """Keys in order with sizes; the same bytes have the same etag, others another."""
        prefix = f"models/{model}/drops/one/"
        for name, body in (("b.csv", b"x\n1\n"), ("a b,ü.csv", b"x\n1\n"), ("c.csv", b"x\n2\n")):
            world.bucket.write(prefix + name, body)
        listed = world.bucket.list(prefix)
        assert [item.key.removeprefix(prefix) for item in listed] == ["a b,ü.csv", "b.csv", "c.csv"]
        assert [item.size for item in listed] == [4, 4, 4]
        assert listed[0].etag == listed[1].etag != listed[2].etag
        assert all(item.last_modified.tzinfo for item in listed)
        assert world.bucket.read(prefix + "c.csv") == world.bucket.open(prefix + "c.csv").read() == b"x\n2\n"

    def test_what_is_not_there(self, world: World, model: str) -> None:
        """An absent key reads as None, an absent prefix lists as empty."""
        assert world.bucket.read(f"models/{model}/nothing") is None
        assert list(world.bucket.list(f"models/{model}/")) == []

    def test_folders(self, world: World, model: str) -> None:
        """Names one level below a prefix, without the files there."""
        for key in ("one/a.csv", "two/deep/b.csv", "single.csv"):
            world.bucket.write(f"models/{model}/{key}", b"")
        assert list(world.bucket.names_under(f"models/{model}/")) == ["one", "two"]

    def test_ranged_reading(self, world: World, model: str) -> None:
        """A ranged file seeks from its end, as formats with an index there need it."""
        world.bucket.write(f"models/{model}/x", b"0123456789")
        with world.bucket.open_ranged(f"models/{model}/x") as file:
            assert file.seek(-3, io.SEEK_END) == 7
            assert file.read() == b"789"
            file.seek(2)
            assert file.read(3) == b"234"


class TestState:
    def test_documents_by_prefix(self, world: World, model: str) -> None:
        """Documents come back as they were, by the rest of their name, and only the model's own."""
        world.state.put(model, "drop#b", {"outcome": "pinned", "n": 1})
        world.state.put(model, "drop#a", {"outcome": "ünder", "flag": False})
        world.state.put(model, "schema", {})
        world.state.put(model + "-x", "drop#c", {})
        assert world.state.all(model, "drop#") == {
            "a": {"outcome": "ünder", "flag": False},
            "b": {"outcome": "pinned", "n": 1},
        }
        assert world.state.get(model, "schema") == {}
        assert world.state.get(model, "nothing") is None

    def test_conditions(self, world: World, model: str) -> None:
        """A write that expects another document, or none, is a Conflict and changes nothing."""
        world.state.put(model, "claim", {"b": 1, "a": 2}, expected=None)
        for expected in (None, {"b": 1}, {"b": 1, "a": 3}):
            with pytest.raises(Conflict):
                world.state.put(model, "claim", {"c": 0}, expected=expected)
        assert world.state.get(model, "claim") == {"a": 2, "b": 1}
        world.state.put(model, "claim", {"c": 0}, expected={"a": 2, "b": 1})
        assert world.state.get(model, "claim") == {"c": 0}
        with pytest.raises(Conflict):
            world.state.put(model, "absent", {}, expected={"c": 0})

    def test_rollouts(self, world: World, model: str) -> None:
        """A rollout comes back equal, and only whoever knows the last one replaces it."""
        first = Rollout("config", 1, datetime.now(UTC), "starting", "")
        assert world.state.rollout(model) is None
        world.state.put_rollout(model, first, expected=None)
        assert world.state.rollout(model) == first
        with pytest.raises(Conflict):
            world.state.put_rollout(model, replace(first, version=2), expected=None)
        world.state.put_rollout(model, replace(first, status="started"), expected=first)
        with pytest.raises(Conflict):
            world.state.put_rollout(model, replace(first, status="failed"), expected=first)
        assert world.state.rollout(model).status == "started"

    def test_catalog(self, world: World, model: str) -> None:
        """A configuration in force comes back equal, whatever its columns are called."""
        config = fakes.config(model=model, target="größe, m", schema={"features": {"a b": {"type": "int"}}})
        assert world.catalog.get(model) is None
        world.catalog.put(config, datetime.now(UTC))
        assert world.catalog.get(model) == config
        assert model in world.catalog.models()

    def test_ledger(self, world: World, model: str) -> None:
        """Every decision is kept, also the same one twice, news or not."""
        for news in (None, "info", "info"):
            world.ledger.record(Decision(model, "a fact", "nothing", "because", news, {"dé": "tail"}))
        assert world.kept(model) == 3

    def test_the_newest_decisions(self, world: World, model: str) -> None:
        """A model's newest decisions come first, whole, and no more than asked for."""
        for number in range(3):
            world.ledger.record(
                Decision(model, "fact", f"outcome_{number}", "why", "info", {"n": str(number)})
            )
        found = world.ledger.newest(model, 2)
        assert [entry.decision.outcome for entry in found] == ["outcome_2", "outcome_1"]
        assert found[0].decision == Decision(model, "fact", "outcome_2", "why", "info", {"n": "2"})
        assert found[0].at.tzinfo is not None
        assert not world.ledger.newest("nobody", 2)


def test_readers_are_subscribed_once(world: World, model: str) -> None:
    """Only the addresses that were not subscribed before are new."""
    one, two = f"{model}@example.com", f"{model}-2@example.com"
    assert list(world.topic.subscribe([one])) == [one]
    assert list(world.topic.subscribe([one, two])) == [two]
    assert list(world.topic.subscribe([two, one])) == []
