"""The operator's command reads what AWS leaves in the dead-letter queue, and says what it can do."""

import json

import pytest

from perennial_cli.__main__ import parser
from perennial_cli.dead_letters import parse

ARN = "arn:aws:lambda:us-east-1:123456789012:function:perennial-RegisterModel"
EVENT = {
    "detail-type": "SageMaker Training Job State Change",
    "detail": {"TrainingJobName": "perennial-a-job"},
}


def test_a_failed_invocation_is_read():
    """Lambda's destination record names the function, the event and the error."""
    body = {
        "requestContext": {"functionArn": f"{ARN}:$LATEST", "condition": "RetriesExhausted"},
        "requestPayload": EVENT,
        "responsePayload": {"errorMessage": "AccessDenied", "errorType": "ClientError"},
    }
    letter = parse({"Body": json.dumps(body), "ReceiptHandle": "r"})
    assert (ARN, EVENT, "AccessDenied", "perennial-a-job") == (
        letter.function,
        letter.event,
        letter.error,
        letter.subject,
    )


def test_a_failed_delivery_is_read():
    """EventBridge leaves the event itself, and the target and the error as attributes."""
    attributes = {"TARGET_ARN": {"StringValue": ARN}, "ERROR_MESSAGE": {"StringValue": "throttled"}}
    letter = parse({"Body": json.dumps(EVENT), "MessageAttributes": attributes, "ReceiptHandle": "r"})
    assert (ARN, EVENT, "throttled") == (letter.function, letter.event, letter.error)


@pytest.mark.parametrize(
    ("detail", "subject"),
    [
        ({"object": {"key": "models/m/drops/a.csv"}}, "models/m/drops/a.csv"),
        ({"model": "m", "reaction": "deploy_model"}, "m"),
        ({}, ""),
        ("{}", ""),
    ],
)
def test_the_subject_is_what_the_event_is_about(detail, subject):
    """A line of the list tells which thing failed."""
    body = {"requestContext": {"functionArn": ARN, "condition": "x"}, "requestPayload": {"detail": detail}}
    assert subject == parse({"Body": json.dumps(body), "ReceiptHandle": "r"}).subject


@pytest.mark.parametrize(
    "line", ["models", "ledger m -n 3", "approve m 2", "reject m 2 --because x", "redrive"]
)
def test_every_command_is_known(line):
    """Commands and their options parse."""
    assert callable(parser().parse_args(line.split()).run)
