"""Every channel's limits hold for any words, and the facts are in every rendering."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perennial.decision import Decision
from perennial.intents import Keys, issue, sign
from perennial.monitoring.summary import Summary
from perennial.names import Names
from perennial.notifications import generic, html, pagerduty, plain, slack, teams
from perennial.notifications.compose import Place, collect, compose
from perennial.notifications.kinds import KINDS
from perennial.notifications.message import Fact, Link, Moved
from perennial_cli.samples import AT, SAMPLES, summary_of
from twin.inbox.block_kit import faults

PLACE = Place(Names("perennial"), "perennial-data", "eu-central-1")
KEYS = Keys("k" * 64)
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
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

MANY = settings(FEW, max_examples=8, suppress_health_check=list(HealthCheck))


def signed(button, message):
    return sign(issue(button.action, message.model, AT, version=button.version, subject=button.subject), KEYS)


def sample(name):
    found = summary_of(SAMPLES[name])
    return compose(SAMPLES[name], PLACE, AT, Summary.model_validate(found) if found else None)


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


def decided(outcome, **details):
    return Decision("mortgage", "fact", outcome, "reason", "warning", details)


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


RENDERINGS = {
    "slack": lambda message: json.dumps(slack.render(message, signed), ensure_ascii=False),
    "plain": lambda message: " ".join(plain.body(message).split()),
    "html": html.render,
    "teams": lambda message: json.dumps(teams.render(message), ensure_ascii=False),
    "generic": lambda message: json.dumps(generic.render(message), ensure_ascii=False),
    "pagerduty": lambda message: json.dumps(pagerduty.events([message], "r"), ensure_ascii=False),
}


class TestFacts:
    @pytest.mark.parametrize("channel", RENDERINGS)
    def test_every_channel_has_the_facts(self, channel):
        """What drifted, from what to what, what was done about it, and where to look."""
        text = RENDERINGS[channel](sample("drift_found"))
        facts = [
            "The data drifted",
            "pirat",
            "mean 0.33, sd 0.11",
            "mean 0.52, sd 0.12",
            "0.41",
            "1,234 rows",
        ]
        facts += [
            "moved away from the training data",
            "etraining started: dataset 0123456789ab",
            "report.html",
        ]
        assert not [fact for fact in facts if fact not in text]

    @pytest.mark.parametrize("channel", RENDERINGS)
    def test_at_most_five_features_are_shown(self, channel):
        """The ones that moved most; the report has the others."""
        text = RENDERINGS[channel](sample("drift_found"))
        assert "endpointOutput_score" in text
        assert "other_0" not in text

    @pytest.mark.parametrize("channel", ["slack", "plain", "html", "teams", "generic", "pagerduty"])
    def test_a_failed_training_shows_its_log(self, channel):
        """The last lines say what was wrong, without a login."""
        assert "hyperparameter misspelt is unknown; known are" in RENDERINGS[channel](
            sample("training_failed")
        )

    @pytest.mark.parametrize("name", SAMPLES)
    @pytest.mark.parametrize("channel", ["slack", "plain", "html", "teams", "generic"])
    def test_every_sample_reads_well(self, name, channel):
        """No placeholder is left, and what is said is said once."""
        text = RENDERINGS[channel](sample(name))
        assert "{version}" not in text
        assert "{model}" not in text
        assert "None" not in text

    def test_a_report_is_reached_by_the_console(self):
        """A link that a login opens, tomorrow as well."""
        links = {link.label: link.url for link in sample("drift_found").links}
        assert links["Report"].startswith(
            "https://eu-central-1.console.aws.amazon.com/s3/object/perennial-data?"
        )
        assert "report.html" in links["Report"]
        assert links["Endpoint"].endswith("#/endpoints/perennial-mortgage")

    @pytest.mark.parametrize(
        ("region", "domain"),
        [("cn-north-1", "console.amazonaws.cn"), ("us-gov-west-1", "console.amazonaws-us-gov.com")],
    )
    def test_other_partitions_have_their_own_console(self, region, domain):
        """China and GovCloud are other places."""
        message = compose(SAMPLES["drift_found"], replace(PLACE, region=region), AT)
        assert all(f"https://{region}.{domain}/" in link.url for link in message.links)


class TestUrgency:
    @pytest.mark.parametrize(
        ("outcome", "news", "action", "urgency"),
        [
            ("schema_broken", "error", "retraining would learn garbage", "now"),
            ("drift_found", "warning", "nothing but telling", "soon"),
            ("drift_found", "warning", "retraining started: on dataset x", "none"),
            ("drift_found", "error", "nothing but telling", "now"),
            ("quality_lost", "error", "retraining withheld: cooldown; rollback started: to 2", "soon"),
            ("quality_lost", "error", "rollback withheld: none is left", "now"),
            ("latency_high", "warning", "scaling adjusted: 4 instances", "none"),
            ("alarm_cleared", "info", "", "none"),
            ("something_new", "error", "", "now"),
            ("something_new", "warning", "", "soon"),
            ("something_new", "info", "", "none"),
        ],
    )
    def test_people_are_asked_for_what_the_system_did_not_do(self, outcome, news, action, urgency):
        """Only an error that nothing was done about asks somebody out of bed."""
        details = {"action": action} if action else {}
        message = compose(Decision("m", "fact", outcome, "reason", news, details), PLACE, AT)
        assert urgency == message.urgency

    def test_what_was_done_is_said_once(self):
        """An alarm's reason ends in its action, which has a place of its own."""
        message = sample("drift_found")
        assert message.did.startswith("Retraining started:")
        assert "etraining started" not in message.why

    def test_an_outcome_without_a_row_is_told_all_the_same(self):
        """A new decision is news before anybody wrote its row."""
        message = compose(decided("moon_eclipsed"), PLACE, AT)
        assert "Moon eclipsed" == message.title

    def test_approving_needs_a_version(self):
        """A message that names none has no button to approve one."""
        assert () == compose(decided("version_registered", approval="Rejected"), PLACE, AT).buttons

    @pytest.mark.parametrize("name", KINDS)
    def test_every_row_reads(self, name):
        """Its placeholders are all filled in."""
        outcome, _, approval = name.partition("/")
        message = compose(decided(outcome, version="3", approval=approval), PLACE, AT)
        assert "{" not in message.title + message.ask + message.did
