"""The end of a shadow test: what was found is written down where people and the next rollout look for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from perennial import layout, shadow, shadow_report
from perennial.config import ModelConfig
from perennial.deployment import Rollout
from perennial.endpoint_config import VARIANT
from perennial.losses import Loss, remembered
from perennial.ports import World
from perennial.reactions.shadow_evidence import answers, traffic
from perennial.sections_serving import Shadow
from perennial.shadow import ShadowTest
from perennial.shadow_comparison import Consequence, Verdict, consequence, judge


@dataclass(frozen=True)
class Conclusion:
    """A verdict, what follows from it, and the figures that a message tells."""

    verdict: Verdict
    follows: Consequence
    details: Mapping[str, str] = field(default_factory=dict)


def never_came_up(reason: str) -> Conclusion:
    return Conclusion(Verdict("failed", (reason,)), "drop")


def compare(endpoint: str, test: ShadowTest, config: ModelConfig, world: World) -> Conclusion:
    """Read what was captured and measured, judge it, and leave it with the package and in the bucket."""
    limits = config.endpoint.shadow or Shadow()
    start, end = test.ran_from or test.began_at, test.ran_until or test.since
    found, truncated = answers(endpoint, config, start, end, world)
    ours = traffic(endpoint, test.config_name, VARIANT, start, end, world)
    theirs = traffic(endpoint, test.config_name, shadow.VARIANT, start, end, world)
    verdict = judge(found, ours, theirs, limits, classes=config.problem != "regression")
    base = world.names.parse_endpoint_config(test.base)
    compared = shadow_report.Compared(
        model=config.model,
        production=base.version if base else 0,
        challenger=test.challenger,
        start=start,
        end=end,
        answers=found,
        traffic=(ours, theirs),
        verdict=verdict,
        consequence=consequence(verdict, limits.then),
        limits=limits,
        truncated=truncated,
    )
    uri = _keep(compared, test, world)
    return Conclusion(verdict, compared.consequence, shadow_report.facts(compared) | {"report": uri})


def _keep(compared: shadow_report.Compared, test: ShadowTest, world: World) -> str:
    """Returns the page's URI."""
    folder = layout.shadow_prefix(compared.model, test.challenger, test.began_at)
    page = shadow_report.page(compared).encode()
    world.bucket.write(f"{folder}comparison.json", shadow_report.text(compared))
    world.bucket.write(f"{folder}comparison.html", page, "text/html; charset=utf-8")
    uri = f"s3://{world.bucket.name}/{folder}comparison.html"
    versions = world.registry.versions(compared.model)
    package = next((found for found in versions if found.version == test.challenger), None)
    if package:
        world.registry.add_history(package.arn, shadow_report.properties(compared, uri), "Candidate")
    return uri


def lose(
    test: ShadowTest, found: Conclusion, config_name: str, rollout: Rollout | None, model: str, world: World
) -> None:
    """Remember it among the rollouts that were lost; only an approval from now on counts as new."""
    serving = world.names.parse_endpoint_config(test.base)
    if serving is None:
        return
    outcome = "dropped" if found.follows == "drop" else "asked"
    reason = str(found.verdict)[:500]
    loss = Loss(test.challenger, config_name, outcome, reason, world.now().isoformat())
    known = rollout or Rollout(test.base, serving.version, test.began_at, "succeeded", told=True)
    world.state.put_rollout(model, replace(known, lost=remembered(known.lost, loss)), expected=rollout)
