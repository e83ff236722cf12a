"""What people do: press buttons, call the API, order a fire drill. And what others may not."""

import hashlib
import hmac
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session
from stranger import Model, Stack, drop_of, wait_for
from watched import Inbox

from stack.places import ROOT

BUS = "perennial"


@pytest.fixture(scope="module")
def model(stack: Stack) -> Model:
    """A model whose first version waits for a person."""
    made = stack.model("pressed").configure(gate={"minimum_gain": -1.0, "approval": "manual"})
    made.drop("first", drop_of(300))
    made.wait_for("version_registered")
    return made


@pytest.fixture
def secret(stack: Stack) -> Mapping[str, str]:
    """What Slack and we share."""
    found = stack.client("secretsmanager").get_secret_value(SecretId="perennial/slack/default")
    value: Mapping[str, str] = json.loads(found["SecretString"])
    return value


def callback(stack: Stack, body: bytes, headers: Mapping[str, str], path: str = "slack/default") -> int:
    """The status of a request to Slack's callback."""
    url = stack.outputs["SlackCallbackUrl"].rstrip("/") + "/" + path
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
    try:
        answer = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as refused:
        answer = refused
    with answer:
        assert not answer.read(), "nobody is told anything"
        return int(answer.status)


def press_of(token: str) -> bytes:
    """The form that Slack posts."""
    content = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "mallory"},
        "actions": [{"action_id": "approve", "block_id": "b", "value": token}],
        "response_url": "http://127.0.0.1:9/",
        "message": {"blocks": []},
    }
    return urlencode({"payload": json.dumps(content)}).encode()


def signed(body: bytes, secret: str, age: float = 0) -> dict[str, str]:
    """Slack's headers."""
    timestamp = str(int(time.time() - age))
    mac = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={mac.hexdigest()}",
    }


def button(message: Mapping[str, Any], action: str) -> str | None:
    """The token of a message's button."""
    for block in message["blocks"]:
        for element in block.get("elements", ()):
            if element.get("action_id") == action:
                return str(element["value"])
    return None


def asking_to_approve(inbox: Inbox, model: Model) -> dict[str, Any]:
    """The newest Slack message about the model that has an approve button."""

    def look() -> list[dict[str, Any]]:
        found = inbox.messages(model.model)
        return [message for message in found if message["kind"] == "slack" and button(message, "approve")]

    message: dict[str, Any] = wait_for("a message with buttons", look)[0]
    return message


def request(stack: Stack, method: str, path: str, body: Any = None, key: str = "test") -> tuple[int, Any]:
    """A signed request to the API."""
    made = AWSRequest(
        method,
        stack.outputs["ApiUrl"].rstrip("/") + path,
        data=json.dumps(body) if body is not None else None,
        headers={"content-type": "application/json"},
    )
    SigV4Auth(Credentials(key, "test"), "lambda", "us-east-1").add_auth(made)
    answer = URLLib3Session(timeout=60).send(made.prepare())
    return answer.status_code, json.loads(answer.content or b"null")


