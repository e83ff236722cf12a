"""Pin a complete drop as a dataset version and start its training job, or refuse it with a report."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.events import ModelDue, ObjectCreated
from perennial.reactions.report import report
from perennial.reactions.start_training import on_object, start_training
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()
Trigger = ObjectCreated | ModelDue


@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=Trigger)
def lambda_handler(event: Trigger, context: LambdaContext) -> dict[str, object]:
    if isinstance(event, ObjectCreated):
        return report(on_object(event.detail.object.key, world()), logger, metrics)
    due = event.detail
    return report(start_training(due.model, world(), drop=due.subject, because=due.because), logger, metrics)
