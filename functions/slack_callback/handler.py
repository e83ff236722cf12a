"""Slack's callback: the only address that anybody may call. What is not Slack's, signed and fresh, is refused."""

import base64
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.reactions.press import Request, press
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, object]:
    body = event.get("body") or ""
    request = Request(
        event["requestContext"]["http"]["method"],
        event["rawPath"],
        event["headers"],
        base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(),
    )
    answer = press(request, world())
    if answer.refused:
        metrics.add_metric("PressesRefused", MetricUnit.Count, 1)
        logger.warning("refused", why=answer.refused, status=answer.status)
    else:
        metrics.add_metric("Presses", MetricUnit.Count, 1)
    return {"statusCode": answer.status}
