"""The inbox: Slack, mail and webhooks as their services answer, and buttons that reach the app."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
from inbox_client import TOKEN, blocks, button, messages, send, slack
from running_twin import Twin, unique

SECRET = "a signing secret"


@pytest.fixture(autouse=True)
def _empty(twin: Twin) -> Iterator[None]:
    """Every test starts with an empty inbox, default settings and no faults."""
    twin.admin("DELETE", "inbox/messages")
    twin.admin(
        "POST", "inbox/settings", callback_url=None, signing_secret=None, bot_token=None, channels=None
    )
    yield
    twin.admin("DELETE", "faults")


# --- the Web API ---


def test_a_message_is_posted_updated_and_found(twin: Twin) -> None:
    """chat.postMessage, chat.update, conversations.history and chat.getPermalink speak of the same message."""
    posted = slack(
        twin, "chat.postMessage", channel="#alerts", text="drift", blocks=blocks(button("approve"))
    )
    assert posted["ok"] is True
    assert posted["message"]["text"] == "drift"
    place = {"channel": posted["channel"], "ts": posted["ts"]}
    updated = slack(twin, "chat.update", **place, text="approved by you")
    assert (updated["ok"], updated["ts"], updated["text"]) == (True, posted["ts"], "approved by you")
    history = slack(twin, "conversations.history", channel=posted["channel"])
    assert [one["text"] for one in history["messages"]] == ["approved by you"]
    (shown,) = messages(twin, "slack")
    link = slack(twin, "chat.getPermalink", channel=posted["channel"], message_ts=posted["ts"])
    assert link["permalink"] == f"{twin.url}/_twin/inbox#{shown['id']}"
    assert (shown["channel_name"], shown["edited"]) == ("alerts", True)
    assert slack(twin, "auth.test")["team_id"].startswith("T")


@pytest.mark.parametrize(
    ("method", "token", "arguments", "error"),
    [
        pytest.param("auth.test", "", {}, "not_authed", id="no token"),
        pytest.param("auth.test", "xoxp-a-person", {}, "invalid_auth", id="no bot's token"),
        pytest.param("chat.postMessage", TOKEN, {"text": "x"}, "channel_not_found", id="no channel"),
        pytest.param(
            "chat.postMessage", TOKEN, {"channel": "#secret", "text": "x"}, "channel_not_found", id="unknown"
        ),
        pytest.param("chat.postMessage", TOKEN, {"channel": "#alerts"}, "no_text", id="nothing said"),
        pytest.param(
            "chat.postMessage",
            TOKEN,
            {"channel": "#alerts", "blocks": [{"type": "carousel"}]},
            "invalid_blocks",
            id="no such block",
        ),
        pytest.param(
            "chat.postMessage",
            TOKEN,
            {"channel": "#alerts", "blocks": blocks(button("a", value="x" * 2001))},
            "invalid_blocks",
            id="a value too long",
        ),
        pytest.param(
            "chat.update", TOKEN, {"channel": "#alerts", "ts": "1.0"}, "message_not_found", id="no message"
        ),
        pytest.param("files.upload", TOKEN, {}, "unknown_method", id="no such method"),
    ],
)
def test_slack_refuses_in_its_own_words(
    twin: Twin, method: str, token: str, arguments: dict[str, Any], error: str
) -> None:
    """An error is an answer with ok false and Slack's code, and nothing arrives."""
    twin.admin("POST", "inbox/settings", channels=["#alerts"])
    answer = slack(twin, method, token, **arguments)
    assert (answer["ok"], answer["error"]) == (False, error)
    assert messages(twin, "slack") == []


def test_the_token_is_the_workspaces_when_it_is_known(twin: Twin) -> None:
    """Once settings name the bot's token, no other one is let in."""
    twin.admin("POST", "inbox/settings", bot_token="xoxb-right")
    assert slack(twin, "auth.test", "xoxb-wrong")["error"] == "invalid_auth"
    assert slack(twin, "auth.test", "xoxb-right")["ok"] is True


def test_an_incoming_webhook_says_ok(twin: Twin) -> None:
    """A message through a webhook lands in the channel of that name."""
    url = f"{twin.url}/_twin/slack/webhook/oncall"
    assert send(url, {"text": "hello"})[::2] == (200, "ok")
    assert send(url, {})[::2] == (400, "no_text")
    (shown,) = messages(twin, "slack")
    assert (shown["channel_name"], shown["text"]) == ("oncall", "hello")


