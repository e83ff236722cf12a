"""What a person asks for is done once, by the rules, and answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fakes import NAMES, NOW, InMemoryWorld, config

from perennial.decision import Decision
from perennial.deployment import EndpointState, Rollout
from perennial.errors import ChannelFailed, TransientError
from perennial.events import ActionDetail, SlackMessage
from perennial.losses import Loss
from perennial.notifications.compose import Place, compose
from perennial.reactions.act import act, approve, mute, reject, unmute

URL = "https://hooks.slack.com/actions/T1/1/x"
BLOCKS = (
    {"type": "section", "block_id": "a", "text": {"type": "mrkdwn", "text": "new version"}},
    {
        "type": "actions",
        "block_id": "b",
        "elements": [
            {"type": "button", "action_id": "approve", "value": "1.a.b"},
            {"type": "button", "action_id": "reject", "value": "1.c.d"},
            {"type": "button", "action_id": "mute", "value": "1.e.f"},
        ],
    },
)
MESSAGE = SlackMessage(slack="default", response_url=URL, channel="C1", ts="1.2", block="b", blocks=BLOCKS)


@pytest.fixture
def world():
    """A model with a version that waits, one that serves, and a Slack."""
    world = InMemoryWorld(time=NOW + timedelta(hours=2, minutes=3))
    world.catalog.put(config(), NOW)
    for approval in ("Approved", "Approved", "PendingManualApproval"):
        world.registry.add("mortgage", approval)
    world.endpoints.endpoints["perennial-mortgage"] = EndpointState(
        "perennial-mortgage", "InService", "perennial-mortgage-v2-0123ab"
    )
    world.secrets.values["slack/default"] = {"bot_token": "xoxb", "channel": "C1"}
    return world


def asked(action="approve", **changes):
    """A press of one of the message's buttons by Ada."""
    made = {"id": "nonce", "action": action, "model": "mortgage", "version": 3, "by": "@ada"}
    return ActionDetail(**{**made, "message": MESSAGE, **changes})


def approval(world, version):
    return world.registry.get("mortgage", version).approval


