"""Buttons' tokens: only what we signed, for as long as we said."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perennial.intents import LIFETIME, LONGEST, Action, Expired, Forged, Intent, Keys, issue, sign, verify

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEYS = Keys("k" * 32)
TOKEN = sign(issue("approve", "mortgage", NOW, version=3), KEYS)

seconds = st.integers(0, 2**32).map(lambda second: datetime.fromtimestamp(second, UTC))
intents = st.builds(
    Intent,
    action=st.sampled_from(get_args(Action)),
    model=st.from_regex(r"[a-z][a-z0-9-]{0,40}", fullmatch=True),
    version=st.none() | st.integers(1, 10**6),
    issued=seconds,
    expires=st.just(NOW + LIFETIME),
    nonce=st.text("abcXYZ012-_", min_size=8, max_size=22),
    subject=st.text(max_size=40),
)


@given(intents)
def test_what_was_signed_is_read_back(intent):
    """A token says exactly what was signed, and fits a Slack button."""
    token = sign(intent, KEYS)
    assert len(token) <= LONGEST
    assert verify(token, KEYS, NOW) == intent


@given(st.integers(0, 8 * len(TOKEN) - 1))
def test_any_flipped_bit_is_refused(bit):
    """A token with one bit changed anywhere is forged."""
    changed = bytearray(TOKEN.encode())
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Forged):
        verify(changed.decode("latin-1"), KEYS, NOW)


@given(
    st.text()
    | st.binary().map(lambda data: data.decode("latin-1"))
    | st.sampled_from(["1..", "1.W10.", "\udcff"])
)
def test_anything_else_is_refused(token):
    """What we never signed is forged, whatever it is."""
    with pytest.raises(Forged):
        verify(token, KEYS, NOW)


def test_another_spelling_is_refused():
    """Padding or base64's spare bits make no second spelling of a valid token."""
    body, _, mac = TOKEN.rpartition(".")
    for spelling in (f"{body}.{mac}=", f"{TOKEN}\n", f" {TOKEN}", f"{body}=.{mac}"):
        with pytest.raises(Forged):
            verify(spelling, KEYS, NOW)
    raw = base64.urlsafe_b64decode(mac + "=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same = [mac[:-1] + last for last in alphabet if base64.urlsafe_b64decode(mac[:-1] + last + "=") == raw]
    assert len(same) == 4
    for other in set(same) - {mac}:
        with pytest.raises(Forged):
            verify(f"{body}.{other}", KEYS, NOW)


@pytest.mark.parametrize(
    ("age", "refused"),
    [
        pytest.param(timedelta(0), False, id="fresh"),
        pytest.param(LIFETIME - timedelta(seconds=1), False, id="in its last second"),
        pytest.param(LIFETIME, True, id="expired"),
        pytest.param(LIFETIME * 10, True, id="long gone"),
    ],
)
def test_expiry(age, refused):
    """A token is good until it expires, and not a second longer."""
    if refused:
        with pytest.raises(Expired):
            verify(TOKEN, KEYS, NOW + age)
    else:
        assert verify(TOKEN, KEYS, NOW + age).version == 3


def test_keys_rotate():
    """What the previous key signed stays good during a rotation, and no longer."""
    assert verify(TOKEN, Keys("new", previous=KEYS.key), NOW).action == "approve"
    for keys in (Keys("new"), Keys("new", previous="older"), Keys("new", previous="")):
        with pytest.raises(Forged):
            verify(TOKEN, keys, NOW)


def test_no_key_signs_nothing():
    """An empty key is no key: nobody can forge with it."""
    token = sign(issue("retrain", "mortgage", NOW), Keys(""))
    with pytest.raises(Forged):
        verify(token, Keys(""), NOW)


def test_nonces_differ():
    """Two buttons are never the same button."""
    assert issue("mute", "mortgage", NOW).nonce != issue("mute", "mortgage", NOW).nonce


def test_too_long_is_an_error():
    """A token that Slack would cut off is not made."""
    with pytest.raises(ValueError, match="does not fit"):
        sign(issue("mute", "mortgage", NOW, subject="x" * 2000), KEYS)