# --- pressing buttons ---


@pytest.fixture
def pressed(twin: Twin) -> dict[str, Any]:
    """The request that a press sent to the app, and the message pressed."""
    callback = f"{twin.url}/_twin/webhook/{unique('callback')}"
    twin.admin("POST", "inbox/settings", callback_url=callback, signing_secret=SECRET)
    slack(twin, "chat.postMessage", channel="#alerts", text="drift", blocks=blocks(button("approve")))
    (message,) = messages(twin, "slack")
    answer = twin.admin("POST", "inbox/press", message=message["id"], action_id="approve", user="ada")
    (call,) = messages(twin, "webhook")
    payload = json.loads(parse_qs(call["body"])["payload"][0])
    return {"answer": answer, "call": call, "payload": payload, "message": message}


def test_a_press_is_slacks_signed_form(pressed: dict[str, Any]) -> None:
    """The app gets a form with the payload of block_actions, signed over its raw body."""
    call, payload, message = pressed["call"], pressed["payload"], pressed["message"]
    headers = {name.lower(): value for name, value in call["headers"].items()}
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    signed = f"v0:{headers['x-slack-request-timestamp']}:{call['body']}".encode()
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-slack-signature"] == f"v0={expected}"
    assert payload["type"] == "block_actions"
    assert payload["user"]["username"] == "ada"
    assert payload["channel"] == {"id": message["channel"], "name": "alerts"}
    assert payload["container"]["message_ts"] == message["ts"] == payload["message"]["ts"]
    (action,) = payload["actions"]
    assert (action["action_id"], action["value"]) == ("approve", "approve-intent")


def test_a_press_is_told_on_its_message(twin: Twin, pressed: dict[str, Any]) -> None:
    """Who pressed what, and how the app answered, stays with the message."""
    assert pressed["answer"]["status"] == 200
    assert pressed["answer"]["in_time"] is True
    (shown,) = messages(twin, "slack")
    assert [(one["by"], one["action_id"], one["status"]) for one in shown["presses"]] == [
        ("ada", "approve", 200)
    ]


def test_a_response_url_replaces_adds_and_wears_out(twin: Twin, pressed: dict[str, Any]) -> None:
    """The app may answer five times: in place of the message, or beside it for the one who pressed."""
    url = pressed["payload"]["response_url"]
    assert send(url, {"replace_original": True, "text": "approved by ada"})[0] == 200
    assert send(url, {"text": "only for you"})[0] == 200
    shown = messages(twin, "slack")
    assert [(one["text"], one["ephemeral"]) for one in shown] == [
        ("only for you", True),
        ("approved by ada", False),
    ]
    for _ in range(3):
        assert send(url, {"text": "again"})[0] == 200
    assert send(url, {"text": "too often"})[::2] == (404, {"ok": False, "error": "used_url"})


def test_a_press_needs_a_callback_and_a_button(twin: Twin) -> None:
    """Without an app to tell, or a button of that name, the press is refused in words."""
    slack(twin, "chat.postMessage", channel="#alerts", text="drift", blocks=blocks(button("approve")))
    (message,) = messages(twin, "slack")
    url = f"{twin.url}/_twin/inbox/press"
    status, _, answer = send(url, {"message": message["id"], "action_id": "approve"})
    assert (status, "no callback yet" in answer["message"]) == (400, True)
    twin.admin("POST", "inbox/settings", callback_url=f"{twin.url}/_twin/webhook/x", signing_secret=SECRET)
    status, _, answer = send(url, {"message": message["id"], "action_id": "dance"})
    assert (status, "no button 'dance'" in answer["message"]) == (400, True)
    assert send(url, {"message": "m0", "action_id": "approve"})[0] == 404


# --- what can go wrong ---


