"""What is left of refused bodies is read when there is time for it."""

import asyncio

from perennial_container.serving.protocol import Drain


class Flow:
    def __init__(self, name, resumed):
        self._name, self._resumed = name, resumed

    def resume_reading(self):
        self._resumed.append(self._name)


class Transport:
    def __init__(self, closing):
        self._closing = closing

    def is_closing(self):
        return self._closing


class Connection:
    """A client that still sends, or that has gone."""

    def __init__(self, name, resumed, *, gone=False):
        self.flow, self.transport = Flow(name, resumed), Transport(gone)


def test_one_connection_a_turn():
    """In each turn of the event loop one connection may send, in the order in which they came."""
    resumed, seen = [], []

    async def turns():
        drain = Drain(asyncio.get_running_loop())
        for name in "abc":
            drain.add(Connection(name, resumed))
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append("".join(resumed))

    asyncio.run(turns())
    assert seen == ["a", "ab", "abc"]


def test_a_client_that_has_gone():
    """A connection that is closing is not read from, and holds up no other; one that comes back has its turn again."""
    resumed = []

    async def turns():
        drain = Drain(asyncio.get_running_loop())
        again = Connection("a", resumed)
        drain.add(Connection("gone", resumed, gone=True))
        drain.add(again)
        for _ in range(2):
            await asyncio.sleep(0)
        drain.add(again)
        await asyncio.sleep(0)

    asyncio.run(turns())
    assert resumed == ["a", "a"]
