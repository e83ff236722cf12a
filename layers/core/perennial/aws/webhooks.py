"""Webhooks that take JSON: Teams, PagerDuty, or any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perennial.aws.http import post_json


class JsonWebhooks:
    """Implements `perennial.ports.Webhooks`."""

    def post(self, url: str, body: Mapping[str, Any]) -> None:
        post_json(url, body)
