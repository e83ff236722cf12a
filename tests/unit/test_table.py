"""What the ledger's table remembers for ever, and what it lets go."""

from datetime import UTC, datetime, timedelta

import pytest

from perennial.aws.table import Table, TableState


class Recorder:
    """DynamoDB as far as it is asked here: it takes items."""

    def __init__(self):
        self.items = []

    def put_item(self, TableName, Item):  # noqa: N803 - boto3's names
        self.items.append(Item)


@pytest.mark.parametrize(
    ("name", "days"),
    [
        ("window#data_quality#2026-03-01T10:00:00Z", 60),
        ("delivery#0123456789ab", 30),
        ("intent#0123", 30),
        ("drop#first", None),
        ("dataset#0123456789ab", None),
        ("rollout", None),
        ("retraining", None),
    ],
)
def test_what_has_done_its_duty_goes(name, days):
    """Documents of passing things get a time to live; what decisions rest on stays."""
    table = Recorder()
    TableState(Table("ledger", table)).put("mortgage", name, {"status": "done"})
    [item] = table.items
    assert ("expires" in item) == (days is not None)
    if days:
        left = datetime.fromtimestamp(int(item["expires"]["N"]), UTC) - datetime.now(UTC)
        assert timedelta(days=days) - left < timedelta(minutes=1)
