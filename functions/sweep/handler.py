"""Every ten minutes: take every decision again, per model, and wake the reaction that has something to do."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.events import Scheduled
from perennial.reactions.sweep import sweep
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=Scheduled)
def lambda_handler(event: Scheduled, context: LambdaContext) -> dict[str, object]:
    swept = sweep(world())
    metrics.add_metric("ModelsSwept", MetricUnit.Count, swept.models)
    metrics.add_metric("ModelsDue", MetricUnit.Count, len(swept.due))
    for model, due in swept.due:
        logger.info("due", model=model, reaction=due.reaction, because=due.because)
    if swept.failed:
        raise RuntimeError(f"could not sweep {', '.join(swept.failed)}; the log says why")
    return {"models": swept.models, "due": len(swept.due)}
