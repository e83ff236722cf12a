"""Tell people about a decision that is news."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.events import DecisionMade
from perennial.reactions.notify import notify
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=DecisionMade)
def lambda_handler(event: DecisionMade, context: LambdaContext) -> dict[str, object]:
    outcome = notify(event.detail, event.id, world())
    logger.info("notice", outcome=outcome, model=event.detail.model, decision=event.detail.outcome)
    return {"outcome": outcome}
