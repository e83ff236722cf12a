"""The operator's command reads what AWS leaves in the dead-letter queue, and says what it can do."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from cloudformation import ROOT

from perennial.alarms.intent import INTENTS
from perennial_cli.__main__ import INTERRUPTED, approve, last_decision, main, models, parser
from perennial_cli.dead_letters import CAPTURED, parse
from perennial_cli.orders import MUTABLE
from perennial_cli.predictions import content_type
from perennial_cli.stack import Stack

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


def test_a_captured_record_that_was_not_written_is_read():
    """What the queue of captured requests gave up on is told apart, with its model."""
    body = {"model": "m", "endpoint": "perennial-m", "at": "2026-03-01T12:00:00+00:00", "event_id": "e"}
    letter = parse({"Body": json.dumps(body), "ReceiptHandle": "r"})
    assert (letter.function, letter.event) == (CAPTURED, body)


@pytest.mark.parametrize(
    ("path", "given", "expected"),
    [
        ("rows.csv", None, "text/csv"),
        ("rows.JSON", None, "application/json"),
        ("rows.jsonl", None, "application/jsonlines"),
        ("-", None, "text/csv"),
        ("rows.csv", "text/csv; header=present", "text/csv; header=present"),
    ],
)
def test_the_content_type_of_rows(path, given, expected):
    """What was said, else what the file's name says, else CSV."""
    assert expected == content_type(path, given)


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


def test_what_may_be_muted():
    """Every alarm's intent, and everything; any other word is refused with the list of those."""
    assert ("all", *INTENTS) == MUTABLE
    with pytest.raises(SystemExit):
        parser().parse_args(["mute", "m", "--what", "noise"])
    assert "errors" == parser().parse_args(["mute", "m", "--what", "errors"]).what


class StackOf(Stack):
    """A stack with these models, of which nothing was decided and nothing is registered yet."""

    def __init__(self, *models):
        super().__init__("perennial", {"DataBucket": "data"})
        object.__setattr__(self, "found", list(models))

    def models(self):
        return self.found

    def ledger(self, model, most):
        return []

    def versions(self, model):
        return []


def test_nothing_is_said_to_be_nothing(capsys):
    """An empty list is a sentence."""
    models(StackOf(), parser().parse_args(["models"]))
    assert "no model yet" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["ledger nosuch", "approve nosuch 1", "reject nosuch 1", "analyze nosuch"])
@pytest.mark.parametrize(
    ("there", "hint"),
    [
        ([], "it has none yet, upload a models/<name>/model.yaml"),
        (["mortgage", "risk"], "there is mortgage, risk; see `perennial models`"),
        ([f"m{n}" for n in range(12)], "m8, m9 and 2 more; see `perennial models`"),
    ],
)
def test_a_model_that_there_is_not(line, there, hint):
    """Said in one line, with those that there are."""
    asked = parser().parse_args(line.split())
    with pytest.raises(SystemExit) as ended:
        asked.run(StackOf(*there), asked)
    assert str(ended.value).startswith("perennial: there is no model nosuch in the stack perennial: ")
    assert str(ended.value).endswith(hint)
    assert "\n" not in str(ended.value)


def test_a_model_without_a_version():
    """Is told from one that there is not."""
    with pytest.raises(SystemExit, match="mortgage has no version 1: it has none yet, see `perennial ledger"):
        approve(StackOf("mortgage"), parser().parse_args(["approve", "mortgage", "1"]))


def test_a_command_without_its_environment_says_what_to_do(tmp_path):
    """Who cloned and deployed, and made nothing here, is told to make it."""
    done = subprocess.run(
        [ROOT / "cli/perennial", "models"],
        env={**os.environ, "PERENNIAL_PYTHON": str(tmp_path / "python")},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (1, 1) == (done.returncode, done.stderr.count("\n"))
    assert f"perennial: there is no {tmp_path / 'python'}: run `make -C {ROOT} setup`" in done.stderr


@pytest.mark.parametrize(
    ("decisions", "expected"),
    [
        ([], ""),
        (["nothing"], "nothing"),
        (["drop_refused", "nothing", "nothing"], "drop_refused"),
        (["nothing", "model_created", "drop_waits"], "drop_waits"),
    ],
)
def test_the_last_decision_of_a_model_is_one_that_did_something(decisions, expected):
    """The sweep's looks, at which nothing was due, do not cover what people want to see."""
    assert expected == last_decision([{"decision": decision} for decision in decisions])


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path):
    """Not with a traceback."""
    with pytest.raises(SystemExit, match=r"^perennial: .*rows\.csv: No such file or directory$"):
        main(["capacity", "http://127.0.0.1:1/invocations", "--body", str(tmp_path / "rows.csv")])


def test_a_reader_that_goes_away_is_no_error():
    """`perennial preview | head` ends in silence."""
    nobody_reads, written = os.pipe()
    os.close(nobody_reads)
    done = subprocess.run(
        [ROOT / "cli/perennial", "preview"],
        env={**os.environ, "PERENNIAL_PYTHON": sys.executable},
        stdout=written,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(written)
    assert (0, "") == (done.returncode, done.stderr)


def test_an_interrupted_command_says_so():
    """Ctrl-C while AWS is asked ends with one sentence and a shell's own exit code, not with a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        secrets = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        settings = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
        command = subprocess.Popen(
            [ROOT / "cli/perennial", "models"],
            env={**os.environ, **secrets, **settings, "PERENNIAL_PYTHON": sys.executable},
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(60)
        asked, _ = silent.accept()
        with asked:
            command.send_signal(signal.SIGINT)
            _, said = command.communicate(timeout=60)
    assert (INTERRUPTED, True) == (command.returncode, said.startswith("perennial: interrupted"))
