"""Whatever happens in whatever order, two sweeps later the newest approved healthy version is in service.

SageMaker, people, and an event bus that loses, repeats and reorders: a state machine drives the real reactions.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from fakes import ACTIVITIES, NAMES, NOW, InMemoryEndpoints, InMemoryHints, InMemoryWorld, config
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from perennial.errors import Conflict
from perennial.kinds import kind_of
from perennial.provisioned_concurrency import variant as concurrency
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import UNTOLD, settle_endpoint
from perennial.reactions.sweep import sweep
from perennial.route import serving
from perennial.scaling import variant

MODEL = "mortgage"
KINDS = (
    "realtime",
    {"serverless": {"provisioned": 1, "provisioned_max": 4}},
    {"serverless": {"memory_mb": 1024}},
)
INSTANCES = ("ml.m5.large", "ml.c5.large", "ml.c5.xlarge")
MOMENT = timedelta(minutes=3)


class Killed(BaseException):
    """What a handler does not see coming."""


class SageMaker(InMemoryEndpoints):
    """Endpoints that remember what they are asked to become, and refuse what must never be asked of them."""

    def __init__(self, world):
        super().__init__()
        self.world = world
        self.pending: dict[str, str] = {}  # by endpoint, the config that it is asked to become
        self.won, self.barred = (
            set(),
            set(),
        )  # versions that won once; that lost, and were not approved since it began
        self.approved_at, self.began_at = {}, world.time
        self.told: dict[str, set[str]] = defaultdict(set)  # by endpoint, the alarms of its rollout

    def create(self, name, config_name, model):
        made = super().create(name, config_name, model)
        if made:
            self._begin(name, config_name)
        return made

    def delete(self, name):
        """SageMaker deletes nothing while it creates or updates it, and we nothing that serves."""
        if name not in self.endpoints:
            return
        assert self.endpoints[name].status not in ("Creating", "Updating")
        route = serving(MODEL, self.world)
        assert name != route.endpoint or self.endpoints[name].status == "Failed", "what serves is deleted"
        for resource in (variant(name), concurrency(name)):
            assert self.world.scaling.standing(resource).bounds is None
        super().delete(name)

    def update(self, name, config_name, deployment, *, keep_counts=True):
        assert name in self.endpoints
        if self.pending.get(name) == config_name:
            return True
        made = super().update(name, config_name, deployment, keep_counts=keep_counts)
        if made:
            assert self._serverless(config_name) == self._serverless(self.endpoints[name].config_name)
            self._begin(name, config_name)
            named = (deployment or {}).get("AutoRollbackConfiguration", {}).get("Alarms", ())
            self.told[name] = {alarm["AlarmName"] for alarm in named}
            assert self.told[name] <= set(self.world.alarms.standing)
        return made

    def _serverless(self, config_name):
        return "ServerlessConfig" in self.config_requests[config_name]["ProductionVariants"][0]

    def _begin(self, name, config_name):
        assert name not in self.pending, "two rollouts at once"
        rollout = self.world.state.rollout(MODEL)
        assert rollout.endpoint == name, "one rollout at a time is remembered"
        version = NAMES.parse_endpoint_config(config_name).version
        self.pending[name], self.began_at = config_name, self.world.time
        assert version not in self.barred, f"version {version} was lost and not approved since"
        found = self.world.registry.get(MODEL, version)
        assert found.approval == "Approved", f"version {version} is {found.approval}"

    def _is_remembered(self, name, config_name):
        """Not abandoned: how an endpoint ends that nobody asks for any more says nothing about a version."""
        rollout = self.world.state.rollout(MODEL)
        under_way = rollout.status in ("starting", "started")
        return under_way and (rollout.endpoint, rollout.config_name) == (name, config_name)

    def finish(self, name, won):
        """An endpoint's rollout, or its creation, ends."""
        before, wanted = self.endpoints[name], self.pending.pop(name)
        self.asked.pop(name, None)
        version = NAMES.parse_endpoint_config(wanted).version
        if won:
            self.won.add(version)
        elif (
            version not in self.won
            and self.approved_at[version] <= self.began_at
            and self._is_remembered(name, wanted)
        ):
            self.barred.add(version)
        at = self.world.time
        if won:
            instances = 0 if self._serverless(wanted) else 2
            after = replace(
                before, status="InService", config_name=wanted, modified_at=at, instances=instances
            )
        elif before.status == "Creating":
            after = replace(before, status="Failed", failure_reason="ping", modified_at=at)
        else:
            after = replace(before, status="InService", modified_at=at)
        self.endpoints[name] = replace(after, variants=("AllTraffic",))


class At:
    """For the length of a `with`: something happens before the `call`-th change of the world."""

    CHANGES = (
        ("state", "put_rollout"),
        ("state", "put"),
        ("ledger", "record"),
        ("alarms", "put"),
        ("alarms", "delete"),
        ("scaling", "register"),
        ("scaling", "put_policy"),
        ("scaling", "suspend"),
        ("scaling", "remove"),
        ("endpoints", "create"),
        ("endpoints", "update"),
        ("endpoints", "delete"),
        ("registry", "add_history"),
    )

    def __init__(self, world, call, happens):
        self.world, self.left, self.happens = world, call, happens

    def __enter__(self):
        self.real = {(port, name): getattr(getattr(self.world, port), name) for port, name in self.CHANGES}
        for (port, name), function in self.real.items():
            setattr(getattr(self.world, port), name, self._counted(function))

    def _counted(self, function):
        def call(*arguments, **named):
            self.left -= 1
            if self.left == -1:
                self.happens()
            return function(*arguments, **named)

        return call

    def __exit__(self, *_):
        for (port, name), function in self.real.items():
            setattr(getattr(self.world, port), name, function)


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


Rollouts.TestCase.settings = settings(max_examples=200, stateful_step_count=40)
TestRollouts = Rollouts.TestCase
