"""Whatever happens in whatever order to an endpoint that scales to zero, it ends with the newest approved healthy version.

SageMaker, people, scaling, and a bus that loses and repeats: a state machine drives the real reactions. SageMaker sends no
event about components, so the sweep carries them from step to step.
"""

from dataclasses import replace
from datetime import timedelta

from fakes import (
    ACTIVITIES,
    NAMES,
    NOW,
    InMemoryComponents,
    InMemoryEndpoints,
    InMemoryHints,
    InMemoryWorld,
    config,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from rollouts.simulated import Killed

from perennial.component_scaling import copies
from perennial.errors import Conflict
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.settle_endpoint import UNTOLD, settle_endpoint
from perennial.reactions.sweep import sweep

MODEL = "mortgage"
ENDPOINT = NAMES.endpoint(MODEL)
TARGET = copies(ENDPOINT)
INSTANCES = ("ml.m5.large", "ml.m5.xlarge")


class Components(InMemoryComponents):
    """Components that remember what they are asked to become, and refuse what must never be asked of them."""

    def __init__(self, world):
        super().__init__()
        self.world = world
        self.pending = {}  # by component, the model and the copies that it is asked for

    def create(self, request):
        assert self.world.endpoints.endpoints[request["EndpointName"]].status == "InService"
        made = super().create(request)
        if made:
            self._ask(request)
        return made

    def update(self, request):
        known = self.components[request["InferenceComponentName"]]
        assert known.status != "Failed", "a failed component is updated"
        made = super().update(request)
        if made:
            self._ask(request)
            for alarm in (
                request.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {}).get("Alarms", ())
            ):
                assert alarm["AlarmName"] in self.world.alarms.standing
        return made

    def _ask(self, request):
        name = request["InferenceComponentName"]
        assert request["Specification"]["ModelName"] in self.world.endpoints.models
        self.components[name] = replace(self.components[name], modified_at=self.world.time)
        wanted = request.get("RuntimeConfig", {}).get("CopyCount", self.components[name].desired)
        assert wanted > 0, "a version that nobody could test"
        self.pending[name] = (request["Specification"]["ModelName"], wanted)


class Endpoints(InMemoryEndpoints):
    """Endpoints that remember the config that they are asked to get."""

    def __init__(self, world):
        super().__init__(components=Components(world))
        self.world = world
        self.pending = {}

    def create(self, name, config_name, model):
        assert self.components.get(name) is None, "the component of a deleted endpoint has the name still"
        made = super().create(name, config_name, model)
        if made:
            self.pending[name] = config_name
        return made

    def update(self, name, config_name, deployment, *, keep_counts=True):
        assert not self.pending, "two changes at once"
        made = super().update(name, config_name, deployment, keep_counts=keep_counts)
        if made:
            self.pending[name] = config_name
        return made

    def delete(self, name):
        assert self.components.get(name) is None, "a component is left behind"
        super().delete(name)


