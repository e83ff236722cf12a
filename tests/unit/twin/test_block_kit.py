"""What the twin's Slack refuses of Block Kit, and that our own messages are none of it."""

from typing import Any

import pytest

from perennial.monitoring.summary import Summary
from perennial.names import Names
from perennial.notifications import slack
from perennial.notifications.compose import Place, compose
from perennial_cli.samples import AT, SAMPLES, summary_of
from twin.inbox.block_kit import actions, faults


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": "approve", "text": plain("Approve"), "value": "v", **more}


def section(text: str = "said") -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn(text)}


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        pytest.param([section(), {"type": "divider"}], None, id="good"),
        pytest.param([section()] * 51, "no more than 50", id="too many blocks"),
        pytest.param([{"type": "carousel"}], "unsupported type", id="no such block"),
        pytest.param([{**section(), "block_id": "a"}] * 2, "already exists", id="the same id twice"),
        pytest.param([{"type": "header", "text": plain("x" * 151)}], "less than 151", id="a long header"),
        pytest.param([{"type": "header", "text": mrkdwn("x")}], "plain_text", id="a header in mrkdwn"),
        pytest.param([section("x" * 3001)], "less than 3001", id="a long section"),
        pytest.param([section("")], "more than 0", id="an empty section"),
        pytest.param([{"type": "section"}], "text and fields", id="a section without anything"),
        pytest.param([{"type": "section", "fields": [mrkdwn("f")] * 11}], "10 fields", id="too many fields"),
        pytest.param([{"type": "context", "elements": []}], "1 to 10 elements", id="an empty context"),
        pytest.param([{"type": "actions", "elements": [button()] * 2}], "unique", id="an action twice"),
        pytest.param(
            [{"type": "actions", "elements": [button(value="x" * 2001)]}], "less than 2001", id="a long value"
        ),
        pytest.param(
            [{"type": "actions", "elements": [button(style="loud")]}], "primary or danger", id="a loud button"
        ),
        pytest.param(
            [{"type": "actions", "elements": [button(confirm={"title": plain("Sure?")})]}],
            "must be one of",
            id="half a dialog",
        ),
    ],
)
def test_block_kit_is_held_to_its_limits(blocks: list[dict[str, Any]], told: str | None) -> None:
    """Types, lengths and counts are those of Slack's reference; good blocks have no fault."""
    found = faults(blocks)
    assert (found == []) if told is None else any(told in one for one in found), found


@pytest.mark.parametrize("name", list(SAMPLES))
def test_every_message_of_ours_is_one_that_slack_takes(name: str) -> None:
    """What the notifications render keeps to Block Kit's limits, buttons with intents of full length included."""
    found = summary_of(SAMPLES[name])
    place = Place(Names("perennial"), "perennial-data", "us-east-1")
    message = compose(SAMPLES[name], place, AT, Summary.model_validate(found) if found else None)
    said = slack.render(message, lambda _button, _message: "i" * 1500)
    assert faults(said["blocks"]) == []


def test_actions_are_found_in_sections_too() -> None:
    """A button beside a section is pressed like one in a row of actions."""
    blocks = [
        {**section(), "accessory": button(action_id="open")},
        {"type": "actions", "elements": [button()]},
    ]
    assert [(block, one["action_id"]) for block, one in actions(blocks)] == [
        ("b0", "open"),
        ("b1", "approve"),
    ]
