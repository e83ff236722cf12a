"""`perennial preview` shows what would be sent, without a stack."""

import json
from pathlib import Path

import pytest

from perennial_cli.__main__ import CHANNELS, main
from perennial_cli.samples import SAMPLES

ROOT = Path(__file__).parents[3]


def test_samples_are_listed(capsys):
    """Without a name the command says which there are."""
    main(["preview"])
    shown = capsys.readouterr().out
    assert not [name for name in SAMPLES if name not in shown]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_sample_is_shown_for_a_channel(channel, capsys):
    """Each channel has its own look, and the facts are in each."""
    main(["preview", "drift_found", "--channel", channel])
    shown = capsys.readouterr().out
    assert "The data drifted" in shown
    assert "pirat" in shown


def test_an_event_from_the_bus_is_shown(capsys):
    """What was sent, or will be, can be looked at again from its event."""
    main(["preview", str(ROOT / "events/decision_made.json"), "--channel", "email"])
    assert "Version 2 waits for your approval" in capsys.readouterr().out


def test_a_stack_of_another_name_is_named_in_commands(capsys):
    """What a reader copies works."""
    main(["--stack", "prod", "preview", "version_registered", "--channel", "email"])
    assert "perennial --stack prod approve mortgage 3" in capsys.readouterr().out


def test_the_terminal_shows_slack_without_markup(capsys):
    """A person reads words and buttons, not asterisks and entities."""
    main(["preview", "quality_lost", "--channel", "slack"])
    shown = capsys.readouterr().out
    assert "[ Roll back ]  [ Retrain now ]  [ Mute for 24 h ]" in shown
    assert "*" not in shown
    assert "&amp;" not in shown


def test_files_are_written(tmp_path, capsys):
    """One file for each channel, to open or to post by hand."""
    main(["preview", "drift_found", "--out", str(tmp_path)])
    names = {path.name for path in tmp_path.iterdir()}
    assert {"slack.json", "email.txt", "email.html", "teams.json", "pagerduty.json", "generic.json"} == names
    assert json.loads((tmp_path / "slack.json").read_text())["blocks"]


@pytest.mark.parametrize(
    "content", [None, '{"detail": {"model": "m"}}', "[]", "{", "\0", '{"model": "m", "time": "noon"}']
)
def test_what_is_no_decision_is_said_to_be_none(content, tmp_path):
    """A misspelt name or another file ends in one sentence."""
    path = tmp_path / "event.json"
    if content:
        path.write_text(content)
    with pytest.raises(SystemExit, match=r"event\.json"):
        main(["preview", str(path)])


def test_what_is_no_summary_is_said_to_be_none(tmp_path):
    """Another file than a window's summary.json ends in one sentence."""
    path = tmp_path / "other.json"
    path.write_text("{")
    with pytest.raises(SystemExit, match=r"other\.json is no summary\.json of a window$"):
        main(["preview", str(ROOT / "events/decision_made.json"), "--summary", str(path)])
