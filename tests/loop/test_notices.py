"""What people hear: each thing once, in words that say what to do."""

import json
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from stranger import Model, Stack, drop_of, wait_for
from watched import Inbox


def arm(stack: Stack, fault: str, name: str, times: int) -> None:
    """Let the twin's Slack fail."""
    body = json.dumps({"fault": fault, "name": name, "times": times}).encode()
    request = urllib.request.Request(f"{stack.endpoint_url}/_twin/faults", data=body, method="POST")
    with urllib.request.urlopen(request, timeout=60):
        pass


def heard_by_mail(stack: Stack, model: Model) -> list[dict[str, Any]]:
    """What SES delivered about a model."""
    return [mail for mail in heard(stack, "mail", model) if mail["via"] == "ses"]


def heard(stack: Stack, kind: str, model: Model) -> list[dict[str, Any]]:
    """What came by a kind of channel about a model."""
    return [message for message in Inbox(stack).messages(model.model) if message["kind"] == kind]


def test_people_hear_of_everything_once(stack: Stack) -> None:
    """From the model's creation to its service, with a refused drop and a failed training in between."""
    model = stack.model("heard").configure(notify={"email": ["reader@example.com"]})
    model.drop("empty", {"part.csv": b"income,ratio,region,deny\n"})
    model.wait_for("drop_refused")
    model.reconfigure(training={"hyperparameters": {"misspelt": 1}}, notify={"email": ["reader@example.com"]})
    model.drop("one", drop_of(120))
    model.wait_for("training_failed")
    model.reconfigure(notify={"email": ["reader@example.com"]})
    model.wait_for("version_registered")
    model.approve(1)
    model.wait_until_serving(1)
    expected = {
        "model_created": 1,
        "drop_refused": 1,
        "configuration_changed": 2,
        "training_started": 2,
        "training_failed": 1,
        "version_registered": 1,
        "endpoint_creation_started": 1,
        "version_in_service": 1,
    }
    # Two events of one drop may both be refused, at once; people hear of it once.
    assert set(model.news()) == set(expected), model.story()
    wait_for("all notices", lambda: len(model.notices()) >= sum(expected.values()))
    heard = {notice["outcome"]: notice for notice in model.notices()}
    assert Counter(notice["outcome"] for notice in model.notices()) == expected
    assert {
        outcome: heard[outcome]["severity"] for outcome in heard if heard[outcome]["severity"] == "error"
    } == {
        "drop_refused": "error",
        "training_failed": "error",
    }
    assert "misspelt" in heard["training_failed"]["message"]
    assert "What you can do" in heard["training_failed"]["message"]
    assert "waits for your approval" in heard["version_registered"]["subject"]
    words = " ".join(heard["version_registered"]["message"].split())
    assert f"Approve or reject version 1 of model package group {model.name}" in words
    assert all(len(notice["subject"]) <= 100 for notice in heard.values())
    # The stack has a sender, so the model's readers get their mail from SES, and none from the topic.
    assert not any("recipients" in notice for notice in heard.values())
    mails = heard_by_mail(stack, model)
    assert {tuple(mail["to"]) for mail in mails} == {("reader@example.com",)}
    assert len(mails) == sum(expected.values())
    assert all(mail["html"].startswith("<!doctype html>") and mail["text"] for mail in mails)


def test_readers_are_subscribed_with_a_filter(stack: Stack) -> None:
    """A model's readers are subscribed to its messages only."""
    stack.model("reading").configure(notify={"email": ["one@example.com", "two@example.com"]})
    sns = stack.client("sns")
    listed = sns.list_subscriptions_by_topic(TopicArn=stack.outputs["AlertsTopic"])["Subscriptions"]
    assert {"one@example.com", "two@example.com"} <= {item["Endpoint"] for item in listed}


def test_slack_down(stack: Stack) -> None:
    """What Slack does not take, mail tells, with the reason; once Slack is back it has the message, too."""
    model = stack.model("unheard")
    secret = {"webhook_url": f"{stack.endpoint_url}/_twin/slack/webhook/unheard"}
    stack.client("secretsmanager").create_secret(
        Name="perennial/slack/unheard", SecretString=json.dumps(secret)
    )
    arm(stack, "slack-down", "unheard", times=4)  # as many as one function's patience
    model.configure(notify={"slack": "unheard", "email": ["reader@example.com"]})
    [notice] = wait_for("the notice", model.notices)
    assert "slack did not take this message: HTTP 500" in " ".join(notice["message"].split())
    [mail] = heard_by_mail(stack, model)
    assert (mail["to"], "HTTP 500" in mail["text"]) == (["reader@example.com"], True)
    [said] = wait_for("the message in Slack", lambda: heard(stack, "slack", model), 180)
    assert "Model created" in said["text"]
    assert [notice] == model.notices()


def test_a_webhook_hears_of_it(stack: Stack) -> None:
    """A model's webhook has the message as JSON; of one without a secret the others tell, once."""
    secret = {"kind": "generic", "url": f"{stack.endpoint_url}/_twin/webhook/loop"}
    stack.client("secretsmanager").create_secret(
        Name="perennial/webhooks/loop", SecretString=json.dumps(secret)
    )
    model = stack.model("hooked").configure(notify={"webhooks": ["loop", "absent"]})
    [call] = wait_for("the call", lambda: heard(stack, "webhook", model))
    assert (call["body"]["outcome"], call["body"]["urgency"]) == ("model_created", "none")
    [notice] = wait_for("the notice", model.notices)
    assert "perennial/webhooks/absent" in notice["message"]


def test_quiet_hours(stack: Stack) -> None:
    """Information waits until it is no longer quiet, and comes as one message; an error does not wait."""
    model = stack.model("asleep")
    now = datetime.now(UTC)
    quiet = f"{now - timedelta(hours=2):%H:%M}-{now + timedelta(hours=2):%H:%M} UTC"
    model.configure(notify={"quiet_hours": quiet})
    model.reconfigure(notify={"quiet_hours": quiet}, gate={"minimum_gain": -0.5})
    wait_for("two messages to be put aside", lambda: len((model.state("waiting") or {}).get("kept", ())) == 2)
    model.drop("empty", {"part.csv": b"income,ratio,region,deny\n"})
    wait_for("the error", model.notices)
    assert [notice["outcome"] for notice in model.notices()] == ["drop_refused"]
    model.reconfigure()
    wait_for("what waited and what ended it", lambda: len(model.notices()) == 3)
    digest = next(notice for notice in model.notices() if notice["outcome"] == "digest")
    assert "Model created" in digest["message"]
    assert "Configuration changed" in digest["message"]
