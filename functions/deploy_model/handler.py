"""Bring an endpoint to the newest approved version of its model."""

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging import correlation_paths
from aws_lambda_powertools.utilities.parser import event_parser
from aws_lambda_powertools.utilities.typing import LambdaContext

from perennial.aws.world import world
from perennial.events import ModelDue, ModelPackageStateChange
from perennial.reactions.deploy_model import deploy_model
from perennial.reactions.report import report
from perennial.tracing import tracer

logger = Logger()
metrics = Metrics()
Trigger = ModelPackageStateChange | ModelDue


@logger.inject_lambda_context(correlation_id_path=correlation_paths.EVENT_BRIDGE)
@tracer.capture_lambda_handler(capture_response=False)
@metrics.log_metrics
@event_parser(model=Trigger)
def lambda_handler(event: Trigger, context: LambdaContext) -> dict[str, object]:
    if isinstance(event, ModelDue):
        return report(
            deploy_model(event.detail.model, world(), because=event.detail.because), logger, metrics
        )
    package = event.detail
    model = world().names.model_of(package.model_package_group_name)
    # Our own metadata writes come back as events of an Approved package, too.
    if model is None or not package.approval_changed:
        return report(None, logger, metrics)
    because = f"version {package.model_package_version} is {package.model_approval_status}"
    approved = package.model_package_version if package.model_approval_status == "Approved" else None
    at = package.last_modified_time or event.time
    decision = deploy_model(model, world(), because=because, approved=approved, approved_at=at)
    return report(decision, logger, metrics)
