"""Every channel's limits hold for any words, and the facts are in every rendering."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rendered import PLACE, sample, signed

from perennial.notifications import generic, html, pagerduty, plain, slack, teams
from perennial.notifications.compose import collect, compose
from perennial.notifications.message import Fact, Link, Moved
from perennial_cli.samples import AT, SAMPLES
from twin.inbox.block_kit import faults

NASTY = st.text(st.characters(), max_size=200) | st.sampled_from(
    [
        "<!channel>",
        "</td><script>",
        "*_~`",
        "a" * 5000,
        "&amp;" * 900,
        "\ud800",
        "\0\x1b[31m",
        "\u202eabc",
        "",
    ]
)
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])

MANY = settings(FEW, max_examples=8, suppress_health_check=list(HealthCheck))


@st.composite
def messages(draw, outcome=None):
    """A message whose every word came from somewhere else, with up to a thousand features."""
    many = draw(st.integers(0, 1000))
    base = sample(outcome or draw(st.sampled_from(sorted(SAMPLES))))
    moved = tuple(
        Moved(
            draw(NASTY),
            draw(NASTY),
            draw(NASTY),
            draw(st.floats() | st.none()),
            draw(st.floats() | st.none()),
        )
        for _ in range(draw(st.integers(0, 5)))
    )
    return replace(
        base,
        title=draw(NASTY),
        ask=draw(NASTY),
        why=draw(NASTY),
        did=draw(NASTY),
        fact=draw(NASTY),
        log=draw(NASTY),
        moved=moved,
        features=many,
        facts=tuple(Fact(draw(NASTY), draw(NASTY)) for _ in range(draw(st.integers(0, 40)))),
        notes=tuple(draw(st.lists(NASTY, max_size=4))),
        links=(*base.links, Link(draw(NASTY), "https://example.com/?a=1&b=<2>")),
    )


class TestSlack:
    @FEW
    @given(messages())
    def test_slack_takes_any_message(self, message):
        """Blocks, headers, sections, fields and values are within Slack's limits, and none is empty."""
        _check(slack.render(message, signed))

    @MANY
    @given(st.lists(messages(), min_size=2, max_size=60), st.integers(0, 10_000))
    def test_slack_takes_any_digest(self, parts, left_out):
        """However many messages wait, their digest is one message that Slack takes."""
        _check(slack.render(collect(parts, "quiet hours", AT, left_out), signed))

    @given(NASTY, st.integers(2, 300))
    def test_escaping_never_passes_the_limit_nor_cuts_an_escape(self, text, limit):
        """Nobody is called and no markup is smuggled in; an ampersand is always a whole entity."""
        escaped = slack.escaped(text, limit)
        assert len(escaped) <= limit
        assert "<" not in escaped
        assert ">" not in escaped
        assert escaped.count("&") == sum(escaped.count(entity) for entity in ("&amp;", "&lt;", "&gt;"))

    @pytest.mark.parametrize("name", SAMPLES)
    def test_nothing_is_made_a_link_or_a_mention(self, name):
        """Slack parses no word by itself: a column may be called @here or like a channel."""
        texts = list(_texts(slack.render(sample(name), signed)))
        assert texts
        assert all(text["verbatim"] for text in texts)

    def test_dangerous_buttons_ask_first(self):
        """Rolling back and rejecting stop what serves: Slack asks whether that is meant."""
        blocks = slack.render(sample("quality_lost"), signed)["blocks"]
        [actions] = [block for block in blocks if block["type"] == "actions"]
        buttons = {button["action_id"]: button for button in actions["elements"]}
        assert ["roll_back", "retrain", "mute"] == list(buttons)
        assert "danger" == buttons["roll_back"]["style"]
        assert "danger" == buttons["roll_back"]["confirm"]["style"]
        assert "confirm" not in buttons["mute"]

    def test_the_last_version_of_a_digest_has_the_buttons(self):
        """Two versions wait for approval: only the newer can still be meant."""
        pending = SAMPLES["version_registered"]
        older = replace(pending, reason="older", details={**pending.details, "version": "2"})
        parts = [compose(older, PLACE, datetime(2026, 3, 1, 1, tzinfo=UTC)), compose(pending, PLACE, AT)]
        rendered = slack.render(collect(parts, "quiet", AT), signed)
        labels = [
            element["text"]["text"]
            for block in rendered["blocks"]
            if block["type"] == "actions"
            for element in block["elements"]
        ]
        assert ["Approve 3", "Reject 3"] == labels


def _check(message):
    blocks = message["blocks"]
    assert not faults(blocks)  # a second opinion: the laptop twin's reading of Slack's reference
    assert 1 <= len(blocks) <= 50
    json.dumps(message).encode()
    for block in blocks:
        match block["type"]:
            case "header":
                assert 1 <= len(block["text"]["text"]) <= 150
            case "section":
                texts = [block["text"]] if "text" in block else block["fields"]
                assert 1 <= len(texts) <= 10
                limit = 3000 if "text" in block else 2000
                assert all(1 <= len(text["text"]) <= limit for text in texts)
            case "context":
                assert 1 <= len(block["elements"]) <= 10
            case "actions":
                assert 1 <= len(block["elements"]) <= 25
                for button in block["elements"]:
                    assert 1 <= len(button["text"]["text"]) <= 75
                    assert 1 <= len(button["value"]) <= 2000
                    assert "confirm" not in button or len(button["confirm"]["title"]["text"]) <= 100
    assert len(json.dumps(message)) < 100_000


