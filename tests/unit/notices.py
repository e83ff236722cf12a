"""News, and a world with every channel: what the tests of notices share."""

from fakes import InMemoryMail, InMemoryWorld, config

from perennial.decision import Decision
from perennial.errors import ChannelFailed
from perennial.events import NoticeDetail
from perennial.reactions.notify import delivery_name

NOTICE = NoticeDetail(
    model="mortgage",
    fact="training job x Completed",
    outcome="version_registered",
    reason="PendingManualApproval: the gate asks a person",
    news="info",
    details={"version": "2", "approval": "PendingManualApproval"},
)
DOWN = ChannelFailed("HTTP 503", transient=True)
WRONG = ChannelFailed("chat.postMessage: channel_not_found")
SLACK = {"bot_token": "xoxb", "channel": "C0001", "signing_secret": "shh"}


def notice(number=0, **changes):
    """News that differs by its number."""
    return NOTICE.model_copy(update={"reason": f"reason {number}", **changes})


def document(world, told):
    """What is remembered of a delivery."""
    decision = Decision(told.model, told.fact, told.outcome, told.reason, told.news, told.details)
    return world.state.get(told.model, delivery_name(decision))


def listening():
    """A world where Slack, a pager and two readers by mail listen."""
    made = InMemoryWorld(mail=InMemoryMail())
    settings = {"email": ["ann@example.org", "bob@example.org"], "webhooks": ["oncall"]}
    made.catalog.configs["mortgage"] = config(notify=settings)
    made.secrets.values |= {
        "slack/default": SLACK,
        "webhooks/oncall": {"kind": "pagerduty", "routing_key": "r"},
        "intents": {"key": "k" * 64},
    }
    return made