def buttons(message):
    return [
        element["action_id"]
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def test_an_approval_takes_effect_and_is_written_on_the_message(world):
    """The version is approved with who and when; the message says so and has no such buttons any more."""
    decision = act(asked(), "event", world)
    assert decision.outcome == "approved"
    assert approval(world, 3) == "Approved"
    assert world.registry.get("mortgage", 3).decided == "approved by @ada at 2026-03-01 14:03 UTC"
    [(url, message)] = world.slack.responses
    assert (url, message["replace_original"]) == (URL, True)
    assert message["blocks"][0] == BLOCKS[0]
    assert buttons(message) == ["mute"]
    assert message["blocks"][-1]["elements"][0]["text"] == "approved by @ada at 14:03 UTC"
    assert world.ledger.decisions[-1].details["by"] == "@ada"


def test_a_rejection_takes_effect(world):
    """A rejected version is Rejected in the registry, with who."""
    assert act(asked("reject"), "event", world).outcome == "rejected"
    assert approval(world, 3) == "Rejected"


def test_each_asking_is_acted_on_once(world):
    """The same press, delivered again as the same or another event, does nothing more."""
    assert act(asked(), "event", world)
    world.registry.set_approval("mortgage", 3, "PendingManualApproval")
    assert act(asked(), "event", world) is None
    assert act(asked(), "another event", world) is None
    assert approval(world, 3) == "PendingManualApproval"
    assert len(world.slack.responses) == 1


def test_what_was_approved_already_is_an_answer(world):
    """A second person hears who was faster; nothing changes."""
    act(asked(), "event", world)
    decision = act(asked(id="another", by="@bob"), "event 2", world)
    assert decision.outcome == "nothing"
    assert "approved by @ada" in decision.reason
    assert "@bob asked to approve" in world.slack.responses[-2][1]["text"]
    assert world.slack.responses[-1][1]["response_type"] == "ephemeral"


@pytest.mark.parametrize(
    ("function", "version", "before", "outcome", "after"),
    [
        pytest.param(approve, 3, "PendingManualApproval", "approved", "Approved", id="approve what waits"),
        pytest.param(reject, 3, "PendingManualApproval", "rejected", "Rejected", id="reject what waits"),
        pytest.param(reject, 3, "Approved", "rejected", "Rejected", id="reject what was approved"),
        pytest.param(approve, 3, "Rejected", "approval_refused", "Rejected", id="approve what was rejected"),
        pytest.param(reject, 3, "Rejected", "nothing", "Rejected", id="rejected already"),
        pytest.param(approve, 3, "Approved", "nothing", "Approved", id="approved already"),
    ],
)
def test_the_rules_of_approval(world, function, version, before, outcome, after):
    """Only what waits is approved; what waits or was approved is rejected; the rest is answered."""
    world.registry.set_approval("mortgage", version, before)
    assert function("mortgage", version, world, by="@ada", reason="why").outcome == outcome
    assert approval(world, version) == after
    assert world.ledger.outcomes == [outcome]


def test_the_button_on_a_refusal_approves_all_the_same(world):
    """A message that says that the gate refused a version has a button to approve it, and that button does."""
    world.registry.set_approval("mortgage", 3, "Rejected")
    details = {"version": "3", "approval": "Rejected"}
    refused = Decision("mortgage", "a job ended", "version_registered", "Rejected: worse", "warning", details)
    place = Place(NAMES, "data", "eu-central-1")
    [button] = [each for each in compose(refused, place, NOW).buttons if each.action == "approve"]
    assert act(asked("approve", subject=button.subject), "event", world).outcome == "approved"
    assert approval(world, 3) == "Approved"


def test_a_version_that_is_not_there_is_refused(world):
    """Nobody approves thin air."""
    decision = approve("mortgage", 7, world, by="@ada")
    assert (decision.outcome, decision.reason) == ("approval_refused", "there is no version 7")


@pytest.mark.parametrize("status", ["failed", "rolled_back"])
def test_a_failed_rollout_may_be_approved_once_more(world, status):
    """A new approval of the same version tries its rollout again."""
    name = "perennial-mortgage-v2-0123ab"
    loss = Loss(2, name, status, "an alarm fired", NOW.isoformat())
    world.state.rollouts["mortgage"] = Rollout(name, 2, NOW, status, lost=(loss,))
    assert approve("mortgage", 2, world, by="@ada").outcome == "approved"


def test_a_mute_lasts_a_day(world):
    """What the button is about is muted for 24 hours, and the mute button goes."""
    decision = act(asked("mute", subject="data-quality"), "event", world)
    assert decision.outcome == "muted"
    assert world.state.get("mortgage", "mute") == {
        "until": "2026-03-02T14:03:00+00:00",
        "by": "@ada",
        "what": "data-quality",
    }
    assert buttons(world.slack.responses[-1][1]) == ["approve", "reject"]


def test_a_mute_can_be_ended(world):
    """After an unmute no mute is in force."""
    mute("mortgage", world, until=world.now() + timedelta(days=9), by="@ada")
    unmute("mortgage", world, by="@bob")
    assert world.state.get("mortgage", "mute")["until"] <= world.now().isoformat()
    assert world.ledger.outcomes == ["muted", "unmuted"]


def test_a_rollback_rejects_what_serves(world):
    """The version in service makes way for the approved one before it."""
    assert act(asked("roll_back", version=2), "event", world).outcome == "rollback_started"
    assert approval(world, 2) == "Rejected"


@pytest.mark.parametrize(("action", "version"), [("roll_back", 1), ("retrain", None)])
def test_what_cannot_be_done_is_explained(world, action, version):
    """A withheld action is told to the person alone, and stands on the message without its button."""
    decision = act(asked(action, version=version), "event", world)
    assert decision.outcome.endswith("_withheld")
    whisper = world.slack.responses[-1][1]
    assert whisper["response_type"] == "ephemeral"
    assert whisper["thread_ts"] == "1.2"
    assert decision.reason[:30] in whisper["text"]


def test_a_button_of_another_row_stays(world):
    """In a digest only the answered message's buttons go."""
    other = {**BLOCKS[1], "block_id": "c"}
    message = MESSAGE.model_copy(update={"blocks": (*BLOCKS, other)})
    act(asked(message=message), "event", world)
    assert buttons(world.slack.responses[-1][1]) == ["mute", "approve", "reject", "mute"]


def test_names_are_no_markup(world):
    """Whoever calls themselves <!channel> pages nobody."""
    act(asked(by="@<!channel>"), "event", world)
    assert "<!channel>" not in str(world.slack.responses)


def test_a_used_up_address_is_made_good(world):
    """When the press's address is no longer good, the message is updated where it stands."""
    world.slack.respond = _failing(ChannelFailed("HTTP 404: expired_url"))
    act(asked(), "event", world)
    [(channel, ts, message)] = world.slack.updated
    assert (channel, ts) == ("C1", "1.2")
    assert "approved by @ada" in message["text"]


def test_an_answer_that_cannot_be_given_is_in_the_ledger(world):
    """A channel without a bot and with a used-up address: what was done stays done, and the loss is on record."""
    world.secrets.values["slack/default"] = {"webhook_url": "https://hooks.slack.com/x"}
    world.slack.respond = _failing(ChannelFailed("HTTP 404: expired_url"))
    assert act(asked(), "event", world).outcome == "approved"
    assert world.ledger.outcomes == ["approved", "answer_failed"]


def test_a_message_that_cannot_be_updated_is_in_the_ledger(world):
    """Somebody deleted the message: what was done stays done, and no retry, nor a dead letter, brings it back."""
    world.slack.respond = _failing(ChannelFailed("HTTP 404: expired_url"))
    world.slack.update = _failing(ChannelFailed("chat.update: message_not_found"))
    assert act(asked(), "event", world).outcome == "approved"
    assert "message_not_found" in world.ledger.decisions[-1].reason
    assert act(asked(), "event", world) is None


def test_a_retry_only_answers_what_was_done(world):
    """When Slack was away, the retry of the event tells what the first attempt did, and does nothing twice."""
    world.secrets.values["slack/default"] = {"webhook_url": "https://hooks.slack.com/x"}
    respond, world.slack.respond = world.slack.respond, _failing(ChannelFailed("HTTP 503", transient=True))
    with pytest.raises(ChannelFailed):
        act(asked(), "event", world)
    world.slack.respond = respond
    assert act(asked(), "event", world).outcome == "approved"
    assert world.ledger.outcomes == ["approved"]
    assert "approved by @ada" in world.slack.responses[-1][1]["text"]


def test_what_went_wrong_is_told_once_and_tried_again(world):
    """The person hears of an unforeseen failure at once; Lambda's retry goes on with it."""
    decide, world.registry.decide = world.registry.decide, _failing(PermissionError("not <!channel> allowed"))
    for _ in range(2):
        with pytest.raises(PermissionError):
            act(asked(), "event", world)
    [(_, whisper)] = world.slack.responses
    assert "tried again" in whisper["text"]
    assert "not &lt;!channel&gt; allowed" in whisper["text"]
    world.registry.decide = decide
    assert act(asked(), "event", world).outcome == "approved"


def test_what_may_pass_is_not_told(world):
    """A conflict is for the retry, not for the person."""
    world.registry.decide = _failing(TransientError("busy"))
    with pytest.raises(TransientError):
        act(asked(), "event", world)
    assert not world.slack.responses


def test_a_refused_press_is_only_explained(world):
    """Nothing is done but to tell the person why."""
    assert act(asked(refused="@<!here> may not press buttons"), "event", world) is None
    assert approval(world, 3) == "PendingManualApproval"
    [(_, whisper)] = world.slack.responses
    assert (whisper["response_type"], whisper["text"]) == (
        "ephemeral",
        "@&lt;!here&gt; may not press buttons",
    )


def test_without_a_message_nobody_is_answered(world):
    """What was asked for by other ways is done as well."""
    assert act(asked(message=None), "event", world).outcome == "approved"
    assert not world.slack.responses


def _failing(error):
    def fail(*args, **kwargs):
        raise error

    return fail
