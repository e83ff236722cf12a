"""How the image is built and judged: engines, budgets, what pip is told, what is in it, what is known of it."""

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stack import image_build, image_supply
from stack.console import Trouble
from stack.image_base import OFFICIAL, OWN, base, pull, wanted
from stack.image_build import TARGETS, Built, pip_conf, secrets, table
from stack.image_engine import Engine, candidates, find, first_that_runs
from stack.image_supply import Audit, Inventory, audit, bill, judge, strangers
from stack.image_test import audited, not_checked

ROOT = Path(__file__).parents[3]
SERVE = TARGETS[0]


def test_every_target_of_the_dockerfile_is_built() -> None:
    """A target that is added is built, weighed and tried as well; only the common base is none of its own."""
    stages = {
        line.split()[-1]
        for line in (ROOT / "container/Dockerfile").read_text().splitlines()
        if line.startswith("FROM ")
    }
    assert stages - {"base"} == {target.stage or target.name for target in TARGETS}


def test_every_variant_of_a_target_is_built() -> None:
    """A lock file that the Dockerfile can be told to install instead has its own image, built and tried as well."""
    locks = {path.stem for path in (ROOT / "container/requirements").glob("serve*.txt")}
    assert locks == {target.name for target in TARGETS if "serve" in (target.name, target.stage)}
    for target in TARGETS:
        assert target.arguments == ((f"SERVE={Path(target.lock).stem}",) if target.stage else ())


