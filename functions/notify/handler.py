"""Tell people about a decision that is news, or send what waited for this time."""

from datetime import timedelta

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.events import DecisionMade, ModelDue
from perennial.reactions.notify import notify, tell_waiting
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()
Trigger = DecisionMade | ModelDue
SPARE = timedelta(seconds=15)  # a request under way may take ten


@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=Trigger)
def lambda_handler(event: Trigger, context: LambdaContext) -> dict[str, object]:
    left = timedelta(milliseconds=context.get_remaining_time_in_millis())
    deadline = world().now() + left - SPARE
    if isinstance(event, ModelDue):
        outcome, decision = tell_waiting(event.detail.model, world(), deadline), "waiting"
    else:
        outcome, decision = notify(event.detail, event.id, world(), deadline), event.detail.outcome
    metrics.add_metric("Notices", MetricUnit.Count, 1)
    logger.info("notice", outcome=outcome, model=event.detail.model, decision=decision)
    return {"outcome": outcome}
