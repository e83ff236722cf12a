"""The alerts topic on SNS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from perennial.aws.clients import client


class SnsTopic:
    def __init__(self, arn: str, sns: Any = None) -> None:
        self._arn = arn
        self._sns = sns or client("sns")

    def publish(
        self, subject: str, message: str, attributes: Mapping[str, str], recipients: Sequence[str]
    ) -> None:
        values = {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
        }
        if recipients:
            values["recipients"] = {"DataType": "String.Array", "StringValue": json.dumps(list(recipients))}
        self._sns.publish(TopicArn=self._arn, Subject=subject, Message=message, MessageAttributes=values)

    def subscribe(self, addresses: Sequence[str]) -> Sequence[str]:
        """Subscribe those who are not yet, each to the messages that name them as a recipient.

        The filter names the address, not the model, so it never has to change: SNS drops what goes to an
        unconfirmed subscription, and its filter cannot be changed before the person has confirmed.
        """
        known = self._known()
        new = [address for address in addresses if address not in known]
        for address in new:
            policy = json.dumps({"recipients": [address]})
            self._sns.subscribe(
                TopicArn=self._arn, Protocol="email", Endpoint=address, Attributes={"FilterPolicy": policy}
            )
        return new

    def _known(self) -> set[str]:
        pages = self._sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._arn)
        return {
            item["Endpoint"]
            for page in pages
            for item in page["Subscriptions"]
            if item["Protocol"] == "email"
        }
