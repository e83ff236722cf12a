"""The model in service, watched: quiet hours, an input that drifts, and the renewal that follows from it.

The hours are real in all but their length: the twin stamps captured traffic with an earlier time.
"""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo import applicants
from demo.applicants import Record, Request
from demo.people import People
from demo.story import Story
from stack.console import Trouble

HOUR = timedelta(hours=1)
TARGET = "deny"


@dataclass
class Watch:
    """What happens to the deployed model of a story afterwards."""

    story: Story
    people: People
    data: Path
    pages: Path
    chance: random.Random = field(default_factory=lambda: random.Random(1990))

    def run(self) -> None:
        now = datetime.now(UTC)
        hour = now.replace(minute=0, second=0, microsecond=0)
        unseen = applicants.read(self.data)  # truth.csv: the applications that no training saw
        known = applicants.read(self.data / "second")
        bent = [applicants.downturn(record, self.chance) for record in known]
        self.chance.shuffle(bent)
        half = len(bent) // 2

        with self.story.show.stage("Quiet hours: traffic like the training data, captured and labelled"):
            for back in (5, 4, 3):
                self.live_through(hour - back * HOUR, unseen, f"quiet-{back}")
        with self.story.show.stage(
            "A downturn: applicants' payments weigh half as much again on their incomes"
        ):
            self.live_through(hour - 2 * HOUR, bent[:half], "downturn-2")
            reported = self.live_through(hour - HOUR, bent[half:], "downturn-1")
        package = self.renew()
        with self.story.show.stage("Approval with the button in Slack, and the endpoint renewed"):
            self.press_approve(package)
            self.story.watch_rollout(package)
        with self.story.show.stage("The next window, of the same downturn"):
            settled = datetime.now(UTC).replace(microsecond=0)
            after = [applicants.downturn(record, self.chance) for record in unseen]
            self.send(after, "after", settled)
            self.people.flush_capture()
            summary = self.analyze(settled, next_second())
            self.quiet(summary)
        self.keep_pages(reported)

    def live_through(self, start: datetime, records: Sequence[Record], name: str) -> dict[str, Any]:
        """One hour of traffic with its labels, and the summary of its window."""
        show = self.story.show
        show.waiting(f"traffic of {start:%H:%M} to {start + HOUR:%H:%M}")
        self.people.capture_as_of(start + HOUR / 6, datetime.now(UTC))
        sent = self.send(records, name, start)
        self.people.flush_capture()
        self.people.capture_as_of(None, datetime.now(UTC))
        summary = self.analyze(start, start + HOUR)
        if name.startswith("quiet"):
            self.quiet(summary)
        else:
            moved = [feature for feature in summary["features"] if feature["tripped"]]
            if not moved:
                raise Trouble(f"The downturn of {start:%H:%M} was not seen: {summary['reason']}")
            show.done(
                f"{self.window(summary)}: {len(sent)} requests, {summary['records']} rows: {summary['reason']}"
            )
            for feature in moved[:5]:
                show.detail(f"{feature['name']}: {feature['baseline']} -> {feature['current']}")
        return summary

    def send(self, records: Sequence[Record], name: str, moment: datetime) -> list[Request]:
        """Asks the endpoint about the records, and drops what became of them as ground truth."""
        sent, ask = list(applicants.requests(records, TARGET, name)), self.story.aws.predict()
        for request in sent:
            ask(request.rows, request.inference_id)
        self.story.aws.put(f"ground-truth/{applicants.folder(moment)}/{name}.jsonl", applicants.labels(sent))
        return sent

    def analyze(self, start: datetime, end: datetime) -> dict[str, Any]:
        """Asks for the analysis of a window, as `perennial analyze` does; its summary."""
        self.story.show.waiting(f"the analysis of {start:%H:%M} to {end:%H:%M}")
        self.story.aws.hint("analyze_traffic", f"data_quality@{stamp(start)}/{stamp(end)}")
        key = f"reports/data_quality/{start:%Y/%m/%d/%H%M}/summary.json"
        summary: dict[str, Any] = self.story.aws.wait(
            f"the report of {start:%H:%M}", lambda: self.story.aws.document_or_none(key)
        )
        return summary

    def quiet(self, summary: dict[str, Any]) -> None:
        """A window like its baseline must trip nothing: that is the promise."""
        if summary["status"] != "ok":
            raise Trouble(f"{self.window(summary)} should be quiet: {summary['reason']}")
        self.story.show.done(f"{self.window(summary)}: {summary['records']} rows, {summary['reason']}")

    def renew(self) -> str:
        """From the alarm to a version that waits for approval; its ARN."""
        story = self.story
        with story.show.stage("The alarm, the message, and one retraining on what the traffic has become"):
            known = set(story.aws.jobs())
            story.show.waiting("the alarm to be answered")
            story.aws.wait("the alarm's answer", lambda: story.decided("drift_found"))
            story.show.waiting("the message in Slack")
            message = story.aws.wait("a Slack message", lambda: self.slack("drift"))
            story.show.done(f"Slack: {message['text'].splitlines()[0]}")
            story.show.waiting("the retraining to start")
            [job] = story.aws.wait(
                "a training job", lambda: [job for job in story.aws.jobs() if job not in known]
            )
            story.tell()
        return story.watch_training(
            str(job), "The retraining: champion against challenger on today's traffic"
        )

    def press_approve(self, package: str) -> None:
        """A person reads the message about the new version and presses its button."""
        version = package.rpartition("/")[2]
        message = self.story.aws.wait(
            "the message with the button", lambda: self.slack(f"version {version}", "approve")
        )
        self.people.press(message["id"], button(message, "approve"))
        self.story.show.done(f"pressed Approve of version {version} in Slack")

    def slack(self, words: str, action: str = "") -> dict[str, Any] | None:
        """The newest Slack message with these words, and with that button if one is named."""
        for message in self.people.messages():
            text = json.dumps(message).lower()
            if message["kind"] == "slack" and words in text and (not action or button(message, action)):
                return message
        return None

    def keep_pages(self, reported: dict[str, Any]) -> None:
        """What is worth a look once the twin is gone."""
        start = datetime.fromisoformat(reported["window"]["start"])
        key = f"reports/data_quality/{start:%Y/%m/%d/%H%M}/report.html"
        self.pages.mkdir(parents=True, exist_ok=True)
        (self.pages / "report.html").write_bytes(self.story.aws.read(key))
        (self.pages / "inbox.html").write_text(self.people.inbox())

    @staticmethod
    def window(summary: dict[str, Any]) -> str:
        start, end = (datetime.fromisoformat(summary["window"][side]) for side in ("start", "end"))
        return f"{start:%H:%M} to {end:%H:%M}"


def button(message: dict[str, Any], action: str) -> str:
    """The action id of a message's button, by the beginning of the id; empty if there is none."""
    for block in message.get("blocks", []):
        for element in block.get("elements", []):
            if str(element.get("action_id", "")).startswith(action):
                return str(element["action_id"])
    return ""


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def next_second() -> datetime:
    """The end of a window of whole seconds that holds all that has happened."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()))
    return end
