"""Secrets as strangers may make us look for them."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from perennial.aws.secrets import MOST, SecretsManager


class Secrets:
    """Secrets Manager, with one secret."""

    def __init__(self, **values):
        self.values = values
        self.asked = 0

    def get_secret_value(self, SecretId):  # noqa: N803 - AWS names it so
        self.asked += 1
        if SecretId not in self.values:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        return {"SecretString": json.dumps(self.values[SecretId])}


def test_nothing_is_no_text():
    """A null in a secret is a key that is not there, not a signing secret that anybody can guess."""
    secrets = SecretsManager(
        "perennial", Secrets(**{"perennial/slack/default": {"signing_secret": None, "a": 1}})
    )
    assert secrets.get("slack/default") == {"a": "1"}


def test_made_up_names_do_not_fill_the_memory():
    """However many names strangers make up, a bounded number is remembered; what was asked just now still is."""
    asked = Secrets()
    secrets = SecretsManager("perennial", asked)
    for number in range(5 * MOST):
        assert secrets.get(f"slack/{number}") is None
    assert len(secrets._known) <= MOST
    assert secrets.get(f"slack/{5 * MOST - 1}") is None
    assert asked.asked == 5 * MOST
