"""JSON by POST to addresses that people put into secrets. No redirects, short timeouts, small answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

from perennial.errors import ChannelFailed

SECONDS = 10.0
LONGEST_ANSWER = 64 * 1024
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


@cache
def _pool() -> Any:
    """botocore's HTTP library. Imported here: most functions post nothing."""
    import urllib3

    return urllib3.PoolManager(timeout=SECONDS, retries=False)


def post_json(url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> bytes:
    """What a 2xx answer holds. Raises ChannelFailed, whose text never holds the address: it may be a secret.

    A redirect is a failure: it would send a token or a message to an address that nobody wrote down.
    """
    return _post(url, json.dumps(body).encode(), "application/json; charset=utf-8", headers)


def post_form(url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None) -> bytes:
    """The same with a form, which some of Slack's methods insist on."""
    return _post(url, urlencode(fields).encode(), "application/x-www-form-urlencoded", headers)


def _post(url: str, data: bytes, content_type: str, headers: Mapping[str, str] | None) -> bytes:
    from urllib3.exceptions import HTTPError, LocationParseError

    if not url.lower().startswith(("https://", "http://")):
        raise ChannelFailed("the address in the secret is no https:// address")
    sent = {"Content-Type": content_type, "User-Agent": "perennial", **(headers or {})}
    try:
        answer = _pool().request("POST", url, body=data, headers=sent, redirect=False, preload_content=False)
        with answer:
            said: bytes = answer.read(LONGEST_ANSWER)
    except (LocationParseError, ValueError) as error:  # a line break in a token is a ValueError
        raise ChannelFailed("the secret holds an address or a token that HTTP cannot carry") from error
    except (HTTPError, OSError) as error:
        raise ChannelFailed(f"no answer ({type(error).__name__})", transient=True) from error
    if 200 <= answer.status < 300:
        return said
    text = said[:300].decode(errors="replace").strip()
    raise ChannelFailed(
        f"HTTP {answer.status}" + (f": {text}" if text else ""),
        transient=answer.status in TRANSIENT,
        retry_after=seconds(answer.headers.get("Retry-After")),
    )


def seconds(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds; its other form, a date, is taken as not given."""
    return float(retry_after) if retry_after and retry_after.strip().isdecimal() else None
