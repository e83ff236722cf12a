"""Whether our figures are those of smclarify and scikit-learn, and whether AWS's SDK reads our files.

    make bench ONLY=agreement

Random tables of many shapes, every metric that both sides define; the largest differences are printed and the run
fails beyond 1e-12. With --record the oracles' answers are kept for the unit tests, which have no oracle installed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from environments import environment

HERE = Path(__file__).resolve().parent
RECORD = HERE.parent / "tests/unit/analysis/oracles.json"


def main() -> None:
    scripts = (("oracles", "agreement_of_figures.py"), ("sdk", "agreement_of_files.py"))
    kept = [str(RECORD)] if sys.argv[1:] == ["--record"] else []
    for name, script in scripts:
        done = subprocess.run(
            [environment(name).python, HERE / "rivals" / script, *(kept if name == "oracles" else ())],
            env={
                "PYTHONPATH": str(HERE.parent / "layers/analysis"),
                "PATH": "/usr/bin:/bin",
                "HOME": "/nonexistent",
            },
            check=False,
        )
        if done.returncode:
            sys.exit(f"{script}: no agreement")


if __name__ == "__main__":
    main()
