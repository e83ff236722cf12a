"""The documents name what there is: files, headings, make's targets and the operator's commands."""

import re
import shlex
from itertools import chain

import pytest
from cloudformation import ROOT

from perennial_cli.__main__ import parser

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
THEIRS = {"container/perennial_container/estimators/nearest_mean.py"}  # what the reader is to write
FOLDERS = "benchmarks|cli|container|docs|events|examples|functions|layers|local|tests|tools"
EVERY = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def headings(path):
    """The anchors that a page's headings have on GitHub."""
    for heading in re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@EVERY
def test_links_lead_somewhere(document):
    """Each link and picture is a file, and what follows its # is one of the file's headings."""
    text = document.read_text()
    for link in chain(re.findall(r"\]\(([^)\s]+)\)", text), re.findall(r'(?:src|href)="([^"]+)"', text)):
        if re.match(r"https?:|mailto:", link):
            continue
        name, _, heading = link.partition("#")
        path = document.parent / name if name else document
        assert path.exists(), link
        assert not heading or heading in headings(path), link


@EVERY
def test_paths_exist(document):
    """A path from the root of the repository is one."""
    named = set(re.findall(rf"(?<![\w/.\-])(?:{FOLDERS})/[\w./\-]*\w", document.read_text()))
    # The image's lock files are named from its own folder.
    places = (ROOT, ROOT / "container")
    assert not [each for each in named - THEIRS if not any((place / each).exists() for place in places)]


@EVERY
def test_targets_of_make_exist(document):
    """`make something` works."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"(?:`|^ {4}|^\$ )make ([a-z-]+)", document.read_text(), re.MULTILINE)
    assert not set(named) - set(targets)


def understood(arguments):
    try:
        parser().parse_args(arguments)
    except SystemExit as ended:
        return ended.code == 0
    return True


@EVERY
def test_commands_are_understood(document):
    """A line with `cli/perennial` is one that it takes; within a sentence its first word is a command."""
    text = document.read_text()
    lines = re.findall(r"^(?: {4}|\$ )cli/perennial (.+)$", text, re.MULTILINE)
    asked = [shlex.split(line, comments=True) for line in lines]
    asked += [[name, "--help"] for name in re.findall(r"`(?:cli/)?perennial ([a-z-]+)[^`]*`", text)]
    assert not [arguments for arguments in asked if not understood(arguments)]
