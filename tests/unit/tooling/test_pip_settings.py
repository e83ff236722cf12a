"""What uv is told of the user's pip configuration."""

import pytest

from stack.pip_settings import for_uv, parse


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        ("", {}),
        ("global.index-url='https://a.example/simple'\n", {"index-url": "https://a.example/simple"}),
        ("global.timeout='10'\ninstall.timeout='20'\n", {"timeout": "20"}),
        ("install.timeout='20'\nglobal.timeout='10'\n", {"timeout": "20"}),
        (":env:.cert='/c.pem'\nglobal.cert='/b.pem'\n", {"cert": "/c.pem"}),
        (
            "global.extra-index-url='\\nhttps://a.example\\nhttps://b.example'",
            {"extra-index-url": "\nhttps://a.example\nhttps://b.example"},
        ),
        ("freeze.timeout='10'\n", {}),
    ],
)
def test_the_most_particular_setting_of_pip_wins(listing: str, expected: dict[str, str]) -> None:
    """A variable beats the section of `pip install`, which beats the global section, in any order of lines."""
    assert parse(listing) == expected


def test_every_setting_reaches_uv_in_its_own_words() -> None:
    """Indexes, wheels, certificates and times of pip's are uv's; what uv has no word for is left out."""
    told = for_uv(
        {
            "index-url": "https://a.example/simple",
            "extra-index-url": "\nhttps://b.example\nhttps://c.example",
            "find-links": "/wheels /more",
            "cert": "/c.pem",
            "disable-pip-version-check": "1",
        }
    )

    assert told == {
        "UV_DEFAULT_INDEX": "https://a.example/simple",
        "UV_INDEX": "https://b.example https://c.example",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/c.pem",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
