"""Runs the benchmarks of this folder, one after the other: `make bench`, or `make bench` with names in ONLY.

Those that install others' packages (1.2 GB, and minutes for the rivals) run only when named:

    make bench ONLY="rivals agreement real_streams serving"
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    helpers = ("run", "loop_data", "environments")
    beside_others = ("rivals", "agreement", "real_streams", "serving")
    chosen = os.environ.get("ONLY", "").split() or sorted(
        path.stem for path in HERE.glob("*.py") if path.stem not in (*helpers, *beside_others)
    )
    path = os.pathsep.join(str(HERE.parent / folder) for folder in ("local", "layers/core"))
    failed = []
    for name in chosen:
        print(f"\n== {name}", flush=True)
        done = subprocess.run(
            [sys.executable, HERE / f"{name}.py"], env={**os.environ, "PYTHONPATH": path}, check=False
        )
        if done.returncode:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
