"""Requests and answers that are held to the shapes of AWS's own model, without a twin."""

import boto3
import pytest
from botocore.stub import Stubber


@pytest.fixture
def runtime():
    """A client of SageMaker's runtime and its stub."""
    client = boto3.client(
        "sagemaker-runtime", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    with Stubber(client) as stub:
        yield client, stub