def perennial(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The operator's command."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [ROOT / "cli/perennial", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)


@contextmanager
def cut(stack: Stack, rule: str, bus: str) -> Iterator[None]:
    """Disable one of the template's rules for a while."""
    name, events = stack.resource(rule).rpartition("|")[2], stack.client("events")
    events.disable_rule(Name=name, EventBusName=bus)
    try:
        yield
    finally:
        events.enable_rule(Name=name, EventBusName=bus)


def test_wrong_presses_are_refused(stack: Stack, model: Model, secret: Mapping[str, str]) -> None:
    """Unsigned, forged, stale and foreign presses get a 4xx without a word, and nothing is done."""
    token = button(asking_to_approve(Inbox(stack), model), "approve")
    assert token
    body, ours = press_of(token), secret["signing_secret"]
    assert callback(stack, body, {}) == 401
    assert callback(stack, body, signed(body, "guessed")) == 401
    assert callback(stack, body + b"&x=1", signed(body, ours)) == 401
    assert callback(stack, body, signed(body, ours, age=301)) == 401
    assert callback(stack, body, signed(body, ours), path="slack/other") == 401
    assert callback(stack, body, signed(body, ours), path="") == 401
    forged = press_of(token[:-2] + ("AA" if token[-2:] != "AA" else "BB"))
    assert callback(stack, forged, signed(forged, ours)) == 403
    large = press_of("x" * 1_000_000)
    assert callback(stack, large, signed(large, ours)) == 413
    url = stack.outputs["SlackCallbackUrl"].rstrip("/") + "/slack/default"
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(url, timeout=60)
    assert model.versions()[0]["ModelApprovalStatus"] == "PendingManualApproval"
    assert not model.decided("approved")


def test_a_press_approves_once_and_is_written_on_the_message(
    stack: Stack, model: Model, secret: Mapping[str, str]
) -> None:
    """The version is approved and deployed, the message says who did it, and a replay is refused."""
    inbox = Inbox(stack)
    message = asking_to_approve(inbox, model)
    token = button(message, "approve")
    assert token
    inbox.press(message["id"], "approve")
    approved = model.wait_for("approved")
    assert approved.details["by"].startswith("@")

    def answered() -> Any:
        [found] = [one for one in inbox.messages() if one["id"] == message["id"]]
        return found if button(found, "approve") is None else None

    found = wait_for("the message's answer", answered)
    line = found["blocks"][-1]["elements"][0]["text"]
    assert line.startswith(f"approved by {approved.details['by']} at ")
    [press] = found["presses"]
    assert press["status"] == 200
    body = press_of(token)
    assert callback(stack, body, signed(body, secret["signing_secret"])) == 409
    package = model.package(1)
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["ApprovalDescription"].startswith(line.partition(" at ")[0])
    model.wait_until_serving(1)
    assert len(model.decided("approved")) == 1


def test_the_api_is_shut_to_strangers(stack: Stack) -> None:
    """Without IAM's signature there is no way in, not even to the health check."""
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(stack.outputs["ApiUrl"].rstrip("/") + "/health", timeout=60)


def test_the_api_tells_and_does(stack: Stack, model: Model) -> None:
    """Models, decisions and versions are told; an order is done, and names who gave it."""
    assert request(stack, "GET", "/health")[1]["stack"] == "perennial"
    assert "pressed" in {found["model"] for found in request(stack, "GET", "/models")[1]["models"]}
    status, found = request(stack, "GET", "/models/pressed")
    assert (status, found["config"]["target"]) == (200, "deny")
    assert request(stack, "GET", "/models/pressed/versions")[1]["versions"][0]["version"] == 1
    assert request(stack, "GET", "/models/pressed/decisions")[1]["decisions"]
    assert request(stack, "GET", "/models/pressed/reports") == (200, {"reports": []})
    assert request(stack, "POST", "/models/pressed/mute", {"hours": 1, "what": "latency"})[0] == 200
    assert request(stack, "GET", "/models/pressed")[1]["mute"]["by"].startswith("arn:aws:")
    assert request(stack, "DELETE", "/models/pressed/mute")[0] == 200
    status, refused = request(stack, "POST", "/models/pressed/versions/9/approve")
    assert (status, refused["error"]["code"]) == (409, "approval_refused")
    status, refused = request(stack, "POST", "/models/pressed/roll-back")
    assert (status, refused["error"]["code"]) == (409, "rollback_withheld")
    assert "no other approved version" in refused["error"]["message"]


def test_a_person_trains_again_and_rolls_back(stack: Stack, model: Model) -> None:
    """What was learnt already is not learnt again, which is said; a new version makes way for the one before it."""
    status, refused = request(stack, "POST", "/models/pressed/retrain")
    assert (status, refused["error"]["code"]) == (409, "retraining_withheld")
    model.register_again(1, "Approved")
    model.wait_until_serving(2)
    status, done = request(stack, "POST", "/models/pressed/roll-back", {"version": 2, "because": "a test"})
    assert (status, done["outcome"]) == (200, "rollback_started"), done
    wait_for("version 1 to serve again", lambda: model.serving() == 1)
    assert "arn:aws:" in model.package(2)["ApprovalDescription"]


def test_the_command_orders(stack: Stack, model: Model) -> None:
    """The operator's command does what the API does, and ends with an error when that is refused."""
    muted = perennial(stack, "mute", "pressed", "--hours", "1")
    assert (muted.returncode, muted.stdout.partition(":")[0]) == (0, "muted"), muted
    unmuted = perennial(stack, "unmute", "pressed")
    assert (unmuted.returncode, unmuted.stdout.partition(":")[0]) == (0, "unmuted"), unmuted
    refused = perennial(stack, "mute", "nobody")
    assert refused.returncode == 1
    assert "there is no model nobody; see `perennial models` (HTTP 404)" in refused.stderr


def test_a_fire_drill_arrives(stack: Stack, model: Model) -> None:
    """A marked test alarm travels to every channel; each hop is shown, and the alarm rests afterwards."""
    done = perennial(stack, "fire-drill", "--model", "pressed", "--timeout", "120")
    assert done.returncode == 0, done
    assert "it arrived" in done.stdout
    for hop in ("alarm", "answer", "slack  ", "slack, read back", "topic"):
        assert f"UTC  {hop}" in done.stdout
    identifier = done.stdout.splitlines()[0].removeprefix("fire drill ")
    assert [one for one in Inbox(stack).messages("Fire drill") if one["kind"] == "slack"]
    assert model.wait_for("fire_drill", drill=identifier).news == "warning"
    [alarm] = stack.client("cloudwatch").describe_alarms(AlarmNames=["perennial-fire-drill"])["MetricAlarms"]
    assert alarm["StateValue"] == "OK"


@pytest.mark.parametrize(
    ("rule", "bus", "seconds", "where"),
    [
        ("NotifyDecisionMade", BUS, 15, "the log of Notify"),  # a busy machine has to get as far as that
        ("AnswerAlarmAlarmChanged", "default", 4, "AnswerAlarm"),
    ],
)
def test_a_lost_fire_drill_fails_loudly(
    stack: Stack, model: Model, rule: str, bus: str, seconds: int, where: str
) -> None:
    """When a station of the way is out of order, the command fails and says which."""
    with cut(stack, rule, bus):
        done = perennial(stack, "fire-drill", "--model", "pressed", "--timeout", str(seconds))
    assert done.returncode == 1, done
    assert f"IT DID NOT ARRIVE within {seconds} s" in done.stdout
    assert where in done.stdout
