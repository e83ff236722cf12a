"""What a button asks for, signed: short-lived, tied to one model and version, good for one press. Pure.

A token is `1.<payload>.<mac>`: the format's version, the intent as base64url JSON, and the HMAC-SHA256 of
both. The MAC is compared as text, so there is exactly one spelling of a valid token. Whether a token was used
before is a matter of state: see `perennial.reactions.claims`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Self

from perennial.errors import PerennialError

Action = Literal["approve", "reject", "roll_back", "retrain", "mute"]
LIFETIME = timedelta(days=7)
LONGEST = 2000  # characters in the value of a Slack button
_VERSION = "1"


class IntentRefused(PerennialError):
    """The token gives no right to do anything."""


class Forged(IntentRefused):
    """Nothing that we signed, or changed since."""


@dataclass(frozen=True)
class Keys:
    """The secret `<prefix>/intents`. What `previous` signed stays good while keys are rotated."""

    key: str
    previous: str = ""

    @classmethod
    def from_secret(cls, secret: Mapping[str, str]) -> Self:
        return cls(secret["key"], secret.get("previous", ""))


@dataclass(frozen=True)
class Intent:
    """One thing that one press may do. Times are UTC, to the second; `nonce` is unique to the button.

    `version` is the model package version meant, if any; `subject` what else is meant (a mute: "all" or an
    alarm's intent; an approval: `approvals.ALL_THE_SAME`).
    """

    action: Action
    model: str
    version: int | None
    issued: datetime
    expires: datetime
    nonce: str
    subject: str = ""


class Expired(IntentRefused):
    """Ours, and too old."""

    def __init__(self, intent: Intent) -> None:
        super().__init__(f"this button was good until {intent.expires:%Y-%m-%d %H:%M} UTC")
        self.intent = intent


def issue(
    action: Action,
    model: str,
    now: datetime,
    *,
    version: int | None = None,
    subject: str = "",
    lifetime: timedelta = LIFETIME,
) -> Intent:
    """A new intent, valid from now on."""
    issued = now.astimezone(UTC).replace(microsecond=0)
    return Intent(action, model, version, issued, issued + lifetime, secrets.token_urlsafe(12), subject)


def sign(intent: Intent, keys: Keys) -> str:
    """The intent as a token of at most 2000 characters. Raises ValueError when it does not fit."""
    fields = [
        intent.action,
        intent.model,
        intent.version,
        int(intent.issued.timestamp()),
        int(intent.expires.timestamp()),
        intent.nonce,
        intent.subject,
    ]
    body = f"{_VERSION}.{_encode(json.dumps(fields, separators=(',', ':')).encode())}"
    token = f"{body}.{_mac(body, keys.key)}"
    if len(token) > LONGEST:
        raise ValueError(f"a token of {len(token)} characters does not fit a button's {LONGEST}")
    return token


def verify(token: str, keys: Keys, now: datetime) -> Intent:
    """The intent that we signed. Raises Forged or Expired."""
    body, _, mac = token.rpartition(".")
    if len(token) > LONGEST or not _signed(body, mac, keys):
        raise Forged("this button was not made here, or was changed since")
    action, model, version, issued, expires, nonce, subject = json.loads(_decode(body.partition(".")[2]))
    intent = Intent(action, model, version, _time(issued), _time(expires), nonce, subject)
    if now >= intent.expires:
        raise Expired(intent)
    return intent


def _signed(body: str, mac: str, keys: Keys) -> bool:
    if not body.startswith(f"{_VERSION}."):
        return False
    given = mac.encode(errors="replace")
    candidates = [key for key in (keys.key, keys.previous) if key]
    return any(hmac.compare_digest(given, _mac(body, key).encode()) for key in candidates)


def _mac(body: str, key: str) -> str:
    text = f"perennial intent {body}".encode(errors="replace")
    return _encode(hmac.new(key.encode(), text, hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
