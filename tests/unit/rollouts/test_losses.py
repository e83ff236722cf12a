"""A rollout that ended badly is not tried again before its version is approved anew."""

from datetime import timedelta

import pytest
from fakes import NOW

from perennial.losses import REMEMBERED, Loss, barring, forgiven, remembered


def loss(version=2, config="a", settings_only=False):
    return Loss(
        version, f"m-v{version}-{config}", "rolled_back", "slow", NOW.isoformat(), settings_only=settings_only
    )


@pytest.mark.parametrize(
    ("lost", "version", "config", "barred"),
    [
        pytest.param(loss(), 2, "a", True, id="itself"),
        pytest.param(loss(), 2, "b", True, id="the version with other settings"),
        pytest.param(loss(), 1, "a", False, id="another version"),
        pytest.param(loss(settings_only=True), 2, "a", True, id="settings that failed"),
        pytest.param(loss(settings_only=True), 2, "b", False, id="settings that did not"),
    ],
)
def test_what_a_loss_bars(lost, version, config, barred):
    """The version whatever its settings; only the settings where the version had served well."""
    assert barred == (barring([lost], version, f"m-v{version}-{config}") is not None)


@pytest.mark.parametrize(
    ("version", "approved_at", "left"),
    [
        pytest.param(2, NOW + timedelta(minutes=1), 0, id="approved anew"),
        pytest.param(2, None, 0, id="approved now"),
        pytest.param(2, NOW, 1, id="a late copy of the approval before"),
        pytest.param(3, NOW + timedelta(minutes=1), 1, id="another version"),
    ],
)
def test_what_an_approval_forgives(version, approved_at, left):
    """Losses that began before it, of its own version: a late copy of an older approval is none."""
    assert left == len(forgiven([loss()], version, approved_at))


def test_a_second_loss_replaces_the_first():
    """One for each config, and not more than a few: the document stays small."""
    assert (loss(),) == remembered([loss()], loss())
    many = ()
    for version in range(REMEMBERED + 5):
        many = remembered(many, loss(version))
    assert (REMEMBERED, REMEMBERED + 4) == (len(many), many[-1].version)
