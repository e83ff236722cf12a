"""Shadow tests among rollouts, in whatever order: two sweeps after each step, the newest version that may serve does.

The machine of the rollouts, with configurations that ask for a shadow first.
"""

import json
from dataclasses import replace
from datetime import timedelta

from fakes import NAMES, NOW, config
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from rollouts.machine import INSTANCES, KINDS, Rollouts
from rollouts.simulated import MODEL, At, SageMaker

from perennial.alarms.endpoint_metrics import NAMESPACE
from perennial.endpoint_config import VARIANT
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import settle_endpoint
from perennial.reactions.shadow_tests import known
from perennial.shadow import VARIANT as SHADOW

MINUTES = 5


class ShadowSageMaker(SageMaker):
    """Knows shadow variants: an update to one, and back to production alone, changes no version in service."""

    def _begin(self, name, config_name):
        test, before = known(MODEL, self.world), self.endpoints[name].config_name
        if test and test.active and config_name in (test.config_name, test.base):
            assert name not in self.pending, "two updates at once"
            assert before in (test.config_name, test.base)
            self.pending[name] = config_name
            return
        super()._begin(name, config_name)

    def finish(self, name, won):
        before, wanted = self.endpoints[name], self.pending[name]
        shadows = self.config_requests.get(wanted, {}).get("ShadowProductionVariants")
        was_shadowed = self.config_requests.get(before.config_name, {}).get("ShadowProductionVariants")
        if not shadows and not (was_shadowed and before.config_name != wanted and self._same(before, wanted)):
            super().finish(name, won)
            return
        self.pending.pop(name)
        at = self.world.time
        after = replace(before, status="InService", config_name=wanted if won else before.config_name)
        self.endpoints[name] = replace(after, modified_at=at, instances=2, variants=("AllTraffic",))
        if shadows and won:
            self._traffic(name)

    @staticmethod
    def _same(before, wanted):
        one, other = (NAMES.parse_endpoint_config(each) for each in (before.config_name, wanted))
        return one.version == other.version

    def _traffic(self, name):
        """A request a minute for the next hours, answered alike by both."""
        for of in (VARIANT, SHADOW):
            at, lines = self.world.time, []
            for minute in range(400):
                text = f"{at + timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}"
                side = {"data": f"{minute},1", "encoding": "CSV", "observedContentType": "text/csv"}
                output = {**side, "data": "no,0.25"}
                data = {"endpointInput": side, "endpointOutput": output}
                lines.append(json.dumps({"captureData": data, "eventMetadata": {"inferenceTime": text}}))
            key = f"models/{MODEL}/capture/{name}/{of}/{at:%Y/%m/%d/%H}/00-00-000-{of}{at:%M%S}.jsonl"
            self.world.bucket.bodies[key] = "\n".join(lines).encode()
            self.world.bucket.times[key] = at + timedelta(days=1)
            self.world.metrics.rows |= {
                (NAMESPACE, "Invocations", of): {"Sum": 400.0},
                (NAMESPACE, "Invocation5XXErrors", of): {"Sum": 0.0},
                (NAMESPACE, "ModelLatency", of): {"SampleCount": 400.0, "p": 1000.0},
            }


class _ShadowAt(At):
    CHANGES = (
        *At.CHANGES,
        ("endpoints", "forget"),
        ("endpoints", "ensure_config"),
        ("bucket", "write"),
    )


class ShadowTests(Rollouts):
    """The same people, SageMaker and bus; version 1 is in service, and model.yaml asks for a shadow or does not."""

    at = _ShadowAt
    ASKED = (*Rollouts.ASKED, "shadow_test_started", "shadow_removal_started")

    def __init__(self):
        super().__init__()
        self.cloud = self.world.endpoints = ShadowSageMaker(self.world)
        self._configure("realtime", INSTANCES[0], "promote")
        self.world.registry.add(MODEL, "Approved")
        self._approved(1)
        self._deliver_all()
        self._end(self._present())
        self._deliver_all()

    @rule(
        kind=st.sampled_from(("realtime", "realtime", "realtime", *KINDS)),
        instance=st.sampled_from(INSTANCES),
        then=st.sampled_from(("promote", "promote", "ask", "drop", None)),
    )
    def change_configuration(self, kind, instance, then):
        """Other instances, another kind of endpoint, with a shadow first or without."""
        self._configure(kind, instance, then if kind == "realtime" else None)
        self.bus.append((deploy_model, {"because": "configuration"}))
        self.bus.append((settle_endpoint, {"because": "configuration"}))

    def _configure(self, kind, instance, then):
        shadow = {"minutes": MINUTES, "requests": 3, "then": then} if then else False
        endpoint = {"instance": instance, "kind": kind, "shadow": shadow}
        self.world.catalog.put(config(endpoint=endpoint), NOW)

    def _end(self, name):
        """A shadow is as ill as its version."""
        wanted = self.cloud.pending[name]
        if self.cloud.config_requests.get(wanted, {}).get("ShadowProductionVariants"):
            test = known(MODEL, self.world)
            self.world.time += timedelta(minutes=3)
            self.cloud.finish(name, test.challenger not in self.ill)
            self.bus.append((settle_endpoint, {"because": "endpoint changed"}))
            return
        super()._end(name)

    @invariant()
    def a_test_is_of_its_endpoint(self):
        """A shadow that runs is in the endpoint's config; none runs that nobody knows of."""
        test = known(MODEL, self.world)
        endpoint = self.cloud.endpoints.get(self._present())
        if test and test.status == "running" and endpoint and endpoint.status == "InService":
            assert endpoint.config_name in (test.config_name, test.base)

    def teardown(self):
        """Until nothing moves any more, and never for ever."""
        self.bus.clear()
        for _ in range(12 * len(self.world.registry.versions(MODEL)) + 12):
            for name in sorted(self.cloud.pending):
                self._end(name)
                self.bus.clear()
            before = len(self.cloud.calls)
            for _ in range(2):
                self.world.time += timedelta(minutes=11)
                self._sweep()
                self._deliver_all()
            test = known(MODEL, self.world)
            if not self.cloud.pending and len(self.cloud.calls) == before and not (test and test.active):
                break
        self._is_right()

    def _is_right(self):
        super()._is_right()
        test = known(MODEL, self.world)
        assert not (test and test.active)
        endpoint = self.cloud.endpoints.get(self._present())
        shadowed = [
            name for name, one in self.cloud.config_requests.items() if "ShadowProductionVariants" in one
        ]
        if endpoint and endpoint.status == "InService":
            assert endpoint.config_name not in shadowed
            assert len(shadowed) <= 3, "pruning keeps the last three configs of any kind"


ShadowTests.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestShadowTests = ShadowTests.TestCase
