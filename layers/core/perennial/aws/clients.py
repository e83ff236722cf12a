"""boto3 clients, made when first needed: most events need two or three of them, some none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from perennial.errors import QuotaReached


@cache
def client(service: str) -> Any:
    """A client with retries that fit a Lambda: SageMaker throttles its control plane per account."""
    import boto3
    from botocore.config import Config

    make: Any = boto3.client  # its overloads want a literal name
    return make(service, config=Config(retries={"mode": "standard", "max_attempts": 6}))


@cache
def invoking_client() -> Any:
    """For InvokeEndpoint: one try, and an answer within a third of a Lambda's minute, so that a model that hangs is told."""
    import boto3
    from botocore.config import Config

    make: Any = boto3.client
    once = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1})
    return make("sagemaker-runtime", config=once)


@cache
def predicting_client() -> Any:
    """For InvokeEndpoint while a caller waits: one try, and as long as SageMaker gives a model, 60 s, and a little more."""
    import boto3
    from botocore.config import Config

    make: Any = boto3.client
    once = Config(connect_timeout=3, read_timeout=65, retries={"total_max_attempts": 1})
    return make("sagemaker-runtime", config=once)


def code(error: ClientError) -> str:
    """AWS's error code, such as `ValidationException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", ""))


@contextmanager
def within_quota(wanted: str) -> Iterator[None]:
    """Around the request for something that is counted. Raises QuotaReached where the account may have no more of it."""
    try:
        yield
    except ClientError as error:
        if code(error) != "ResourceLimitExceeded":
            raise
        raise QuotaReached(wanted, message(error)) from error
