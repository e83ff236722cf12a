"""A challenger runs as a shadow of production before it may serve: every step of the test, from state alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from perennial import route, shadow
from perennial.config import ModelConfig
from perennial.decision import Decision, Severity
from perennial.deployment import IN_PROGRESS, DeploymentPlan, EndpointState, PackageVersion, Rollout
from perennial.ports import World
from perennial.prediction.invocation import VERSION_VARIABLE
from perennial.prediction_shift import environment
from perennial.reactions import guards
from perennial.reactions.shadow_verdicts import Conclusion, compare, lose, never_came_up
from perennial.route import Place
from perennial.shadow import ShadowTest, Step

_OUTCOMES = {"promote": "shadow_promoted", "ask": "shadow_asks", "drop": "shadow_dropped"}
_FOLLOWS = {
    "promote": "it is rolled out",
    "ask": "a person decides: approve it again to roll it out, or reject it",
    "drop": "it is dropped, and not tried again without a new approval",
}


@dataclass(frozen=True)
class _Turn:
    """One look at a shadow test, and all that its steps need. `endpoint` is in service; `test` is the one known."""

    plan: DeploymentPlan
    step: Step
    endpoint: EndpointState | None
    test: ShadowTest | None
    rollout: Rollout | None
    config: ModelConfig
    world: World
    because: str

    def told(
        self,
        outcome: str,
        reason: str,
        news: Severity | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Decision:
        decision = Decision(self.config.model, self.because, outcome, reason, news, details or {})
        self.world.ledger.record(decision)
        return decision

    def put(self, new: ShadowTest) -> None:
        """Raises Conflict when another handler was faster."""
        known = self.test.document() if self.test else None
        self.world.state.put(self.config.model, shadow.DOCUMENT, new.document(), expected=known)


def planned(place: Place, rollout: Rollout | None, config: ModelConfig, world: World) -> DeploymentPlan:
    """What DeployModel is to do next, shadow tests included."""
    plan = route.planned(place, rollout, config, world)
    return shadow.considered(plan, _step(plan, place, known(config.model, world), config, world))


def advance(
    plan: DeploymentPlan,
    place: Place,
    rollout: Rollout | None,
    config: ModelConfig,
    world: World,
    because: str,
) -> Decision | None:
    """Take the next step of a shadow test; None when there is none to take, and the plan is to be carried out.

    Each step may be repeated: what it leaves in the world is the same, and the test's document is written last.
    """
    test = known(config.model, world)
    step = _step(plan, place, test, config, world)
    turn = _Turn(plan, step, place.present, test, rollout, config, world, because)
    if step.action == "none":
        return None
    if step.action == "hold":
        return turn.told("deployment_waits", step.reason)
    if step.action == "begin" and place.present and plan.version:
        return _begin(turn, place.present, plan.version)
    if test is None:
        return None
    if step.action == "run":
        return _run(turn, test)
    if step.action == "end" and place.present:
        return _end(turn, place.present, test)
    if step.action == "ended":
        return _ended(turn, test)
    if step.action == "compare" and place.present:
        conclusion = compare(place.present.name, test, config, world)
        return _conclude(turn, test, conclusion)
    if step.action == "lost":
        return _conclude(turn, test, never_came_up(step.reason))
    return _cancel(turn, test)


def known(model: str, world: World) -> ShadowTest | None:
    return ShadowTest.read(world.state.get(model, shadow.DOCUMENT))


def _step(
    plan: DeploymentPlan, place: Place, test: ShadowTest | None, config: ModelConfig, world: World
) -> Step:
    """Another kind of endpoint waits until a test under way is given up; no test begins meanwhile."""
    if (config.endpoint.shadow is None or place.moves) and not (test and test.active):
        return Step("none")
    versions = world.registry.versions(config.model)
    return shadow.next_step(plan, place.present, test, versions, config, world.names, world.now())


def _begin(turn: _Turn, endpoint: EndpointState, challenger: PackageVersion) -> Decision | None:
    config, world = turn.config, turn.world
    base = world.endpoints.config(endpoint.config_name)
    serving = world.names.parse_endpoint_config(endpoint.config_name)
    if serving is None or base is None or base.get("ShadowProductionVariants"):
        return None
    _rest(turn, endpoint, serving.version)
    name = shadow.config_name(config, serving.version, challenger.version, endpoint.config_name, world.names)
    test = ShadowTest(challenger.version, name, endpoint.config_name, "starting", world.now(), world.now())
    turn.put(test)
    variables = environment(config, name) | {VERSION_VARIABLE: str(challenger.version)}
    world.endpoints.ensure_model(name, challenger.arn, config.model, isolated=True, environment=variables)
    world.endpoints.ensure_config(
        shadow.request(name, base, endpoint.instances, config, world.platform.bucket)
    )
    if not _update(turn, endpoint, name):
        return turn.told("deployment_waits", "SageMaker is busy with another update")
    details = {"version": str(challenger.version), "production": str(serving.version), "shadow_config": name}
    decision = turn.told("shadow_test_started", turn.step.reason, "info", details)
    replace(turn, test=test).put(test.enter("started", world.now()))
    return decision


def _rest(turn: _Turn, endpoint: EndpointState, serving: int) -> None:
    """A rollout that its handler died over before SageMaker was asked is not to be taken for begun by our update."""
    if turn.rollout and turn.rollout.status == "starting":
        name = endpoint.config_name
        rested = replace(turn.rollout, config_name=name, version=serving, status="succeeded", told=True)
        turn.world.state.put_rollout(turn.config.model, rested, expected=turn.rollout)


def _update(turn: _Turn, endpoint: EndpointState, config_name: str) -> bool:
    """All at once: production is the same before and after, and the old fleet stays until the new one is healthy."""
    guards.put_up(turn.config, config_name, turn.world, alarmed=False)
    kept = endpoint.instances > 0
    accepted = turn.world.endpoints.update(endpoint.name, config_name, None, keep_counts=kept)
    if not accepted:
        guards.take_down(turn.config.model, turn.world)
    return accepted


def _run(turn: _Turn, test: ShadowTest) -> Decision:
    guards.take_down(turn.config.model, turn.world)
    now = turn.world.now()
    over = now + shadow.duration(turn.config)
    reason = f"{turn.step.reason} until {over:%Y-%m-%d %H:%M} UTC"
    turn.put(test.enter("running", now, ran_from=now))  # first: of two handlers that meet only one tells it
    return turn.told("shadow_in_service", reason, None, _details(test))


def _end(turn: _Turn, endpoint: EndpointState, test: ShadowTest) -> Decision:
    """The cause is written down before SageMaker is asked: a test that was of no use stays so."""
    now = turn.world.now()
    if test.status == "running":
        turn.put(test.enter("ending", now, cause=turn.step.reason, ran_until=now))
    if not _update(turn, endpoint, test.base):
        return turn.told("deployment_waits", "SageMaker is busy with another update")
    why = turn.step.reason or "its time is over"
    reason = f"version {test.challenger} leaves the shadow: {why}"
    return turn.told("shadow_removal_started", reason, None, _details(test))


def _ended(turn: _Turn, test: ShadowTest) -> Decision:
    guards.take_down(turn.config.model, turn.world)
    reason = "production serves alone; the captured requests are compared when they are written"
    turn.put(test.enter("comparing", turn.world.now()))
    decision = turn.told("shadow_removed", reason, None, _details(test))
    turn.world.hints.send(turn.config.model, "deploy_model", "the shadow is removed")
    return decision


def _cancel(turn: _Turn, test: ShadowTest) -> Decision:
    _clear(turn, test)
    reason = f"the shadow test of version {test.challenger} was given up: {turn.step.reason}"
    decision = turn.told("shadow_test_cancelled", reason, "info", _details(test))
    turn.put(test.enter("ended", turn.world.now(), outcome="cancelled", cause=turn.step.reason))
    turn.world.hints.send(turn.config.model, "deploy_model", "a shadow test was given up")
    return decision


def _clear(turn: _Turn, test: ShadowTest) -> None:
    """Nothing of the test is left behind; a config that an endpoint still has is left to pruning."""
    endpoint = turn.endpoint
    if endpoint is None or endpoint.status not in IN_PROGRESS:
        guards.take_down(turn.config.model, turn.world)
    if endpoint is None or endpoint.config_name != test.config_name:
        turn.world.endpoints.forget(test.config_name)


def _conclude(turn: _Turn, test: ShadowTest, found: Conclusion) -> Decision:
    """What is not promoted counts as lost from now on: only a later approval brings it back."""
    _clear(turn, test)
    verdict, follows = found.verdict, found.follows
    judged = replace(test, outcome=verdict.outcome)
    turn.put(judged)  # the loss below would look like a reason to give the test up
    if follows != "promote":
        config_name = turn.plan.config_name or test.config_name
        lose(test, found, config_name, turn.rollout, turn.config.model, turn.world)
    reason = f"version {test.challenger} ran as a shadow and {_passed(found)}: {verdict}; {_FOLLOWS[follows]}"
    news: Severity = "warning" if follows == "ask" or verdict.outcome == "failed" else "info"
    decision = turn.told(_OUTCOMES[follows], reason, news, {**_details(test), **found.details})
    replace(turn, test=judged).put(judged.enter("ended", turn.world.now()))
    turn.world.hints.send(turn.config.model, "deploy_model", f"version {test.challenger} was compared")
    return decision


def _passed(found: Conclusion) -> str:
    return {"passed": "compares well", "failed": "does not compare well", "unclear": "leaves a doubt"}[
        found.verdict.outcome
    ]


def _details(test: ShadowTest) -> dict[str, str]:
    return {"version": str(test.challenger), "shadow_config": test.config_name}
