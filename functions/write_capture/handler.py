"""Captured requests came from the queue: write them where Data Capture would have."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import SQSEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.reactions.write_capture import Message, write_capture
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_source(data_class=SQSEvent)
def lambda_handler(event: SQSEvent, context: LambdaContext) -> dict[str, Any]:
    messages = [
        Message(
            record.message_id,
            record.body,
            int(record.attributes.approximate_receive_count) > 1,
        )
        for record in event.records
    ]
    failed = write_capture(messages, world())
    metrics.add_metric("CapturedRecords", MetricUnit.Count, len(messages) - len(failed))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
