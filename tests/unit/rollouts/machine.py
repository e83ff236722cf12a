"""Approvals, rejections, configurations, endpoint outcomes and a bus that loses, repeats and reorders, in any sequence."""

from dataclasses import replace
from datetime import timedelta

from fakes import ACTIVITIES, NAMES, NOW, InMemoryHints, InMemoryWorld, config
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from rollouts.simulated import MODEL, At, Killed, SageMaker

from perennial.errors import Conflict
from perennial.kinds import kind_of
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import UNTOLD, settle_endpoint
from perennial.reactions.sweep import sweep
from perennial.route import serving
from perennial.scaling import variant

KINDS = (
    "realtime",
    {"serverless": {"provisioned": 1, "provisioned_max": 4}},
    {"serverless": {"memory_mb": 1024}},
)
INSTANCES = ("ml.m5.large", "ml.c5.large", "ml.c5.xlarge")
MOMENT = timedelta(minutes=3)


class Rollouts(RuleBasedStateMachine):
    """People, SageMaker and the bus."""

    at = At
    ASKED = ("endpoint_creation_started", "endpoint_update_started")  # the ledger's words when SageMaker was

    def __init__(self):
        super().__init__()
        self.world = InMemoryWorld()
        self.cloud = self.world.endpoints = SageMaker(self.world)
        self.world.catalog.put(config(), NOW)
        self.bus = []  # events on their way, each a thing to do
        self.approvals = []  # every approval's event, delivered or not
        self.ill = set()  # versions that never win
        self.killed = False  # whether any handler was

    # --- people ---

    @rule(ill=st.booleans())
    def approve_new(self, ill):
        version = len(self.world.registry.versions(MODEL)) + 1
        if ill:
            self.ill.add(version)
        self.world.registry.add(MODEL, "Approved")
        self._approved(version)

    @precondition(lambda self: self.world.registry.versions(MODEL))
    @rule(data=st.data(), approval=st.sampled_from(["Approved", "Rejected"]))
    def decide(self, data, approval):
        version = data.draw(st.integers(1, len(self.world.registry.versions(MODEL))))
        self.world.registry.set_approval(MODEL, version, approval)
        if approval == "Approved":
            self._approved(version)
        else:
            self.bus.append((deploy_model, {"because": "rejected"}))

    def _approved(self, version):
        """Now; the copy of an approval keeps its time."""
        self.world.time += timedelta(seconds=1)
        at = self.world.time
        self.cloud.barred.discard(version)
        self.cloud.approved_at[version] = at
        self.approvals.append({"because": "approved", "approved": version, "approved_at": at})
        self.bus.append((deploy_model, self.approvals[-1]))
        self.world.time += timedelta(seconds=1)

    @rule(kind=st.sampled_from(KINDS), instance=st.sampled_from(INSTANCES))
    def change_configuration(self, kind, instance):
        """Other instances, another size, or another kind of endpoint."""
        self.world.catalog.put(config(endpoint={"instance": instance, "kind": kind}), NOW)
        self.bus.append((deploy_model, {"because": "configuration"}))
        self.bus.append((settle_endpoint, {"because": "configuration"}))

    # --- SageMaker ---

    @precondition(lambda self: self.cloud.pending)
    @rule(data=st.data())
    def end(self, data):
        self._end(data.draw(st.sampled_from(sorted(self.cloud.pending))))

    def _end(self, name):
        version = NAMES.parse_endpoint_config(self.cloud.pending[name]).version
        self.world.time += MOMENT
        self.cloud.finish(name, version not in self.ill)
        self.bus.append((settle_endpoint, {"because": "endpoint changed"}))

    @precondition(lambda self: self._status() == "InService" and not self.cloud.pending)
    @rule()
    def scale(self):
        """Busy with no rollout of ours, and back."""
        name = self._present()
        before = self.cloud.endpoints[name]
        self.cloud.endpoints[name] = replace(before, status="Updating")
        self._handle(deploy_model, {"because": "in between"})
        self.cloud.endpoints[name] = replace(before, modified_at=self.world.time)

    # --- the bus ---

    @precondition(lambda self: self.bus)
    @rule(data=st.data(), twice=st.booleans())
    def deliver(self, data, twice):
        """Any of them next, perhaps not for the last time."""
        index = data.draw(st.integers(0, len(self.bus) - 1))
        function, arguments = self.bus[index] if twice else self.bus.pop(index)
        self._handle(function, arguments)

    @precondition(lambda self: self.approvals)
    @rule(data=st.data())
    def replay(self, data):
        """An approval that was delivered long ago comes once more."""
        index = data.draw(st.integers(0, len(self.approvals) - 1))
        self._handle(deploy_model, self.approvals[index])

    @precondition(lambda self: self.bus)
    @rule(data=st.data())
    def drop(self, data):
        """Never to arrive."""
        self.bus.pop(data.draw(st.integers(0, len(self.bus) - 1)))

    @precondition(lambda self: self.bus)
    @rule(data=st.data(), call=st.integers(0, 12))
    def die(self, data, call):
        """A handler is killed at one of its calls that change something."""
        function, arguments = self.bus.pop(data.draw(st.integers(0, len(self.bus) - 1)))
        with self._killing(call):
            self._handle(function, arguments)

    @precondition(lambda self: self.bus)
    @rule(data=st.data(), call=st.integers(0, 12))
    def meet(self, data, call):
        """A handler is slow: another one runs from its beginning to its end before one of the first one's changes."""
        function, arguments = self.bus.pop(data.draw(st.integers(0, len(self.bus) - 1)))
        other = data.draw(st.sampled_from([deploy_model, settle_endpoint]))
        with self.at(self.world, call, lambda: self._handle(other, {"because": "at the same time"})):
            self._handle(function, arguments)

    @rule(minutes=st.integers(1, 30))
    def wait(self, minutes):
        self.world.time += timedelta(minutes=minutes)

    @rule()
    def sweep(self):
        self._sweep()

    def _sweep(self):
        self.world.hints = InMemoryHints()
        swept = sweep(self.world)
        assert not swept.failed
        for _, due in swept.due:
            if due.reaction == "deploy_model":
                self._handle(deploy_model, {"because": due.because})
            elif due.reaction == "settle_endpoint":
                self._handle(settle_endpoint, {"because": due.because, "untold": due.subject == UNTOLD})

    def _handle(self, function, arguments):
        """As Lambda does: what it hands on is on the bus, too; a conflict is retried."""
        self.world.hints = InMemoryHints()
        before = self.world.state.rollout(MODEL)
        try:
            function(MODEL, self.world, **arguments)
        except Conflict:
            self.bus.append((function, arguments))
        except Killed:
            pass
        after = self.world.state.rollout(MODEL)
        assert before is None or after is not None
        for _, reaction, _ in self.world.hints.sent:
            if reaction == "deploy_model":
                self.bus.append((deploy_model, {"because": "hint"}))
            elif reaction == "settle_endpoint":
                self.bus.append((settle_endpoint, {"because": "hint"}))

    def _killing(self, call):
        def die():
            raise Killed

        self.killed = True
        return self.at(self.world, call, die)

    def _present(self):
        return serving(MODEL, self.world).endpoint

    def _status(self):
        endpoint = self.cloud.endpoints.get(self._present())
        return endpoint.status if endpoint else None

    # --- what always holds ---

    @invariant()
    def never_again_without_approval(self):
        """No rollout of a version that is remembered as lost begins after it was lost."""
        rollout = self.world.state.rollout(MODEL)
        if rollout and rollout.status in ("starting", "started"):
            barred = {loss.version for loss in rollout.lost if not loss.settings_only}
            assert rollout.version not in barred

    @invariant()
    def the_memory_is_true(self):
        """A rollout that counts as won is of a version that can win."""
        rollout = self.world.state.rollout(MODEL)
        assert not (rollout and rollout.status == "succeeded" and rollout.version in self.ill)

    @invariant()
    def a_rollout_is_guarded(self):
        """Nobody takes away the alarms that SageMaker was told of, or lets scaling go, while it is at work."""
        if self.killed:
            return
        for name in self.cloud.pending:
            assert self.cloud.told[name] <= set(self.world.alarms.standing), "a rollout without its alarms"

    @invariant()
    def what_was_asked_is_told(self):
        """Each change of an endpoint has its line in the ledger."""
        lines = [each for each in self.world.ledger.decisions if each.outcome in self.ASKED]
        assert self.killed or len(lines) == len([call for call in self.cloud.calls if call[0] != "delete"])

    def teardown(self):
        """Events that were not delivered by now are lost. Each time that SageMaker is done, two sweeps do."""
        self.bus.clear()
        for _ in range(4 * len(self.world.registry.versions(MODEL)) + 8):
            for name in sorted(self.cloud.pending):
                self._end(name)
                self.bus.clear()
            for _ in range(2):
                self.world.time += timedelta(minutes=10)
                self._sweep()
                self._deliver_all()
            if not self.cloud.pending:
                break
        self._is_right()

    def _deliver_all(self):
        while self.bus:
            self._handle(*self.bus.pop(0))

    def _is_right(self):
        approved = [v.version for v in self.world.registry.versions(MODEL) if v.approval == "Approved"]
        rollout = self.world.state.rollout(MODEL)
        lost = {loss.version for loss in rollout.lost} if rollout else set()
        healthy = [version for version in approved if version not in lost]
        assert not self.cloud.pending
        route = serving(MODEL, self.world)
        endpoint = self.cloud.endpoints.get(route.endpoint)
        version = NAMES.parse_endpoint_config(endpoint.config_name).version if endpoint else None
        if healthy:
            assert endpoint is not None
            assert ("InService", max(healthy)) == (endpoint.status, version)
            wanted = self.world.catalog.get(MODEL)
            assert route.kind == kind_of(wanted)
            assert self.cloud._serverless(endpoint.config_name) == (route.kind == "serverless")
        assert set(self.cloud.endpoints) <= {route.endpoint}, "an endpoint is left behind"
        assert not route.other
        scaled = {resource.id for resource in self.world.scaling.targets}
        assert scaled <= {variant(route.endpoint).id}
        assert [] == [name for name in self.world.alarms.standing if "-rollback-" in name]
        held = self.world.scaling.suspended(variant(serving(MODEL, self.world).endpoint)) or {}
        assert not any(held.get(each) for each in ACTIVITIES)