@pytest.mark.parametrize(
    ("fault", "status", "retry"),
    [pytest.param("slack-down", 500, None, id="down"), pytest.param("slack-limit", 429, "1", id="too many")],
)
def test_slack_has_bad_moments_on_request(twin: Twin, fault: str, status: int, retry: str | None) -> None:
    """An armed fault meets one request; the next one is answered."""
    twin.admin("POST", "faults", fault=fault, name="chat.*")
    url, said = f"{twin.url}/_twin/slack/api/chat.postMessage", {"channel": "#alerts", "text": "x"}
    code, headers, _ = send(url, said, Authorization=f"Bearer {TOKEN}")
    assert (code, {k.lower(): v for k, v in headers.items()}.get("retry-after")) == (status, retry)
    assert slack(twin, "chat.postMessage", **said)["ok"] is True


# --- mail and webhooks ---


def test_mail_by_sns_reaches_matching_readers(twin: Twin) -> None:
    """A message published to a topic is one mail to the subscribers whose filter it meets."""
    sns = twin.client("sns")
    topic = sns.create_topic(Name=unique("alerts"))["TopicArn"]
    for reader, model in (("a@example.com", "mortgage"), ("b@example.com", "churn")):
        attributes = {"FilterPolicy": json.dumps({"model": [model]})}
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=reader, Attributes=attributes)
    told = {"model": {"DataType": "String", "StringValue": "mortgage"}}
    sns.publish(TopicArn=topic, Subject="drift", Message="look", MessageAttributes=told)
    (mail,) = messages(twin, "mail")
    assert (mail["via"], mail["to"], mail["subject"], mail["text"]) == (
        "sns",
        ["a@example.com"],
        "drift",
        "look",
    )


def test_mail_by_ses_keeps_both_bodies(twin: Twin) -> None:
    """A mail through SES shows its recipients, its text and its HTML."""
    ses, domain = twin.client("sesv2"), f"{unique('mail')}.example.com"
    ses.create_email_identity(EmailIdentity=domain)
    body = {"Text": {"Data": "look"}, "Html": {"Data": "<b>look</b>"}}
    ses.send_email(
        FromEmailAddress=f"Perennial <news@{domain}>",
        Destination={"ToAddresses": ["a@example.com", "b@example.com"]},
        Content={"Simple": {"Subject": {"Data": "drift"}, "Body": body}},
    )
    (mail,) = messages(twin, "mail")
    assert (mail["via"], mail["to"]) == ("ses", ["a@example.com", "b@example.com"])
    assert (mail["text"], mail["html"]) == ("look", "<b>look</b>")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"routing_key": "R", "event_action": "trigger", "dedup_key": "k"}, 202, id="PagerDuty"),
        pytest.param({"type": "message", "attachments": []}, 202, id="Teams"),
        pytest.param({"any": "thing"}, 200, id="anything"),
    ],
)
def test_a_webhook_keeps_what_is_sent(twin: Twin, body: dict[str, Any], status: int) -> None:
    """Whatever is posted to /_twin/webhook/NAME is kept, and answered as its service would."""
    assert send(f"{twin.url}/_twin/webhook/oncall", body)[0] == status
    (call,) = messages(twin, "webhook")
    assert (call["name"], call["method"], call["body"]) == ("oncall", "POST", body)


# --- the page ---


@pytest.mark.parametrize("name", ["", "/page.css", "/page.js", "/cards.js", "/text.js"])
def test_the_page_comes_whole_from_the_twin(twin: Twin, name: str) -> None:
    """Every file of the page is served, asks nothing of any other host, and may load nothing from one."""
    status, headers, text = send(f"{twin.url}/_twin/inbox{name}")
    assert status == 200
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "https://" not in text.replace("https?:", "")


@pytest.mark.parametrize("name", ["/routes.py", "/../routes.py", "/none.js"])
def test_the_page_serves_nothing_else(twin: Twin, name: str) -> None:
    """Only the page's own files are read."""
    assert send(f"{twin.url}/_twin/inbox{name}")[0] == 404


def test_a_reader_is_told_only_of_changes(twin: Twin) -> None:
    """With the revision it knows, a reader gets the messages only when something changed."""
    now = twin.admin("GET", "inbox/messages")["revision"]
    assert twin.admin("GET", f"inbox/messages?since={now}") == {"revision": now}
    slack(twin, "chat.postMessage", channel="#alerts", text="news")
    assert len(twin.admin("GET", f"inbox/messages?since={now}")["messages"]) == 1
