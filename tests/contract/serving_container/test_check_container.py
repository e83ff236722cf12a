"""Each check of `perennial check-container` fails on a server that has its flaw, and passes on one without."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from flawed_server import flawed

from perennial_cli.contract import answers, lives
from perennial_cli.contract.answers import CHECKS, Case
from perennial_cli.contract.asking import Sample, Server
from perennial_cli.contract.findings import Finding, Report, Rule
from perennial_cli.contract.lives import check_address, check_target, weighed
from perennial_cli.contract.targets import Command, free_port

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name("flawed_server.py")
SAMPLE = Sample(b"1,2,3", "text/csv")
LARGEST = 1_000_000
FLAWS = [
    ("/ping answers", "ill"),
    ("/ping answers", "slow ping"),
    ("/ping has no body", "talkative ping"),
    ("/invocations answers", "no prediction"),
    ("answers name their Content-Type", "no content type"),
    ("SageMaker's headers are taken", "no other headers"),
    ("Content-Type with parameters", "no parameters of types"),
    ("a malformed body is the client's error", "500 for garbage"),
    ("an empty body is the client's error", "200 for nothing"),
    ("an unknown Content-Type is refused", "guesses types"),
    ("other paths and methods are refused", "500 for other paths"),
    ("the largest body", "ill after a large body"),
    ("/ping answers under load", "busy is ill"),
    ("connections are accepted", "one at a time"),
    ("/execution-parameters", "wrong parameters"),
]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not end is waited for a second, not thirty."""
    monkeypatch.setattr(lives, "STOP_SECONDS", 1.0)


@pytest.mark.parametrize(("name", "flaw"), FLAWS)
def test_a_flawed_answer_is_found(name: str, flaw: str) -> None:
    """The check that is about this flaw fails on the server that has it."""
    check = {rule.name: each for rule, each in CHECKS}[name]
    with flawed(flaw) as url:
        seen = check(Case(Server(url), SAMPLE, LARGEST))
    assert seen.kept is False, seen.detail


def test_every_check_has_its_flawed_server() -> None:
    """A check that nothing can fail checks nothing."""
    assert {name for name, _ in FLAWS} == {rule.name for rule, _ in CHECKS}


def test_a_server_without_flaws_passes() -> None:
    """All that an address can be asked is well; what needs a process is said not to be checked."""
    with flawed("none") as url:
        found = list(check_address(Case(Server(url), SAMPLE, LARGEST)))
    assert {each.rule.name: each.detail for each in found if each.status == "failed"} == {}
    assert {each.rule for each in found if each.status == "not checked"} == set(lives.LIFE)


def test_without_a_sample_nothing_is_claimed() -> None:
    """Predictions are not checked where nobody said what the model reads."""
    with flawed("no prediction") as url:
        found = {each.rule.name: each.status for each in check_address(Case(Server(url), None, LARGEST))}
    assert found["/invocations answers"] == "not checked"
    assert found["/ping answers"] == "passed"


def lived(flaw: str, patience: float = 10.0, memory: int | None = None) -> dict[str, Finding]:
    port = free_port()
    target = Command(f"{sys.executable} {SCRIPT} '{flaw}' {port}")
    return {each.rule.name: each for each in check_target(target, port, SAMPLE, LARGEST, patience, memory)}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("rule", "flaw", "told"),
    [
        (lives.STARTS, "never ready", "503"),
        (lives.STARTS, "ends at once", "there is no model"),
        (lives.IN_FLIGHT, "cuts off", "cut off"),
        (lives.EXIT, "ends badly", "exit code 7"),
        (lives.BIND, "own port", "no answer"),
    ],
)
def test_a_flawed_life_is_found(rule: Rule, flaw: str, told: str) -> None:
    """Starting, stopping and listening where it is told: what goes wrong is named, with what was seen."""
    found = lived(flaw, patience=1.0)[rule.name]
    assert found.status == "failed"
    assert told in found.detail


@pytest.mark.usefixtures("quick")
def test_a_server_that_does_not_hear_sigterm_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that SIGTERM ends by itself does not end with 0."""
    assert lived("deaf to SIGTERM")[lives.EXIT.name].status == "failed"


def test_a_life_without_flaws_passes() -> None:
    """The same server, started and stopped, breaks no rule; what only an image has is not checked."""
    found = lived("none")
    assert [each.detail for each in found.values() if each.status == "failed"] == []
    assert {name for name, each in found.items() if each.status == "not checked"} == {
        lives.ROOT.name,
        lives.USER.name,
    }


@pytest.mark.parametrize(
    ("before", "after", "limit", "kept"),
    [
        (1 << 20, 2 << 20, None, True),
        (1 << 20, 2 << 20, 2 << 20, True),
        (1 << 20, 2 << 20, 1 << 20, False),
        (None, 2 << 20, 1 << 20, None),
    ],
)
def test_memory(before: int | None, after: int | None, limit: int | None, kept: bool | None) -> None:
    """Memory is held against the limit that was given, if it can be seen."""
    assert weighed(before, after, limit).kept is kept


MUST, SHOULD = answers.CHECKS[0][0], answers.CHECKS[1][0]


@pytest.mark.parametrize(
    ("broken", "strict", "good"),
    [((), True, True), ((SHOULD,), False, True), ((SHOULD,), True, False), ((MUST,), False, False)],
)
def test_advice_counts_when_asked_for(broken: tuple[Rule, ...], strict: bool, good: bool) -> None:
    """What SageMaker demands decides; advice only with --strict."""
    found = [Finding(rule, "failed" if rule in broken else "passed", "") for rule in (MUST, SHOULD)]
    assert Report("x", tuple(found)).good(strict=strict) is good


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "perennial_cli", "check-container", *arguments],
        env={"PYTHONPATH": f"{ROOT / 'cli'}:{ROOT / 'layers/core'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_tells_people_and_programs() -> None:
    """A broken rule is shown with its text and AWS's page, is in the JSON, and is the exit code."""
    with flawed("ill") as url:
        told = run("--url", url, "--max-body-mb", "0.1")
        read = run("--url", url, "--max-body-mb", "0.1", "--json")
    assert (told.returncode, read.returncode) == (1, 1)
    assert "FAIL  /ping answers" in told.stdout
    assert "docs.aws.amazon.com" in told.stdout
    found = {each["name"]: each for each in json.loads(read.stdout)["findings"]}
    assert (found["/ping answers"]["status"], found["/ping answers"]["level"]) == ("failed", "must")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        pytest.param(["--command", "/nowhere/server"], "/nowhere/server", id="no program"),
        pytest.param(
            ["--url", "http://127.0.0.1:{port}"], "nothing takes connections at", id="nothing listens"
        ),
        pytest.param(["--url", "mymodel"], "'mymodel' is no address such as", id="no address"),
        pytest.param(["--url", "ftp://127.0.0.1"], "is no address such as", id="no HTTP"),
        pytest.param(["--url", "http://127.0.0.1:port"], "Port could not be cast", id="no port"),
    ],
)
def test_what_cannot_run_is_another_exit_code(call: list[str], told: str) -> None:
    """A mistake in the call is no finding about the container, and is told in a line."""
    port = str(free_port())
    done = run(*(word.replace("{port}", port) for word in call), "--port", port)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
