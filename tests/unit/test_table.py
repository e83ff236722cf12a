"""What the ledger's table remembers for ever, what it lets go, and what it cannot read any more."""

from datetime import UTC, datetime, timedelta

import pytest

from perennial.aws.table import Table, TableCatalog, TableState
from perennial.errors import ConfigError


class Recorder:
    """DynamoDB as far as it is asked here: it takes items."""

    def __init__(self):
        self.items = []

    def put_item(self, TableName, Item):  # noqa: N803 - boto3's names
        self.items.append(Item)

    def get_item(self, TableName, Key, ConsistentRead):  # noqa: N803
        return {"Item": {"body": {"S": '{"model": "mortgage", "gone": 1}'}}}


def test_a_configuration_of_another_release_is_told():
    """What this release does not read says so, and how to go on; it is no mistake of ours."""
    with pytest.raises(ConfigError, match=r"upload models/mortgage/model\.yaml again"):
        TableCatalog(Table("ledger", Recorder())).get("mortgage")


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
