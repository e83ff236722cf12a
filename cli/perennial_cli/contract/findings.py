"""What came of the checks, and how a person and a program read it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["must", "should"]
Status = Literal["passed", "failed", "not checked"]
MARKS = {"passed": "ok  ", "failed": "FAIL", "not checked": "  - "}
GUIDE = "https://docs.aws.amazon.com/sagemaker/latest/dg/"
WIDTH = 100


@dataclass(frozen=True)
class Rule:
    """What is asked of a container: SageMaker's own rule (`must`), or what breaks in practice (`should`)."""

    name: str
    level: Level
    text: str
    page: str  # of the SageMaker developer guide

    @property
    def source(self) -> str:
        return GUIDE + self.page


@dataclass(frozen=True)
class Finding:
    """A rule, and what was seen."""

    rule: Rule
    status: Status
    detail: str


@dataclass(frozen=True)
class Report:
    """All findings about one container."""

    subject: str
    findings: tuple[Finding, ...]

    def good(self, *, strict: bool) -> bool:
        """No `must` is broken; with `strict`, no `should` either."""
        return not [
            each
            for each in self.findings
            if each.status == "failed" and (strict or each.rule.level == "must")
        ]

    def as_json(self) -> str:
        found = [
            {**asdict(each.rule), "source": each.rule.source, "status": each.status, "detail": each.detail}
            for each in self.findings
        ]
        return json.dumps(
            {"container": self.subject, "passed": self.good(strict=False), "findings": found}, indent=2
        )

    def lines(self) -> Iterator[str]:
        """A table for people: what failed has the rule and where AWS says so below it."""
        yield f"{self.subject}\n"
        width = max(len(each.rule.name) for each in self.findings)
        for each in self.findings:
            yield f"{MARKS[each.status]}  {each.rule.name:<{width}}  {each.detail}"
            if each.status == "failed":
                says = "SageMaker" if each.rule.level == "must" else "Advice"
                yield from textwrap.wrap(
                    f"{says}: {each.rule.text}", WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8
                )
                yield f"        {each.rule.source}"
        yield ""
        yield summary(self.findings)


def summary(findings: Sequence[Finding]) -> str:
    count = {status: len([each for each in findings if each.status == status]) for status in MARKS}
    broken = len([each for each in findings if each.status == "failed" and each.rule.level == "must"])
    text = f"{count['passed']} passed, {count['failed']} failed, {count['not checked']} not checked"
    if not count["failed"]:
        return f"{text}: SageMaker can run it"
    return text + (f": {broken} of SageMaker's rules are broken" if broken else ": advice only")
