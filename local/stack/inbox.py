"""Slack and mail for a stack on the twin: what leaves it arrives in the twin's inbox."""

import json
import secrets
import urllib.request
from typing import Any

from stack.twin_process import Twin

CHANNEL = "#ml-alerts"


def verify_sender(ses: Any, address: str) -> None:
    """What a person does with a click in a mail from AWS: without it SES sends nothing."""
    ses.verify_email_identity(EmailAddress=address)


def connect(twin: Twin, secretsmanager: Any, stack_name: str, callback_url: str) -> None:
    """Puts the secret `<stack>/slack/default`, and tells the inbox where presses of buttons go, signed with what."""
    signing_secret = secrets.token_hex(16)
    secret = {
        "bot_token": "xoxb-local",
        "channel": CHANNEL,
        "signing_secret": signing_secret,
        "api_url": f"{twin.endpoint}/_twin/slack/api",
    }
    name, text = f"{stack_name}/slack/default", json.dumps(secret)
    known = [found["Name"] for found in secretsmanager.list_secrets()["SecretList"]]
    if name in known:
        secretsmanager.put_secret_value(SecretId=name, SecretString=text)
    else:
        secretsmanager.create_secret(Name=name, SecretString=text)
    settings = {"callback_url": callback_url.rstrip("/") + "/slack/default", "signing_secret": signing_secret}
    request = urllib.request.Request(
        f"{twin.endpoint}/_twin/inbox/settings", json.dumps(settings).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=10):
        pass
