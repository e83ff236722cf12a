"""See how a rollout ended: scaling, history and the next in the queue, or the loss told to a person."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.events import EndpointStateChange, ModelDue
from perennial.reactions.report import report
from perennial.reactions.settle_endpoint import UNTOLD, settle_endpoint
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()
Trigger = EndpointStateChange | ModelDue


@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=Trigger)
def lambda_handler(event: Trigger, context: LambdaContext) -> dict[str, object]:
    if isinstance(event, ModelDue):
        due = event.detail
        return report(
            settle_endpoint(due.model, world(), because=due.because, untold=due.subject == UNTOLD),
            logger,
            metrics,
        )
    model = world().names.model_of_endpoint(event.detail.endpoint_name)
    because = f"endpoint {event.detail.endpoint_name} changed"
    return report(settle_endpoint(model, world(), because=because) if model else None, logger, metrics)
