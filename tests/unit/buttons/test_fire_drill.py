"""A fire drill, asked for by the API and followed hop by hop."""

from __future__ import annotations

import pytest
from fakes import NOW, config

from perennial import drill
from perennial.decision import Decision
from perennial.errors import ChannelFailed


def answered(world, drill_id):
    """What AnswerAlarm decides of a drill."""
    world.ledger.record(
        Decision(
            "mortgage", f"fire drill {drill_id}", drill.OUTCOME, "a drill", "warning", {"drill": drill_id}
        )
    )


def test_a_drill_rings_the_alarm_with_its_id(call, world):
    """The alarm goes from OK to ALARM, and carries who is to be told."""
    status, body = call("POST", "/fire-drill")
    assert (status, body["status"], body["model"]) == (202, "under_way", "mortgage")
    [(_, before, _), (name, state, data)] = world.alarms.states
    assert (before, name, state) == ("OK", "perennial-fire-drill", "ALARM")
    assert drill.read(data) == drill.Drill(body["id"], "mortgage")


@pytest.mark.parametrize(
    ("record", "status", "hops"),
    [
        pytest.param(None, "under_way", ["alarm", "answer", "message"], id="notify is broken"),
        pytest.param({"status": "claimed"}, "under_way", ["alarm", "answer", "message"], id="begun"),
        pytest.param(
            {"slack": {"failed": "HTTP 503", "at": NOW.isoformat()}, "status": "pending"},
            "under_way",
            ["alarm", "answer", "slack", "message"],
            id="Slack is away",
        ),
        pytest.param(
            {"slack": {"sent": NOW.isoformat(), "channel": "C1", "ts": "1.2"}, "status": "sent"},
            "arrived",
            ["alarm", "answer", "slack", "slack, read back"],
            id="arrived",
        ),
        pytest.param(
            {
                "slack": {"failed": "invalid_auth", "at": NOW.isoformat()},
                "topic": {"sent": NOW.isoformat()},
                "status": "sent",
            },
            "failed",
            ["alarm", "answer", "slack", "topic"],
            id="a wrong token",
        ),
        pytest.param(
            {
                "slack": {"failed": "not configured", "missing": True, "at": NOW.isoformat()},
                "topic": {"sent": NOW.isoformat()},
                "status": "sent",
            },
            "arrived",
            ["alarm", "answer", "slack", "topic"],
            id="Slack is not set up",
        ),
        pytest.param(
            {"slack": {"failed": "no secret", "missing": True, "at": NOW.isoformat()}, "status": "sent"},
            "failed",
            ["alarm", "answer", "slack"],
            id="nothing is set up",
        ),
    ],
)
def test_a_drill_is_followed_hop_by_hop(call, world, record, status, hops):
    """Where the drill is, and where it got lost, is told; only what arrived everywhere has arrived."""
    _, begun = call("POST", "/fire-drill")
    answered(world, begun["id"])
    if record:
        world.state.put("mortgage", f"delivery#{begun['id']}", record)
    _, body = call("GET", f"/fire-drill/{begun['id']}")
    assert (body["status"], [hop["name"] for hop in body["hops"]]) == (status, hops)


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        pytest.param(ChannelFailed("message_not_found"), "failed", id="not there"),
        pytest.param(ChannelFailed("ratelimited", transient=True), "under_way", id="look again"),
    ],
)
def test_a_message_that_is_not_there_has_not_arrived(call, world, failure, status):
    """What Slack took, and does not show, is a failure: nobody read it."""
    _, begun = call("POST", "/fire-drill")
    answered(world, begun["id"])
    record = {"slack": {"sent": NOW.isoformat(), "channel": "C1", "ts": "1.2"}, "status": "sent"}
    world.state.put("mortgage", f"delivery#{begun['id']}", record)
    world.slack.failures = [failure]
    _, body = call("GET", f"/fire-drill/{begun['id']}")
    assert (body["status"], body["hops"][-1]["detail"]) == (status, str(failure))


def test_an_unanswered_drill_says_where_to_look(call):
    """Without an answer the way ends at the alarm."""
    _, begun = call("POST", "/fire-drill")
    _, body = call("GET", f"/fire-drill/{begun['id']}")
    assert [hop["name"] for hop in body["hops"]] == ["alarm", "answer"]
    assert "AnswerAlarm" in body["hops"][-1]["detail"]


def test_a_drill_ends_with_the_alarm_at_rest(call, world):
    """Ending a drill sets the alarm back to OK."""
    _, begun = call("POST", "/fire-drill")
    assert call("DELETE", f"/fire-drill/{begun['id']}")[0] == 200
    assert world.alarms.states[-1][:2] == ("perennial-fire-drill", "OK")


@pytest.mark.parametrize(
    ("drill", "answer"),
    [("no-drill", (404, "no_such_drill")), ("m." + "x" * 2000, (422, "invalid_request"))],
)
def test_what_is_no_drill_is_refused(call, drill, answer):
    """Also an id that is longer than the table's keys, which would be a mistake of ours."""
    for method in ("GET", "DELETE"):
        status, body = call(method, f"/fire-drill/{drill}")
        assert answer == (status, body["error"]["code"])


def test_with_several_models_a_drill_needs_a_name(call, world):
    """Nobody guesses whose channels are meant."""
    world.catalog.put(config(model="loans"), NOW)
    status, body = call("POST", "/fire-drill")
    assert (status, body["error"]["code"]) == (422, "model_needed")
    assert call("POST", "/fire-drill", {"model": "loans"})[0] == 202
