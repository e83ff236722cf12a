"""How every handler ends: the decision in the log, as a metric, and as the Lambda's answer."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from perennial.decision import Decision


def report(decision: Decision | None, logger: Logger, metrics: Metrics) -> dict[str, object]:
    """None means that the event was not for us, or that its thing is still under way."""
    if decision is None:
        metrics.add_metric("Ignored", MetricUnit.Count, 1)
        return {"outcome": "ignored"}
    metrics.add_metric("Decisions", MetricUnit.Count, 1)
    metrics.add_metadata("outcome", decision.outcome)
    logger.info(decision.reason, model=decision.model, outcome=decision.outcome, fact=decision.fact)
    return decision.as_dict()
