"""A model.yaml in the bucket comes into force, or is refused and the last valid one stays."""

import json

import pytest
from configured_model import KEY, YAML, configured
from fakes import config

from perennial.config_file import read_config
from perennial.errors import ConfigError
from perennial.events import NoticeDetail
from perennial.reactions.configure_model import MOST_TOLD, configure_model
from perennial.reactions.notify import notify
from perennial.reactions.sweep import sweep


@pytest.fixture
def world():
    return configured()


class TestConfigureModel:
    def test_a_new_model_gets_its_package_group(self, world):
        """Uploading model.yaml creates the model."""
        assert {"mortgage"} == set(world.registry.groups)
        assert ["mortgage"] == world.catalog.models()

    def test_the_same_again_changes_nothing(self, world):
        """A replayed event decides "nothing" and wakes nobody."""
        assert "nothing" == configure_model(KEY, world).outcome
        assert [] == world.hints.sent

    def test_a_broken_file_leaves_the_last_valid_one(self, world):
        """A refusal names the problem, and the model goes on as it was."""
        world.bucket.write(KEY, YAML + b"gate: {minimun: 1}\n")
        refusal = configure_model(KEY, world)
        assert ("configuration_refused", "error") == (refusal.outcome, refusal.news)
        assert "did you mean 'minimum'?" in refusal.reason
        assert world.catalog.get("mortgage") == config()

    def test_a_configuration_of_another_release_can_be_replaced(self, world):
        """What is in force and cannot be read any more keeps no new file from coming into force."""
        present, read = world.catalog.get("mortgage"), world.catalog.get

        def get(model):
            if world.catalog.configs[model] is present:
                raise ConfigError(["it is of another release"])
            return read(model)

        world.catalog.get = get
        world.bucket.write(KEY, YAML + b"gate: {minimun: 1}\n")
        assert "no configuration of the model is in force" in configure_model(KEY, world).reason
        assert "sent" == notify(NoticeDetail(**world.ledger.decisions[-1].as_dict()), "event", world)
        world.bucket.write(KEY, YAML + b"gate: {minimum: 0.9}\n")
        assert "model_created" == configure_model(KEY, world).outcome
        assert world.catalog.get("mortgage").gate.minimum == 0.9

    def test_a_refusal_with_hundreds_of_problems_fits_an_event(self, world):
        """A wide schema that is wrong in every column is told by its first problems, and how many more there are."""
        wrong = "".join(f"    column_{number}: {{type: integer}}\n" for number in range(300))
        world.bucket.write(KEY, YAML + f"schema:\n  features:\n{wrong}".encode())
        refusal = configure_model(KEY, world)
        assert refusal.reason.count("did you mean 'int'?") == MOST_TOLD == len(refusal.details)
        assert "; and 280 more like these. Correct the file" in refusal.reason
        assert len(json.dumps(refusal.as_dict())) < 20_000

    def test_larger_than_the_table_keeps(self, world):
        """A configuration that does not fit an item of the table is refused, and the one before it stays."""
        wide = f"schema: {{features: {{town: {{type: string, allowed: [{'x' * 400_000}]}}}}}}\n"
        world.bucket.write(KEY, YAML + wide.encode())
        assert "bytes, more than the 380,000 that can be kept" in configure_model(KEY, world).reason
        assert world.catalog.get("mortgage") == config()

    @pytest.mark.parametrize("body", [b"\xff\xfe", YAML.replace(b"mortgage", b"m" * 40)])
    def test_unreadable_or_unnameable(self, world, body):
        """Bytes that are no text, and names that SageMaker would not take, are refused with the reason."""
        model = "mortgage" if body.startswith(b"\xff") else "m" * 40
        world.bucket.write(f"models/{model}/model.yaml", body)
        assert "configuration_refused" == configure_model(f"models/{model}/model.yaml", world).outcome

    def test_the_sweep_sees_a_file_whose_event_was_lost(self, world):
        """New, changed, or refused: each model.yaml is looked at once, with its event or without."""
        assert () == sweep(world).due
        world.bucket.write(KEY, YAML + b"gate: {minimum: 0.9}\n")
        world.bucket.write("models/other/model.yaml", b"no: model\n")
        world.bucket.write("models/empty/drops/one/a.csv", b"")
        due = [(model, item.reaction) for model, item in sweep(world).due]
        assert [("mortgage", "configure_model"), ("other", "configure_model")] == due
        for model, _ in due:
            configure_model(f"models/{model}/model.yaml", world)
        assert ["configuration_changed", "configuration_refused"] == world.ledger.outcomes
        assert () == sweep(world).due

    def test_of_two_files_that_meet_the_newer_one_ends_in_force(self, world):
        """The older file's handler writes last: the sweep sees that the newer one is not in force, and has it put."""
        older, newer = YAML + b"gate: {minimum: 0.5}\n", YAML + b"gate: {minimum: 0.6}\n"
        put = world.catalog.put

        def late(settings, now):
            """The newer file's own handler is between its two writes when the older one's comes to write."""
            world.catalog.put = put
            put(settings, now)
            put(read_config(older.decode(), model="mortgage"), now)

        world.bucket.write(KEY, newer)
        world.catalog.put = late
        configure_model(KEY, world)
        assert world.catalog.get("mortgage").gate.minimum == 0.5
        assert "configure_model" in [due.reaction for _, due in sweep(world).due]
        configure_model(KEY, world)
        assert world.catalog.get("mortgage").gate.minimum == 0.6
        assert "configure_model" not in [due.reaction for _, due in sweep(world).due]

    def test_readers_are_subscribed_once(self, world):
        """Each address is asked to confirm one subscription, however often the file changes."""
        for extra in (b"", b"gate: {minimum: 0.7}\n"):
            world.bucket.write(KEY, YAML + b"notify: {email: [ann@example.org]}\n" + extra)
            configure_model(KEY, world)
        assert ["ann@example.org"] == world.topic.addresses
        [asked] = [
            each.details["subscribed"] for each in world.ledger.decisions if "subscribed" in each.details
        ]
        assert asked == "ann@example.org: each must confirm the mail that AWS sends"
