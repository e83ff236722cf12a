"""Whatever dies at whatever call: a shadow test goes on, and leaves nothing behind."""

from contextlib import suppress
from datetime import timedelta

import pytest
from fakes import NOW
from shadow.shadowed_model import (
    ENDPOINT,
    MODEL,
    WANTED,
    capture,
    configured,
    look,
    made_world,
    measure,
    settled,
    suspended,
    updates,
)

from perennial.endpoint_config import VARIANT
from perennial.errors import Conflict
from perennial.reactions.shadow_tests import known
from perennial.reactions.sweep import sweep
from perennial.shadow import VARIANT as SHADOW


@pytest.fixture
def world():
    return made_world()


class TestKilled:
    CALLS = (
        ("state", "put"),
        ("endpoints", "ensure_model"),
        ("endpoints", "ensure_config"),
        ("endpoints", "update"),
        ("endpoints", "forget"),
        ("ledger", "record"),
        ("scaling", "suspend"),
        ("bucket", "write"),
        ("registry", "add_history"),
        ("state", "put_rollout"),
    )

    @pytest.mark.parametrize("port_and_method", CALLS, ids=".".join)
    @pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
    @pytest.mark.parametrize("then", ["promote", "drop"])
    def test_at_any_call_of_any_step(self, world, port_and_method, after, then):
        """Whatever dies, two sweeps later the test has gone on, and at its end nothing is left."""
        world.catalog.put(configured(then=then), NOW)
        port, method = port_and_method
        self._drive(world, port, method, after)
        test = known(MODEL, world)
        assert (test.status, test.outcome) == ("ended", "passed")
        assert test.config_name not in world.endpoints.config_requests
        assert suspended(world) == []
        assert world.ledger.outcomes.count("shadow_promoted" if then == "promote" else "shadow_dropped") >= 1
        assert (WANTED in updates(world)) == (then == "promote")

    def _drive(self, world, port, method, after):
        """Every look dies once at that call; what SageMaker was asked for happens, and the sweep looks again."""
        for _ in range(12):
            self._dying(world, port, method, after)
            self._sagemaker(world)
            for _ in range(2):
                world.time += timedelta(minutes=10)
                world.hints.sent.clear()
                assert sweep(world).failed == ()
                if (MODEL, "deploy_model", None) in world.hints.sent:
                    look(world)
                self._sagemaker(world)
            test = known(MODEL, world)
            if test and test.status == "running" and not any(SHADOW in key for key in world.bucket.bodies):
                for of in (VARIANT, SHADOW):
                    capture(world, of, ("no,0.2",) * 30)
                    measure(world, of)
            world.time += timedelta(minutes=30)

    def _sagemaker(self, world):
        endpoint = world.endpoints.endpoints[ENDPOINT]
        if endpoint.status == "Updating":
            settled(world, updates(world)[-1])

    def _dying(self, world, port, method, after):
        owner = getattr(world, port)
        real = getattr(owner, method)

        def die(*arguments, **named):
            setattr(owner, method, real)
            if after:
                real(*arguments, **named)
            raise TimeoutError

        setattr(owner, method, die)
        with suppress(TimeoutError, Conflict):
            look(world)
        setattr(owner, method, real)
