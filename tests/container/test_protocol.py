"""Large bodies are read a piece a turn of the event loop, so that whatever else comes need not wait for them."""

import asyncio

from perennial_container.serving.protocol import Flow, Turns


class Transport:
    """A connection that writes down when it is read from; one that is `gone` is closing."""

    def __init__(self, name, resumed, *, gone=False):
        self._name, self._resumed, self._gone = name, resumed, gone

    def is_closing(self):
        return self._gone

    def pause_reading(self):
        pass

    def resume_reading(self):
        self._resumed.append(self._name)


def paused(turns, name, resumed, *, gone=False, wanted=True):
    flow = Flow(Transport(name, resumed, gone=gone), turns)
    flow.wanted = wanted
    flow.pause_reading()
    return flow


def test_one_connection_a_turn():
    """In each turn of the event loop one connection may send, in the order in which they came."""
    resumed, seen = [], []

    async def turns():
        among = Turns(asyncio.get_running_loop())
        for name in "abc":
            paused(among, name, resumed).resume_reading()
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append("".join(resumed))

    asyncio.run(turns())
    assert seen == ["a", "ab", "abc"]


def test_what_nobody_reads_holds_up_nothing():
    """What clients still send after they were refused has turns of its own beside the bodies that are read."""
    resumed, seen = [], []

    async def turns():
        among = Turns(asyncio.get_running_loop())
        for name in "xyz":
            paused(among, name, resumed, wanted=False).resume_reading()
        for name in "ab":
            paused(among, name, resumed).resume_reading()
        for _ in range(3):
            await asyncio.sleep(0)
            seen.append("".join(resumed))

    asyncio.run(turns())
    assert seen == ["ax", "axby", "axbyz"]


def test_a_turn_is_waited_for_once():
    """A connection that is told to go on twice has one turn, and none where it was not paused."""
    resumed = []

    async def turns():
        among = Turns(asyncio.get_running_loop())
        flow = paused(among, "a", resumed)
        flow.resume_reading()
        flow.resume_reading()
        for _ in range(3):
            await asyncio.sleep(0)
        flow.resume_reading()
        await asyncio.sleep(0)

    asyncio.run(turns())
    assert resumed == ["a"]


def test_a_client_that_has_gone():
    """A connection that is closing is not read from, and holds up no other; one that comes back has its turn again."""
    resumed = []

    async def turns():
        among = Turns(asyncio.get_running_loop())
        paused(among, "gone", resumed, gone=True).resume_reading()
        again = paused(among, "a", resumed)
        again.resume_reading()
        for _ in range(2):
            await asyncio.sleep(0)
        again.pause_reading()
        again.resume_reading()
        await asyncio.sleep(0)

    asyncio.run(turns())
    assert resumed == ["a", "a"]
