"""A version is asked about its own sample rows before it counts as settled."""

import json

import pytest
from archives import archive
from rollouts.under_way import ENDPOINT, end

from perennial.errors import EndpointRefused
from perennial.reactions.deploy_model import deploy_model
from perennial.smoke_test import Sample, nonsense

GOLDEN = {"rows": [[1.0, "a"], [2.0, "b"]], "scores": [[0.1], [0.9]]}
DESCRIPTION = {"schema": {"features": [{"name": "x"}, {"name": "y"}]}, "golden": GOLDEN}


def answer(*scores):
    return json.dumps({"predictions": [{"predicted_label": "yes", "score": score} for score in scores]})


def artefact(description=DESCRIPTION):
    return archive({"./model.json": json.dumps(description).encode()})


class TestSmokeTest:
    @pytest.mark.parametrize(
        ("said", "words"),
        [
            pytest.param(answer(0.1, 0.9), None, id="sense"),
            pytest.param(answer(0.4, 0.4), "one and the same", id="constant"),
            pytest.param(answer(0.1, float("nan")), "no number", id="not a number"),
            pytest.param(answer(0.1, float("inf")), "no number", id="infinite"),
            pytest.param(answer(0.1, None), "no number", id="null"),
            pytest.param(answer(0.1), "2 rows with 1 prediction", id="too few"),
            pytest.param('{"predictions": 7}', "no predictions", id="no list"),
            pytest.param("[]", "does not answer with predictions", id="another shape"),
            pytest.param("<html>", "does not answer with predictions", id="no JSON"),
        ],
    )
    def test_nonsense(self, said, words):
        """As many finite scores as rows, and not all the same where training's were not."""
        found = nonsense(Sample.read(json.dumps(DESCRIPTION).encode()), said)
        assert found is None if words is None else words in (found or "")

    @pytest.mark.parametrize(
        "scores", [[[0.5], [0.5]], [[0.2, 0.8], [0.8, 0.2]]], ids=["constant", "classes"]
    )
    def test_a_model_that_was_constant_may_be(self, scores):
        """Where training saw one score, or several classes, the same answer proves nothing."""
        description = {**DESCRIPTION, "golden": {**GOLDEN, "scores": scores}}
        assert nonsense(Sample.read(json.dumps(description).encode()), answer(0.5, 0.5)) is None

    @pytest.mark.parametrize(
        "body", [b"{", b"[]", b'{"schema": {"features": []}, "golden": {"rows": [[1]], "scores": [1]}}']
    )
    def test_no_sample(self, body):
        """Another container's artefact has none that we can read."""
        assert Sample.read(body) is None

    def test_sense_settles(self, world):
        """The rows go out by name, and the ledger says that they were answered."""
        world.bucket.bodies["v2.tar.gz"] = artefact()
        world.endpoints.answer = answer(0.1, 0.9)
        deploy_model("mortgage", world, because="v2")
        won = end(world)
        assert ("version_in_service", "2 sample rows answered") == (won.outcome, won.details["smoke_test"])
        [(name, body)] = world.endpoints.invoked
        assert (ENDPOINT, {"x": 2.0, "y": "b"}) == (name, json.loads(body)["instances"][1])

    @pytest.mark.parametrize("said", [answer(0.4, 0.4), EndpointRefused("status 500, boom")])
    def test_nonsense_is_rejected_and_rolled_back(self, world, said):
        """Rejected in the registry, told, and the newest approved version takes its place."""
        world.bucket.bodies["v2.tar.gz"] = artefact()
        world.endpoints.answer = said
        deploy_model("mortgage", world, because="v2")
        lost = end(world)
        assert ("rollout_failed", "error") == (lost.outcome, lost.news)
        assert "smoke test" in lost.reason
        assert "Rejected" == world.registry.get("mortgage", 2).approval
        back = deploy_model("mortgage", world, because="hint")
        assert ("endpoint_update_started", "1") == (back.outcome, back.details["version"])

    def test_one_error_is_no_verdict(self, world):
        """A refusal is asked again; how many errors are too many is for the alarms to say."""
        world.bucket.bodies["v2.tar.gz"] = artefact()
        said = [EndpointRefused("status 500, a moment's weakness"), answer(0.1, 0.9)]

        def invoke(name, body, **_):
            first = said.pop(0)
            if isinstance(first, EndpointRefused):
                raise first
            return first

        world.endpoints.invoke = invoke
        deploy_model("mortgage", world, because="v2")
        assert "version_in_service" == end(world).outcome

    @pytest.mark.parametrize(
        "artefact", [None, b"no archive", artefact({"version": 1})], ids=["gone", "broken", "foreign"]
    )
    def test_without_sample_rows(self, world, artefact):
        """What cannot be tested settles, and the ledger says that it was not tested."""
        if artefact:
            world.bucket.bodies["v2.tar.gz"] = artefact
        deploy_model("mortgage", world, because="v2")
        assert end(world).details["smoke_test"].startswith("not made")
        assert [] == world.endpoints.invoked
