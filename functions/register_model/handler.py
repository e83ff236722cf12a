"""Register the version that a finished training job produced, try again, or tell why it failed."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.events import ModelDue, TrainingJobStateChange
from perennial.reactions.register_model import register_model
from perennial.reactions.report import report
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()
Trigger = TrainingJobStateChange | ModelDue


@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=Trigger)
def lambda_handler(event: Trigger, context: LambdaContext) -> dict[str, object]:
    job = event.detail.subject if isinstance(event, ModelDue) else event.detail.training_job_name
    return report(register_model(job, world()) if job else None, logger, metrics)
