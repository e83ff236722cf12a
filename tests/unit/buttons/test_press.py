"""Slack's callback: what is genuine, fresh, ours and unused is handed on; everything else is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from fakes import NOW, InMemoryWorld

from perennial.errors import TransientError
from perennial.intents import LIFETIME, Keys, issue, sign
from perennial.reactions import claims
from perennial.reactions.press import LARGEST, Request, press
from perennial.slack_signature import sign as slack_signature

KEYS = Keys("intents' key")
SECRET = "slack's signing secret"
INTENT = issue("approve", "mortgage", NOW, version=3)
TOKEN = sign(INTENT, KEYS)
MESSAGE = {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "new version"}}]}


@pytest.fixture
def world():
    """A stack whose Slack is set up."""
    world = InMemoryWorld()
    world.secrets.values = {"slack/default": {"signing_secret": SECRET}, "intents": {"key": KEYS.key}}
    return world


def payload(token=TOKEN, **changes):
    """The form that Slack posts."""
    content = {
        "type": "block_actions",
        "user": {"id": "U1", "username": "ada", "name": "ada"},
        "actions": [{"action_id": "approve", "type": "button", "value": token}],
        "response_url": "https://hooks.slack.com/actions/T1/1/x",
        "container": {"type": "message", "channel_id": "C1", "message_ts": "1.2"},
        "message": MESSAGE,
    } | changes
    return urlencode({"payload": json.dumps(content)}).encode()


def request(body=None, at=NOW, secret=SECRET, path="/slack/default", method="POST"):
    """A request as Slack signs it."""
    body = payload() if body is None else body
    timestamp = str(int(at.timestamp()))
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-slack-request-timestamp": timestamp,
        "x-slack-signature": slack_signature(secret, timestamp, body),
    }
    return Request(method, path, headers, body)


def test_a_genuine_press_is_handed_on(world):
    """Who asked for what, and the message to answer, are on the bus before Slack has its 200."""
    assert press(request(), world).status == 200
    [asked] = world.hints.asked
    assert (asked.action, asked.model, asked.version, asked.by) == ("approve", "mortgage", 3, "@ada")
    assert asked.id == INTENT.nonce
    assert asked.message.response_url.startswith("https://hooks.slack.com/")
    assert asked.message.blocks == tuple(MESSAGE["blocks"])
    assert (asked.message.slack, asked.message.channel, asked.message.ts) == ("default", "C1", "1.2")


@pytest.mark.parametrize(
    ("made", "status"),
    [
        pytest.param(lambda: request(method="GET"), 405, id="method"),
        pytest.param(lambda: request(method="PUT"), 405, id="another method"),
        pytest.param(lambda: request(path="/"), 401, id="no workspace"),
        pytest.param(lambda: request(path="/slack/other"), 401, id="unknown workspace"),
        pytest.param(lambda: request(path="/slack/../intents"), 401, id="another secret"),
        pytest.param(lambda: request(path="/slack/default/more"), 401, id="a longer path"),
        pytest.param(lambda: request(secret="guessed"), 401, id="another signing secret"),
        pytest.param(lambda: request(secret=""), 401, id="no signing secret"),
        pytest.param(lambda: replace(request(), body=payload() + b" "), 401, id="body changed"),
        pytest.param(lambda: replace(request(), headers={}), 401, id="unsigned"),
        pytest.param(lambda: request(at=NOW - timedelta(minutes=5, seconds=1)), 401, id="stale"),
        pytest.param(lambda: request(at=NOW + timedelta(minutes=5, seconds=1)), 401, id="from the future"),
        pytest.param(lambda: request(b"x" * (LARGEST + 1)), 413, id="oversized"),
        pytest.param(lambda: request(payload(TOKEN[:-1])), 403, id="forged token"),
        pytest.param(lambda: request(payload(sign(INTENT, Keys("guessed")))), 403, id="another key's token"),
    ],
)
def test_anything_else_is_refused(world, made, status):
    """A wrong request gets its 4xx, leaves nothing behind, and starts nothing."""
    answer = press(made(), world)
    assert (answer.status, bool(answer.refused)) == (status, True)
    assert not world.hints.asked
    assert not world.state.documents


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload=",
        b"payload=[]",
        b"payload=%7B%7D",
        b"ssl_check=1",
        b"\xff\xfe",
        b"payload=" + b"[" * 100_000,
        payload(token=""),
        payload(type="view_submission"),
        payload(user=None),
    ],
)
def test_what_is_no_press_is_acknowledged(world, body):
    """Slack also tells of clicks on links and the like: nothing to do."""
    assert press(request(body), world).status == 200
    assert not world.hints.asked


def test_a_replayed_press_is_refused(world):
    """The same request, or the same button pressed again, is handed on once."""
    assert press(request(), world).status == 200
    assert press(request(), world).status == 409
    assert press(request(at=NOW + timedelta(minutes=4)), world).status == 409
    assert len(world.hints.asked) == 1


def test_a_press_stays_used_after_it_was_acted_on(world):
    """What was done is not done again, however much later it is pressed."""
    press(request(), world)
    [asked] = world.hints.asked
    assert claims.begin(asked, "event", world)
    world.time += timedelta(days=1)
    assert press(request(at=world.time), world).status == 409


def test_an_expired_button_is_explained_and_not_acted_on(world):
    """The person hears why, and only that is put on the bus."""
    world.time = NOW + LIFETIME
    assert press(request(at=world.time), world).status == 403
    [asked] = world.hints.asked
    assert "was good until 2026-03-08 12:00 UTC" in asked.refused


def test_a_press_that_could_not_be_handed_on_may_be_repeated(world):
    """A bus that fails once costs the person a second press, not the button."""
    ask, failures = world.hints.ask, [TransientError("the bus is away")]

    def unreliable(action):
        if failures:
            raise failures.pop()
        ask(action)

    world.hints.ask = unreliable
    with pytest.raises(TransientError):
        press(request(), world)
    assert press(request(), world).status == 200
    assert len(world.hints.asked) == 1


def test_a_press_whose_handler_died_may_be_repeated(world):
    """A claim that nobody acted on is free again after a minute."""
    press(request(), world)
    world.hints.asked.clear()
    world.time += timedelta(minutes=2)
    assert press(request(at=world.time), world).status == 200


def test_a_message_too_large_for_the_bus_is_left_out(world):
    """EventBridge takes 256 KB: a giant message is answered without its blocks."""
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}] * 60
    assert press(request(payload(message={"blocks": blocks})), world).status == 200
    assert world.hints.asked[0].message.blocks == ()


def test_any_workspace_has_its_own_secret(world):
    """The path names the workspace; one workspace's secret does not open another's."""
    world.secrets.values["slack/risk"] = {"signing_secret": "other"}
    assert press(request(path="/slack/risk"), world).status == 401
    assert press(request(path="/slack/risk", secret="other"), world).status == 200


@pytest.mark.parametrize(
    ("approvers", "status"),
    [("U1", 200), ("U2, U1", 200), ("U2 U3", 403), ("U11", 403), ("", 200)],
)
def test_a_workspace_may_name_who_presses(world, approvers, status):
    """With `approvers` in the secret nobody else acts: they hear why, and the button stays good."""
    world.secrets.values["slack/default"] = {"signing_secret": SECRET, "approvers": approvers}
    assert press(request(), world).status == status
    [asked] = world.hints.asked
    assert bool(asked.refused) == (status == 403)
    assert bool(world.state.documents) == (status == 200)
