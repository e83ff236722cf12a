"""What is in an image, and what is known of it: the list of its packages (SBOM), and their known vulnerabilities.

A package that could not be looked up is reported as not checked, never as free of vulnerabilities: offline, or behind
an index without advisories, pip-audit itself ends with "no known vulnerabilities found".
"""

import json
import re
import subprocess
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stack.console import Trouble
from stack.image_build import Target
from stack.image_engine import Engine
from stack.places import ROOT, STATE, VENVS

BILLS = STATE / "sbom"
SERVICES = ("osv", "pypi")
LOOKUP_SECONDS = 15
SHORT = 300  # characters of a reason
# Run inside the image, by the interpreter whose packages they are.
INVENTORY = """
import json, platform, subprocess
from importlib.metadata import distributions
def licence(about):
    named = about.get("License-Expression") or about.get("License") or ""
    classified = [c.rsplit(" :: ", 1)[1] for c in about.get_all("Classifier") or [] if c.startswith("License :: ")]
    return named if named and len(named) < 80 else " AND ".join(classified)
python = [[d.metadata["Name"], d.version, licence(d.metadata)] for d in distributions(path=[
    __import__("sysconfig").get_path("purelib")])]
debian = subprocess.run(["dpkg-query", "-W", "-f", "${Package}\\t${Version}\\t${Architecture}\\n"],
    capture_output=True, text=True, check=True).stdout.split("\\n")
print(json.dumps({"version": platform.python_version(), "python": sorted(python),
    "debian": [line.split("\\t") for line in debian if line]}))
"""


@dataclass(frozen=True)
class Inventory:
    """An image's contents: its Python, its packages (name, version, licence), Debian's (name, version, architecture)."""

    version: str
    python: tuple[tuple[str, str, str], ...]
    debian: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Audit:
    """What became of looking the packages up: `name version: advisory` each, and why which were not looked up."""

    checked: int
    found: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    reason: str = ""


def inventory(engine: Engine, target: Target) -> Inventory:
    done = engine.call(
        *("run", "--rm", "--no-healthcheck", "--network", "none", *engine.run_options),
        *("--user", "10001", "--entrypoint", "python", target.image, "-c", INVENTORY),
    )
    if done.returncode != 0:
        raise Trouble(f"{target.image} does not tell its packages:\n{done.stderr}")
    read = json.loads(done.stdout)
    return Inventory(
        read["version"],
        *(tuple((each[0], each[1], each[2]) for each in read[kind]) for kind in ("python", "debian")),
    )


def strangers(found: Inventory, lock: str) -> list[str]:
    """Packages of the image that its lock file does not pin in this version, and pinned ones that it lacks."""
    pinned = re.findall(r"^([\w.-]+)==([^\s;\\]+)(?: ; ([^\\\n]+))?", lock, flags=re.MULTILINE)
    allowed = {(canonical(name), version) for name, version, _ in pinned}
    there = {(canonical(name), version) for name, version, _ in found.python}
    unconditional = {(canonical(name), version) for name, version, marker in pinned if not marker}
    return [f"{name} {version} is not in the lock" for name, version in sorted(there - allowed)] + [
        f"{name} {version} is in the lock and not in the image"
        for name, version in sorted(unconditional - there)
    ]


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def bill(target: Target, found: Inventory, at: datetime) -> dict[str, Any]:
    """A CycloneDX 1.5 document of the image: Python's and Debian's packages by their package URLs."""
    root = f"{target.image}"
    python = [component(f"pkg:pypi/{canonical(n)}@{v}", n, v, licence) for n, v, licence in found.python]
    debian = [component(f"pkg:deb/debian/{n}@{v}?arch={a}", n, v, "") for n, v, a in found.debian]
    interpreter = component(f"pkg:generic/python@{found.version}", "python", found.version, "PSF-2.0")
    components = [interpreter, *python, *debian]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid4()}",
        "version": 1,
        "metadata": {
            "timestamp": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "component": {"type": "container", "name": root, "bom-ref": root},
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [each["bom-ref"] for each in components]}],
    }


def component(purl: str, name: str, version: str, licence: str) -> dict[str, Any]:
    told = {"licenses": [{"license": {"name": licence}}]} if licence else {}
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, **told}


def write_bill(target: Target, found: Inventory) -> Path:
    BILLS.mkdir(parents=True, exist_ok=True)
    file = BILLS / f"{target.name}.cdx.json"
    file.write_text(json.dumps(bill(target, found, datetime.now(UTC)), indent=1) + "\n")
    return file


def audit(found: Inventory, look_up: Callable[[Sequence[str], str], tuple[str, str]] | None = None) -> Audit:
    """Looks the image's Python packages up in OSV's database, else in PyPI's advisories.

    A service is asked about one package first: one that does not know even that is not asked about the others.
    """
    ask = look_up or pip_audit
    pinned = [f"{name}=={version}" for name, version, _ in found.python]
    reasons = []
    for service in SERVICES:
        probe = judge(*ask(pinned[:1], service), 1)
        if probe.checked:
            return judge(*ask(pinned, service), len(pinned))
        reasons.append(f"{service}: {probe.reason}")
    return Audit(0, (), tuple(pinned), "; ".join(reasons))


def pip_audit(pinned: Sequence[str], service: str) -> tuple[str, str]:
    """What pip-audit says as JSON, and its last word to people."""
    listing = STATE / "audited.txt"
    listing.write_text("\n".join(pinned) + "\n")
    command = [
        *(str(VENVS / "image/bin/pip-audit"), "--requirement", str(listing), "--disable-pip", "--no-deps"),
        *("--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"),
        *("--timeout", str(LOOKUP_SECONDS)),
    ]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return done.stdout, lines[-1] if lines else f"exit code {done.returncode}"


def judge(output: str, complaint: str, packages: int) -> Audit:
    """Reads pip-audit's JSON; a package that it skipped, or never came to, is not checked."""
    try:
        told: Sequence[Mapping[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        return Audit(0, reason=complaint[:SHORT])
    looked_up = [each for each in told if "skip_reason" not in each]
    skipped = [each for each in told if "skip_reason" in each]
    if len(told) < packages:
        return Audit(0, reason=f"only {len(told)} of {packages} packages were answered for")
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for each in looked_up
        for flaw in each["vulns"]
    ]
    reason = skipped[0]["skip_reason"][:SHORT] if skipped else ""
    return Audit(len(looked_up), tuple(found), tuple(each["name"] for each in skipped), reason)
