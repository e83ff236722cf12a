"""Drop a model's recent traffic with its labels, for a training that was asked for."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.events import ModelDue
from perennial.reactions.collect_traffic import collect_traffic
from perennial.reactions.report import report
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=ModelDue)
def lambda_handler(event: ModelDue, context: LambdaContext) -> dict[str, object]:
    due = event.detail
    drop = due.subject or ""
    return report(collect_traffic(due.model, world(), drop=drop, because=due.because), logger, metrics)