def _texts(part):
    """Every text object with markup, however deep."""
    if isinstance(part, dict) and part.get("type") == "mrkdwn":
        yield part
    below = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for each in below:
        yield from _texts(each)


class TestMail:
    @FEW
    @given(messages())
    def test_any_message_is_a_mail(self, message):
        """The subject is one line of ASCII; a line is at most 72 columns, unless a word or a log line is longer."""
        subject, body = plain.subject(message), plain.body(message)
        assert subject.isascii()
        assert len(subject) <= 100
        assert subject.isprintable()
        body.encode()
        prose = body.partition("\nLog:\n")[0] if message.log else body
        for line in prose.splitlines():
            assert len(line) <= 72 or any(len(word) > 40 for word in line.split()), line

    @FEW
    @given(messages())
    def test_any_message_is_a_document(self, message):
        """Words from outside open no tag; nothing is loaded; Gmail shows all of it."""
        document = html.render(message)
        tags = _Tags()
        tags.feed(document)
        assert "script" not in tags.seen
        assert not tags.open
        assert not {"img", "link", "iframe"} & tags.seen
        assert len(document.encode()) < 102_000

    @MANY
    @given(st.lists(messages(), min_size=2, max_size=60))
    def test_any_digest_is_a_mail(self, parts):
        """However many messages wait, SNS and Gmail take their digest whole."""
        digest = collect(parts, "quiet hours", AT, 3)
        assert len(html.render(digest).encode()) < 102_000
        assert len(plain.body(digest).encode()) < 256_000

    @pytest.mark.parametrize("name", SAMPLES)
    def test_the_first_line_says_whether_to_act(self, name):
        """At three in the morning the first words decide whether to get up."""
        message = sample(name)
        calls = {"now": "ACT NOW.", "soon": "NEEDS YOU, BUT CAN WAIT.", "none": "NOTHING TO DO."}
        assert plain.body(message).startswith(calls[message.urgency])
        assert ("ACT NOW" in plain.subject(message)) == ("now" == message.urgency)


class _Tags(HTMLParser):
    """The tags of a document, and those left open."""

    def __init__(self):
        super().__init__()
        self.seen, self.open = set(), []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag == self.open.pop()


class TestWebhooks:
    @FEW
    @given(messages())
    def test_teams_takes_any_message(self, message):
        """A card of at most 28 KB in the envelope of Power Automate; data only where nothing is markup."""
        envelope = teams.render(message)
        assert len(json.dumps(envelope, ensure_ascii=False).encode()) <= 28_000
        [attachment] = envelope["attachments"]
        assert "application/vnd.microsoft.card.adaptive" == attachment["contentType"]
        card = attachment["content"]
        assert {"RichTextBlock"} == {element["type"] for element in card["body"]}
        assert all(run["text"] for element in card["body"] for run in element["inlines"])
        assert len(card["actions"]) <= 6

    @FEW
    @given(messages())
    def test_pagerduty_takes_any_message(self, message):
        """Summary and key fit; information that ends nothing is not sent."""
        for event in pagerduty.events([message], "r"):
            assert 1 <= len(event["dedup_key"]) <= 255
            if event["event_action"] == "trigger":
                assert 1 <= len(event["payload"]["summary"]) <= 1024
                assert event["payload"]["severity"] in ("critical", "error", "warning", "info")
                assert len(json.dumps(event).encode()) < 512_000

    @FEW
    @given(messages())
    def test_any_message_is_json(self, message):
        """Figures that JSON does not know do not break whoever reads it."""
        text = json.dumps(generic.render(message))
        json.loads(text, parse_constant=pytest.fail)

    def test_an_alarm_and_its_end_are_one_incident(self):
        """The key names stack, model and intent, so the end of an alarm closes what it opened."""
        [begun] = pagerduty.events([sample("drift_found")], "r")
        [over] = pagerduty.events([sample("alarm_cleared")], "r")
        assert "perennial/mortgage/data-quality" == begun["dedup_key"] == over["dedup_key"]
        assert ("trigger", "resolve") == (begun["event_action"], over["event_action"])

    def test_a_drill_rings_and_closes_itself(self):
        """An exercise arrives at the pager, and leaves nothing to tidy up."""
        events = pagerduty.events([sample("fire_drill")], "r")
        assert ["trigger", "resolve"] == [event["event_action"] for event in events]
        assert "info" == events[0]["payload"]["severity"]

    @pytest.mark.parametrize(
        ("name", "severity"),
        [("errors_high", "critical"), ("training_failed", "error"), ("latency_high", "warning")],
    )
    def test_only_what_cannot_wait_is_critical(self, name, severity):
        """The pager's own rules decide whom to wake by the severity."""
        assert severity == pagerduty.events([sample(name)], "r")[0]["payload"]["severity"]
