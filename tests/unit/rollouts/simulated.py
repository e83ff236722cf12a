"""SageMaker as a machine of tests plays it, and handlers that are killed or meet."""

from collections import defaultdict
from dataclasses import replace

from fakes import NAMES, InMemoryEndpoints

from perennial.provisioned_concurrency import variant as concurrency
from perennial.route import serving
from perennial.scaling import variant

MODEL = "mortgage"


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
