"""Put an uploaded model.yaml in force, or refuse it with line, key and remedy."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial import layout
from perennial.aws.world import world
from perennial.events import ModelDue, ObjectCreated
from perennial.reactions.configure_model import configure_model
from perennial.reactions.report import report
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
        return report(configure_model(event.detail.object.key, world()), logger, metrics)
    return report(configure_model(layout.config_key(event.detail.model), world()), logger, metrics)
