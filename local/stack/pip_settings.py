"""The user's pip configuration, told to uv, which does not read it.

pip's own word (`pip config list`) is the source, so files, environment variables and precedence are pip's.
"""

import ast
import subprocess
from collections.abc import Mapping

# pip's option -> (uv's variable, separator of several values there)
TRANSLATION = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "no-index": ("UV_NO_INDEX", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
}


def read(python: str) -> dict[str, str]:
    """pip's options in force (`index-url` and so on), as pip itself lists them; the later section wins."""
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    return parse(listed.stdout) if listed.returncode == 0 else {}


def parse(listing: str) -> dict[str, str]:
    """Reads lines such as `global.index-url='https://...'`; `install.` beats `global.`, `:env:.` beats both."""
    ranks = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        key, _, literal = line.partition("=")
        section, _, option = key.rpartition(".")
        rank = ranks.get(section, -1)
        if rank >= found.get(option, (0, ""))[0]:
            found[option] = (rank, str(ast.literal_eval(literal)))
    return {option: value for option, (_, value) in found.items()}


def for_uv(options: Mapping[str, str]) -> dict[str, str]:
    """The same settings as variables of uv; every index is asked for the best match, as pip does."""
    translated = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for option, value in options.items():
        if option in TRANSLATION:
            variable, separator = TRANSLATION[option]
            translated[variable] = separator.join(value.split())
    return translated
