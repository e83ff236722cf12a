"""Slack's signature, held to Slack's own documented example."""

from __future__ import annotations

import pytest

from perennial.slack_signature import is_fresh, is_genuine, sign

# https://api.slack.com/authentication/verifying-requests-from-slack
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
TIMESTAMP = "1531420618"
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
    b"96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def test_slacks_documented_example():
    """Our signature of Slack's example is Slack's."""
    assert sign(SECRET, TIMESTAMP, BODY) == SIGNATURE
    assert is_genuine(SECRET, TIMESTAMP, BODY, SIGNATURE)


@pytest.mark.parametrize(
    ("secret", "timestamp", "body", "signature"),
    [
        pytest.param("other", TIMESTAMP, BODY, SIGNATURE, id="another secret"),
        pytest.param("", TIMESTAMP, BODY, sign("", TIMESTAMP, BODY), id="no secret"),
        pytest.param(SECRET, "1531420619", BODY, SIGNATURE, id="another time"),
        pytest.param(SECRET, TIMESTAMP, BODY + b"x", SIGNATURE, id="another body"),
        pytest.param(SECRET, TIMESTAMP, BODY, SIGNATURE[:-1] + "4", id="another signature"),
        pytest.param(SECRET, TIMESTAMP, BODY, "", id="no signature"),
        pytest.param(SECRET, TIMESTAMP, BODY, "v0=\u00e9\udcff", id="no hex"),
    ],
)
def test_anything_else_is_not_genuine(secret, timestamp, body, signature):
    """Secret, time, body and signature must belong together."""
    assert not is_genuine(secret, timestamp, body, signature)


@pytest.mark.parametrize(
    ("timestamp", "fresh"),
    [
        ("1000", True),
        ("700", True),
        ("1300", True),
        ("699", False),
        ("1301", False),
        ("", False),
        ("-1000", False),
        ("1000.5", False),
        ("1e3", False),
        ("\u0661", False),
        ("9" * 400, False),
    ],
)
def test_clock(timestamp, fresh):
    """A request is fresh within five minutes of our clock; what is no number of seconds is not."""
    assert is_fresh(timestamp, 1000.0) is fresh
