"""Find out what an alarm means, do what model.yaml says about it, and tell it once."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.events import AlarmStateChange, ModelDue
from perennial.reactions.answer_alarm import answer_hint, on_alarm
from perennial.reactions.report import report
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()
Trigger = AlarmStateChange | ModelDue


@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=Trigger)
def lambda_handler(event: Trigger, context: LambdaContext) -> dict[str, object]:
    if isinstance(event, AlarmStateChange):
        return report(on_alarm(event.detail, event.id, world()), logger, metrics)
    due = event.detail
    return report(answer_hint(due.model, due.subject or "", event.id, world()), logger, metrics)
