"""A window was analysed: do requests carry so many more rows that the instances need help?"""

from __future__ import annotations

from perennial.config import ModelConfig
from perennial.decision import Decision
from perennial.monitoring.summary import Summary
from perennial.ports import World
from perennial.reactions.adjust_scaling import adjust_scaling
from perennial.requests_growth import DOCUMENT, growth, learned


def watch_requests(config: ModelConfig, summary: Summary, world: World) -> Decision | None:
    """Raise what `scaling.adjust` says when requests grew by its factor. None when they did not, or nobody asks."""
    limit = config.scaling.adjust.rows_per_request
    if limit is None or config.endpoint.serverless or summary.monitor != "data_quality":
        return None
    known = world.state.get(config.model, DOCUMENT)
    document = learned(known, summary.window.start, summary.records, summary.requests)
    if document != known:
        world.state.put(config.model, DOCUMENT, document, expected=known)
    found = growth(document, summary.window.start)
    if found is None or found[0] < limit * found[1]:
        return None
    because = f"requests carry {found[0]:.1f} rows in the window from {summary.window.start:%Y-%m-%d %H:%M} UTC, {found[1]:.1f} before"
    return adjust_scaling(config.model, world, because=because)
