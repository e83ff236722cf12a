"""Unit tests are hermetic: no sockets, and an environment of their own."""

import socket

import pytest


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch):
    """A unit test that opens a connection fails at once."""

    def refuse(*arguments, **options):
        raise AssertionError("a unit test opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    """Nothing of the developer's AWS settings reaches a test."""
    import os

    for name in list(os.environ):
        if name.startswith(("AWS_", "PERENNIAL_", "POWERTOOLS_")):
            monkeypatch.delenv(name)
