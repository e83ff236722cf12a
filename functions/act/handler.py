"""Do what a person asked for by the press of a button, once, and tell them."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.events import ActionAsked
from perennial.reactions.act import act
from perennial.reactions.report import report
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=ActionAsked)
def lambda_handler(event: ActionAsked, context: LambdaContext) -> dict[str, object]:
    return report(act(event.detail, event.id, world()), logger, metrics)
