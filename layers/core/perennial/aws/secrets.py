"""The stack's secrets in Secrets Manager, remembered for a few minutes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from perennial.aws.clients import client, code
from perennial.errors import ChannelFailed

FRESH = 300.0  # seconds: a rotated secret is in use after that
MISSING_FRESH = 30.0  # somebody may just be setting the channel up
MOST = 100  # secrets remembered
_ABSENT = {"ResourceNotFoundException", "InvalidRequestException"}  # the second: marked for deletion


class SecretsManager:
    """Implements `perennial.ports.Secrets`."""

    def __init__(self, prefix: str, secrets: Any = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._prefix = prefix
        self._secrets = secrets or client("secretsmanager")
        self._clock = clock
        self._known: dict[str, tuple[float, Mapping[str, str] | None]] = {}

    def get(self, name: str) -> Mapping[str, str] | None:
        """Raises ChannelFailed when the secret is not a JSON object."""
        until, value = self._known.get(name, (0.0, None))
        if self._clock() >= until:
            value = self._read(name)
            if len(self._known) >= MOST:  # whoever makes names up must not fill the memory
                self._known.clear()
            self._known[name] = (self._clock() + (MISSING_FRESH if value is None else FRESH), value)
        return value

    def _read(self, name: str) -> Mapping[str, str] | None:
        try:
            answer = self._secrets.get_secret_value(SecretId=f"{self._prefix}/{name}")
        except ClientError as error:
            if code(error) in _ABSENT:
                return None
            raise
        try:
            value = json.loads(answer.get("SecretString", ""))
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ChannelFailed(f"the secret {self._prefix}/{name} is not a JSON object")
        return {str(key): str(item) for key, item in value.items() if item is not None}
