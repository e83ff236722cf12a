"""Mail through SES, from a sender whose identity is verified."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from perennial.aws.clients import client, code, message
from perennial.errors import ChannelFailed

TRANSIENT = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "Throttling", "InternalFailure", "ServiceUnavailable"}
)


class SesMail:
    """Implements `perennial.ports.Mail`."""

    def __init__(self, sender: str, ses: Any = None) -> None:
        self._sender = sender
        self._ses = ses or client("sesv2")

    def send(self, recipient: str, subject: str, text: str, html: str) -> str:
        parts = {"Text": text, "Html": html}
        content = {
            "Subject": {"Data": subject, "Charset": "UTF-8"},
            "Body": {name: {"Data": data, "Charset": "UTF-8"} for name, data in parts.items()},
        }
        try:
            answer = self._ses.send_email(
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": [recipient]},
                Content={"Simple": content},
            )
        except ClientError as error:
            raise ChannelFailed(f"SES: {message(error)}", transient=code(error) in TRANSIENT) from error
        except BotoCoreError as error:
            raise ChannelFailed(f"SES: {error}", transient=True) from error
        return str(answer["MessageId"])