class Sleepers(RuleBasedStateMachine):
    """People, SageMaker, scaling and the bus."""

    def __init__(self):
        super().__init__()
        self.world = InMemoryWorld()
        self.cloud = self.world.endpoints = Endpoints(self.world)
        self.bus, self.ill = [], set()
        self._configure("ml.m5.large")

    def _configure(self, instance):
        self.world.catalog.put(config(scaling={"min": 0, "max": 3}, endpoint={"instance": instance}), NOW)

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
        self.world.time += timedelta(seconds=1)
        told = {"because": "approved", "approved": version, "approved_at": self.world.time}
        self.bus.append((deploy_model, told))
        self.world.time += timedelta(seconds=1)

    @rule(instance=st.sampled_from(INSTANCES))
    def change_instances(self, instance):
        self._configure(instance)
        self.bus.append((deploy_model, {"because": "configuration"}))

    @precondition(lambda self: self._rests())
    @rule(steps=st.integers(1, 6))
    def take_instances_back(self, steps):
        """A bad version is approved while the instance type changes, and the change is taken back on the way."""
        before = self.world.catalog.get(MODEL).endpoint.instance
        self.change_instances(next(each for each in INSTANCES if each != before))
        self.approve_new(ill=True)
        for _ in range(steps):
            while self.bus:
                self._handle(*self.bus.pop(0))
            if self._busy():
                self._end()
        self.change_instances(before)

    # --- SageMaker and scaling ---

    @precondition(lambda self: self._busy())
    @rule()
    def end(self):
        self._end()

    def _busy(self):
        found = self.cloud.components.components.get(ENDPOINT)
        return bool(self.cloud.pending) or bool(
            found and found.status in ("Creating", "Updating", "Deleting")
        )

    def _end(self):
        """The endpoint's change first, which tells of itself; the component's, which does not."""
        self.world.time += timedelta(minutes=3)
        if self.cloud.pending:
            name, wanted = self.cloud.pending.popitem()
            ended = replace(self.cloud.endpoints[name], status="InService", config_name=wanted)
            self.cloud.endpoints[name] = replace(ended, modified_at=self.world.time)
            self.bus.append((settle_endpoint, {"because": "endpoint changed"}))
            return
        parts = self.cloud.components
        known = parts.components[ENDPOINT]
        if known.status == "Deleting":
            del parts.components[ENDPOINT]
            return
        model, count = parts.pending.pop(ENDPOINT)
        good = NAMES.parse_endpoint_config(model).version not in self.ill
        if good:
            known = replace(known, status="InService", model_name=model, desired=count, current=count)
        elif known.status == "Updating" and known.current:
            known = replace(known, status="InService")
        else:
            known = replace(known, status="Failed", failure_reason="ping", desired=0, current=0)
        parts.components[ENDPOINT] = replace(known, modified_at=self.world.time)

    @precondition(lambda self: self._rests())
    @rule(count=st.integers(0, 3))
    def scale(self, count):
        """Copies come and go, unless scaling is held still."""
        held = self.world.scaling.suspended(TARGET)
        if held is not None and not any(held.get(each) for each in ACTIVITIES):
            known = self.cloud.components.components[ENDPOINT]
            changed = replace(known, desired=count, current=count, modified_at=self.world.time)
            self.cloud.components.components[ENDPOINT] = changed

    def _rests(self):
        found = self.cloud.components.components.get(ENDPOINT)
        return not self.cloud.pending and found is not None and found.status == "InService"

    # --- the bus ---

    @precondition(lambda self: self.bus)
    @rule(data=st.data(), twice=st.booleans())
    def deliver(self, data, twice):
        index = data.draw(st.integers(0, len(self.bus) - 1))
        self._handle(*(self.bus[index] if twice else self.bus.pop(index)))

    @precondition(lambda self: self.bus)
    @rule(data=st.data())
    def drop(self, data):
        self.bus.pop(data.draw(st.integers(0, len(self.bus) - 1)))

    @precondition(lambda self: self.bus)
    @rule(data=st.data(), call=st.integers(0, 10))
    def die(self, data, call):
        """A handler is killed at one of its calls that change something."""
        function, arguments = self.bus.pop(data.draw(st.integers(0, len(self.bus) - 1)))
        with Killing(self.world, call):
            self._handle(function, arguments)

    @rule()
    def sweep(self):
        self._sweep()

    @rule(minutes=st.integers(1, 30))
    def wait(self, minutes):
        self.world.time += timedelta(minutes=minutes)

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
        self.world.hints = InMemoryHints()
        try:
            function(MODEL, self.world, **arguments)
        except Conflict:
            self.bus.append((function, arguments))
        except Killed:
            pass
        handlers = {"deploy_model": deploy_model, "settle_endpoint": settle_endpoint}
        for _, reaction, _ in self.world.hints.sent:
            if reaction in handlers:
                self.bus.append((handlers[reaction], {"because": "hint"}))

    # --- what always holds ---

    @invariant()
    def the_memory_is_true(self):
        """A rollout that counts as won is of a version that can win; one that was lost does not begin again."""
        rollout = self.world.state.rollout(MODEL)
        if rollout and rollout.status == "succeeded":
            assert rollout.version not in self.ill
        if rollout and rollout.status in ("starting", "started"):
            assert rollout.version not in {loss.version for loss in rollout.lost if not loss.settings_only}

    def teardown(self):
        """Events that were not delivered by now are lost. Each time that SageMaker is done, two sweeps do."""
        self.bus.clear()
        for _ in range(8 * len(self.world.registry.versions(MODEL)) + 16):
            while self._busy():
                self._end()
            for _ in range(2):
                self.world.time += timedelta(minutes=10)
                self._sweep()
                while self.bus:
                    self._handle(*self.bus.pop(0))
            if not self._busy():
                break
        self._is_right()

    def _is_right(self):
        approved = [v.version for v in self.world.registry.versions(MODEL) if v.approval == "Approved"]
        rollout = self.world.state.rollout(MODEL)
        lost = {loss.version for loss in rollout.lost if not loss.settings_only} if rollout else set()
        healthy = [version for version in approved if version not in lost]
        assert not self._busy()
        if healthy:
            found = self.cloud.get(ENDPOINT)
            running = NAMES.parse_endpoint_config(found.config_name).version
            assert ("InService", max(healthy)) == (found.status, running)
            wanted = self.world.catalog.get(MODEL).endpoint.instance
            assert self.cloud.instance_type(found.host_config) == wanted
            assert self.world.scaling.standing(TARGET).bounds is not None
        assert [] == [name for name in self.world.alarms.standing if "-rollback-" in name]
        held = self.world.scaling.suspended(TARGET) or {}
        assert not any(held.get(each) for each in ACTIVITIES)


class Killing:
    """For the length of a `with`: the handler dies before its `call`-th change of the world."""

    CHANGES = (
        ("state", "put_rollout"),
        ("state", "put"),
        ("ledger", "record"),
        ("alarms", "put"),
        ("scaling", "register"),
        ("scaling", "put_policy"),
        ("scaling", "suspend"),
        ("endpoints", "create"),
        ("endpoints", "update"),
        ("endpoints", "delete"),
        ("components", "create"),
        ("components", "update"),
        ("components", "delete"),
    )

    def __init__(self, world, call):
        self.world, self.left = world, call

    def __enter__(self):
        self.real = {(port, name): getattr(getattr(self.world, port), name) for port, name in self.CHANGES}
        for (port, name), function in self.real.items():
            setattr(getattr(self.world, port), name, self._counted(function))

    def _counted(self, function):
        def call(*arguments, **named):
            if self.left == 0:
                raise Killed
            self.left -= 1
            return function(*arguments, **named)

        return call

    def __exit__(self, *_):
        for (port, name), function in self.real.items():
            setattr(getattr(self.world, port), name, function)


Sleepers.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
TestSleepers = Sleepers.TestCase
