"""The alerts topic on SNS."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from perennial.aws.clients import client


class SnsTopic:
    def __init__(self, arn: str, sns: Any = None) -> None:
        self._arn = arn
        self._sns = sns or client("sns")

    def publish(self, subject: str, message: str, attributes: Mapping[str, str]) -> None:
        self._sns.publish(
            TopicArn=self._arn,
            Subject=subject,
            Message=message,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
            },
        )

    def subscribe(self, model: str, addresses: Iterable[str]) -> None:
        """One subscription an address for all its models: SNS has one per endpoint, so its filter grows."""
        wanted = list(addresses)
        if not wanted:
            return
        existing = self._subscriptions()
        for address in wanted:
            arn = existing.get(address)
            if arn is None:
                policy = json.dumps({"model": [model]})
                self._sns.subscribe(
                    TopicArn=self._arn, Protocol="email", Endpoint=address, Attributes={"FilterPolicy": policy}
                )
            elif arn.startswith("arn:"):  # else it waits for the person's confirmation
                self._widen(arn, model)

    def _subscriptions(self) -> dict[str, str]:
        pages = self._sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._arn)
        return {
            item["Endpoint"]: item["SubscriptionArn"]
            for page in pages
            for item in page["Subscriptions"]
            if item["Protocol"] == "email"
        }

    def _widen(self, arn: str, model: str) -> None:
        attributes = self._sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        policy = json.loads(attributes.get("FilterPolicy") or "{}")
        models = policy.get("model")
        # No filter at all: this address hears of everything (the stack's own subscription).
        if models is not None and model not in models:
            policy["model"] = [*models, model]
            self._sns.set_subscription_attributes(
                SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=json.dumps(policy)
            )