def test_the_context_has_what_the_dockerfile_copies() -> None:
    """What .dockerignore does not let in can't be copied."""
    let_in = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    copied = {
        line.split()[1]
        for line in (ROOT / "container/Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
    }
    assert copied == let_in


def test_an_engine_that_does_not_answer_is_said() -> None:
    """Where neither Docker nor Podman is, a person is told what to install."""
    with pytest.raises(Trouble, match="no-such-engine info"):
        find({"ENGINE": "no-such-engine"})


@dataclass(frozen=True)
class OfflineEngine(Engine):
    """An engine without a registry, and the images that are there."""

    images: frozenset[str] = frozenset()

    def call(self, *arguments: str, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
        known = arguments[:2] == ("image", "inspect") and arguments[-1] in self.images
        return subprocess.CompletedProcess(arguments, 0 if known else 125, "", "no such host")


@pytest.mark.parametrize(
    ("images", "chosen"),
    [
        pytest.param({OFFICIAL}, OFFICIAL, id="official"),
        pytest.param({OFFICIAL, OWN}, OFFICIAL, id="official before our own"),
        pytest.param({OWN}, OWN, id="our own"),
    ],
)
def test_a_base_image_that_is_here_is_taken(images: set[str], chosen: str) -> None:
    """Nothing is fetched or made where there is a base image, and Python's own comes first."""
    assert base(OfflineEngine(("podman",), images=frozenset(images))) == chosen


@pytest.mark.parametrize(
    ("engine_answers", "there", "expected"),
    [
        pytest.param(False, set(), ["podman", "buildah", "runc", "debootstrap"], id="bare machine"),
        pytest.param(False, {"podman", "runc"}, ["buildah", "debootstrap"], id="half of it"),
        pytest.param(True, set(), ["debootstrap"], id="Docker answers"),
        pytest.param(True, {"debootstrap"}, [], id="complete"),
    ],
)
def test_only_what_is_missing_is_installed(
    engine_answers: bool, there: set[str], expected: list[str]
) -> None:
    """Beside an engine that answers, only what makes a base image is wanted."""
    assert wanted(engine_answers, there) == expected


def test_a_registry_that_does_not_answer_is_quoted() -> None:
    """What the engine said is kept for the person who can neither pull nor make a base image."""
    assert pull(OfflineEngine(("podman",))) == "no such host"


def test_the_first_options_that_run_are_taken() -> None:
    """Plain first; a confined machine gets what it needs; build and run go together."""
    engines = candidates(Engine(("podman",), ("--memory", "1g")))
    assert engines[0].run_options == ("--memory", "1g")
    chosen = first_that_runs(engines, lambda each: "" if "runc" in each.command else "rlimit")
    assert chosen.command == ("podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs")
    assert chosen.run_options[-2:] == ("--memory", "1g")
    assert "chroot" in chosen.build_options


def test_an_engine_that_runs_nothing_says_why() -> None:
    """The engine's own last words reach the person."""
    with pytest.raises(Trouble, match="no space left"):
        first_that_runs(candidates(Engine(("docker",))), lambda each: "no space left")


@pytest.mark.parametrize(
    ("packages", "image", "excess"),
    [
        pytest.param(160e6, 300e6, "", id="within"),
        pytest.param(171e6, 300e6, "site-packages 171 MB, at most 170 MB", id="packages"),
        pytest.param(160e6, 350e6, "image without its base 200 MB, at most 185 MB", id="image"),
    ],
)
def test_budgets(packages: float, image: float, excess: str) -> None:
    """What exceeds its budget is named with both figures, and stands in the table."""
    built = Built(SERVE, int(packages), int(image), int(150e6))
    assert built.excess == excess
    assert ("EXCEEDED" in table([built])) is bool(excess)


def test_pip_in_the_build_is_told_what_pip_here_is_told() -> None:
    """Indexes and times go in; files and folders of this machine, and its certificates' place, do not."""
    told = pip_conf(
        {
            "index-url": "https://user:secret@a.example/simple",
            "extra-index-url": "file:///srv/simple https://b.example/simple",
            "find-links": "/srv/wheels",
            "cert": "/etc/own.pem",
            "default-timeout": "180",
            "require-virtualenv": "true",
        }
    )
    assert told.splitlines() == [
        "[global]",
        "index-url = https://user:secret@a.example/simple",
        "extra-index-url = https://b.example/simple",
        "cert = /run/secrets/certificates",
        "default-timeout = 180",
    ]


def test_secrets_do_not_stay() -> None:
    """The settings, which may hold a password, are readable by their owner alone and gone after the build."""
    with secrets({"index-url": "https://u:p@a.example/simple"}) as options:
        file = Path(options[1].partition("src=")[2])
        assert file.stat().st_mode & 0o777 == 0o600
        assert "u:p" in file.read_text()
        assert "u:p" not in " ".join(options)
    assert not file.exists()


LOCK = """\
numpy==2.4.6 ; python_full_version < '3.12' \\
    --hash=sha256:0
numpy==2.5.5 ; python_full_version >= '3.12' \\
    --hash=sha256:1
typing-extensions==4.16.0 \\
    --hash=sha256:2
"""


@pytest.mark.parametrize(
    ("python", "told"),
    [
        pytest.param({"numpy": "2.4.6", "typing_extensions": "4.16.0"}, [], id="as locked"),
        pytest.param(
            {"numpy": "2.4.6", "typing_extensions": "4.16.0", "pip": "1"},
            ["pip 1 is not in the lock"],
            id="more",
        ),
        pytest.param(
            {"numpy": "2.4.6"}, ["typing-extensions 4.16.0 is in the lock and not in the image"], id="less"
        ),
    ],
)
def test_the_image_has_what_the_lock_pins(python: dict[str, str], told: list[str]) -> None:
    """Every package of the image is pinned, and every pinned one is there, in any spelling of its name."""
    assert strangers(inventory(python), LOCK) == told


def inventory(python: dict[str, str]) -> Inventory:
    return Inventory(
        "3.11.2",
        tuple((name, version, "MIT") for name, version in python.items()),
        (("libc6", "2.36-9", "amd64"),),
    )


def test_the_bill_of_materials() -> None:
    """Python's and Debian's packages are listed with their package URLs, which scanners read."""
    document = bill(SERVE, inventory({"typing_extensions": "4.16.0"}), datetime(2026, 11, 23, tzinfo=UTC))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    assert [each["purl"] for each in document["components"]] == [
        "pkg:generic/python@3.11.2",
        "pkg:pypi/typing-extensions@4.16.0",
        "pkg:deb/debian/libc6@2.36-9?arch=amd64",
    ]
    assert document["components"][1]["licenses"] == [{"license": {"name": "MIT"}}]


CLEAN = {"name": "numpy", "version": "2.4.6", "vulns": []}
FLAWED = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-2014-8", "fix_versions": ["2.7.3"], "aliases": [], "description": "..."}],
}
SKIPPED = {"name": "orjson", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("told", "complaint", "packages", "expected"),
    [
        pytest.param([CLEAN], "", 1, Audit(1), id="clean"),
        pytest.param(
            [CLEAN, FLAWED],
            "",
            2,
            Audit(2, ("jinja2 2.4.1: PYSEC-2014-8, mended in 2.7.3",)),
            id="vulnerable",
        ),
        pytest.param(
            [CLEAN, SKIPPED], "", 2, Audit(1, (), ("orjson",), "Dependency not found on PyPI"), id="skipped"
        ),
        pytest.param(
            [CLEAN], "", 2, Audit(0, reason="only 1 of 2 packages were answered for"), id="incomplete"
        ),
        pytest.param(
            None, "Failed to resolve 'a'", 1, Audit(0, reason="Failed to resolve 'a'"), id="no network"
        ),
    ],
)
def test_only_what_was_looked_up_counts_as_checked(
    told: list[object] | None, complaint: str, packages: int, expected: Audit
) -> None:
    """A package that was skipped is not checked, though pip-audit ends with `No known vulnerabilities found`."""
    output = "" if told is None else json.dumps({"dependencies": told, "fixes": []})
    assert judge(output, complaint, packages) == expected


def test_a_service_that_does_not_answer_is_asked_once() -> None:
    """The next service is tried; if none answers, every package is told as not checked, with each reason."""
    asked: list[tuple[str, int]] = []

    def unreachable(pinned: list[str], service: str) -> tuple[str, str]:
        asked.append((service, len(pinned)))
        return "", f"no {service}"

    found = audit(inventory({"numpy": "2.4.6", "orjson": "3"}), unreachable)
    assert asked == [("osv", 1), ("pypi", 1)]
    assert found == Audit(0, (), ("numpy==2.4.6", "orjson==3"), "osv: no osv; pypi: no pypi")


def test_a_service_that_answers_is_asked_for_all() -> None:
    """One that knows the first package is asked about every one, and what it finds is told."""

    def known(pinned: list[str], service: str) -> tuple[str, str]:
        return json.dumps({"dependencies": [CLEAN, FLAWED][: len(pinned)]}), ""

    found = audit(inventory({"numpy": "2.4.6", "jinja2": "2.4.1"}), known)
    assert (found.checked, len(found.found), found.unchecked) == (2, 1, ())


@pytest.mark.parametrize(
    ("found", "good"),
    [
        pytest.param(Audit(2), True, id="clean"),
        pytest.param(Audit(2, ("jinja2 2.4.1: PYSEC-2014-8, mended in 2.7.3",)), False, id="vulnerable"),
    ],
)
def test_a_known_vulnerability_fails(found: Audit, good: bool) -> None:
    """What is known of a package that the image has decides; the line says how many were looked up."""
    outcome = audited(found)
    assert (outcome.good, outcome.name) == (good, "vulnerabilities: 2 looked up")


def test_what_was_not_looked_up_is_said() -> None:
    """A person reads how many packages nobody asked about, why, and what was checked in its place."""
    told = not_checked(Audit(0, (), ("numpy==2.4.6", "orjson==3"), "osv: no route"))
    assert told.startswith("NOT CHECKED: whether 2 Python packages")
    assert "osv: no route" in told


def test_the_twin_runs_processes_unless_asked() -> None:
    """No engine is looked for where nobody wants one; a wrong word is told with the right ones."""
    assert image_build.for_twin({"RUNTIME": "", "IMAGE": ""}) == {}
    with pytest.raises(Trouble, match="process, container"):
        image_build.for_twin({"RUNTIME": "docker"})


def test_no_image_is_named_after_its_maker() -> None:
    """Images stay on this machine: their names say so, and no registry is asked for them."""
    assert {target.image.partition("/")[0] for target in TARGETS} == {"localhost"}
    assert image_supply.BILLS.is_relative_to(image_build.STATE)
