"""Writes layers/core/perennial/monitoring/images.json from the tables of the SageMaker Python SDK.

    pip download --no-deps --only-binary :all: --dest /tmp/sdk "sagemaker<3"
    python tools/refresh_image_uris.py /tmp/sdk/sagemaker-*.whl 2026-11-23

The wheel is only read: the SDK need not be installed. The second argument is today's date, kept with the table.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "layers/core/perennial/monitoring/images.json"
TABLES = {"model-monitor": None, "clarify": "processing"}


def table(wheel: zipfile.ZipFile, name: str, scope: str | None) -> dict[str, Any]:
    """The newest version's registry accounts by region, its repository, and its tag ("" for none)."""
    document = json.loads(wheel.read(f"sagemaker/image_uri_config/{name}.json"))
    versions = (document[scope] if scope else document)["versions"]
    newest = max(versions)
    found = versions[newest]
    return {"repository": found["repository"], "tag": newest, "registries": found["registries"]}


def main(path: str, date: str) -> None:
    with zipfile.ZipFile(path) as wheel:
        document = {
            "source": "image_uri_config of " + "-".join(Path(path).name.split("-")[:2]) + " (Apache-2.0)",
            "date": date,
            **{name: table(wheel, name, scope) for name, scope in TABLES.items()},
        }
    TARGET.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
