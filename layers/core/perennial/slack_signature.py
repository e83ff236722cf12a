"""Slack's request signature, version 0, and its clock. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re

TOLERANCE = 5 * 60  # seconds; Slack's own advice against replays
_SECONDS = re.compile(r"[0-9]{1,15}")


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """What Slack sends as X-Slack-Signature for a raw body and its X-Slack-Request-Timestamp."""
    base = b"v0:" + timestamp.encode(errors="replace") + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def is_genuine(secret: str, timestamp: str, body: bytes, signature: str) -> bool:
    """Whether Slack made this request, whenever that was. The comparison takes the same time for any signature."""
    if not secret:
        return False
    return hmac.compare_digest(sign(secret, timestamp, body).encode(), signature.encode(errors="replace"))


def is_fresh(timestamp: str, now: float) -> bool:
    """Whether a request's clock is within five minutes of ours (both in seconds since the epoch)."""
    return _SECONDS.fullmatch(timestamp) is not None and abs(now - int(timestamp)) <= TOLERANCE
