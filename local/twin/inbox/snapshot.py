"""The inbox as one file that needs no twin any more: to keep, or to send to somebody."""

import json
import re
from pathlib import Path
from typing import Any

MODULES = ("text.js", "cards.js", "page.js")  # each uses only those before it


def snapshot(page: Path, messages: list[dict[str, Any]]) -> bytes:
    """The page in folder `page` with its style, its script and these messages in it."""
    script = "\n".join(_without_modules((page / name).read_text()) for name in MODULES)
    # A closing tag inside a message must not end the script.
    data = json.dumps(messages).replace("<", "\\u003c")
    html = (page / "page.html").read_text()
    html = html.replace(
        '<link rel="stylesheet" href="/_twin/inbox/page.css">',
        f"<style>\n{(page / 'page.css').read_text()}\n</style>",
    )
    html = html.replace(
        '<script type="module" src="/_twin/inbox/page.js"></script>',
        f"<script>window.KEPT = {data};\n{script}\n</script>",
    )
    return html.encode()


def _without_modules(script: str) -> str:
    """A browser loads no modules from a file."""
    return re.sub(
        r"^export ", "", re.sub(r"^import .*;\n", "", script, flags=re.MULTILINE), flags=re.MULTILINE
    )
