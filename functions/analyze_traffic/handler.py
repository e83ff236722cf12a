"""Analyse the windows of captured traffic that are due, or one that somebody asked for."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

import perennial.aws.analyst  # noqa: F401 - the library and its numbers, while Lambda's start is fast
from perennial.aws.world import world
from perennial.events import ModelDue, ProcessingJobStateChange
from perennial.reactions.analyze_traffic import analysis_job_ended, analyze_traffic
from perennial.reactions.report import report
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()
Trigger = ProcessingJobStateChange | ModelDue


@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=Trigger)
def lambda_handler(event: Trigger, context: LambdaContext) -> dict[str, object]:
    if isinstance(event, ProcessingJobStateChange):
        return report(analysis_job_ended(event.detail.processing_job_name, world()), logger, metrics)
    due = event.detail
    decision = analyze_traffic(due.model, world(), subject=due.subject, request=event.id, at=event.time)
    return report(decision, logger, metrics)
