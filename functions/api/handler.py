"""The API: FastAPI behind a function URL that only IAM opens."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from mangum import Mangum

from perennial.aws.world import world
from perennial.tracing import tracer
from perennial_web.app import create_app

logger = Logger()
application = Mangum(create_app(world), lifespan="off")


@logger.inject_lambda_context
@tracer.capture_lambda_handler(capture_response=False)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    answer: dict[str, Any] = application(event, context)  # type: ignore[arg-type]
    return answer
