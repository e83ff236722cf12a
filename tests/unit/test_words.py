"""People read sentences, with one row and two rows."""

import pytest

import perennial.words
import perennial_analysis.words
import perennial_cli.words


@pytest.mark.parametrize("words", [perennial.words, perennial_analysis.words, perennial_cli.words])
@pytest.mark.parametrize(
    ("told", "arguments"),
    [
        ("1 row", (1, "row")),
        ("0 rows", (0, "row")),
        ("1,234 rows", (1234, "row")),
        ("0.5 hours", (0.5, "hour")),
        ("1 hour", (1.0, "hour")),
        ("24 hours", (24.0, "hour")),
        ("2 requests were", (2, "request was", "requests were")),
    ],
)
def test_one_is_no_plural(words, told, arguments):
    """Numbers from a thousand on are grouped; one is followed by the singular."""
    assert told == words.counted(*arguments)
