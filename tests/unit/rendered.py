"""The preview's samples as messages, and buttons with real intents."""

from perennial.intents import Keys, issue, sign
from perennial.monitoring.summary import Summary
from perennial.names import Names
from perennial.notifications.compose import Place, compose
from perennial_cli.samples import AT, SAMPLES, summary_of

PLACE = Place(Names("perennial"), "perennial-data", "eu-central-1")
KEYS = Keys("k" * 64)


def signed(button, message):
    """A button's value."""
    return sign(issue(button.action, message.model, AT, version=button.version, subject=button.subject), KEYS)


def sample(name):
    """A sample with the figures of its window."""
    found = summary_of(SAMPLES[name])
    return compose(SAMPLES[name], PLACE, AT, Summary.model_validate(found) if found else None)
