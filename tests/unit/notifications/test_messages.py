"""What a message says: the facts, on every channel, and whether to act."""

import json
from dataclasses import replace

import pytest
from rendered import PLACE, sample, signed

from perennial.decision import Decision
from perennial.names import Names
from perennial.notifications import generic, html, pagerduty, plain, slack, teams
from perennial.notifications.compose import collect, compose
from perennial.notifications.kinds import KINDS
from perennial_cli.samples import AT, SAMPLES


def decided(outcome, **details):
    return Decision("mortgage", "fact", outcome, "reason", "warning", details)


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
        machine = channel in ("generic", "pagerduty")
        assert ("endpointOutput_score" if machine else "the score") in text
        assert "other_0" not in text

    def test_commands_name_another_stack(self):
        """Whoever copies a command asks the stack that the message came from."""
        message = compose(SAMPLES["analysis_failed"], replace(PLACE, names=Names("fraud")), AT)
        assert "perennial --stack fraud analyze mortgage" in message.ask
        digest = collect([message, message], "quiet hours", AT, left_out=3)
        for channel in ("slack", "plain", "html"):
            assert "perennial --stack fraud ledger mortgage" in RENDERINGS[channel](digest)

    def test_a_models_name_is_no_markup(self):
        """Also one that no model.yaml could have, in whose folder somebody put something."""
        assert "<i>" not in html.render(replace(sample("configuration_refused"), model="<i>", stack="<i>"))

    def test_a_window_that_was_given_up_is_not_promised(self):
        """analysis_failed is told once nothing tries it again: what is said is how a person has it analysed."""
        message = sample("analysis_failed")
        assert "perennial analyze mortgage" in message.ask
        assert "passed by" in message.did

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
