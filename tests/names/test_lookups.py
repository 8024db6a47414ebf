"""Looking names up: who waits, who may leave, and that no thread holds anybody up."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from agentgate_names.lookups import Lookups

pytestmark = pytest.mark.anyio

BOUND_S = 10.0

Row = tuple[Any, ...]


def row(address: str, zone: int = 0) -> Row:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    place = (address, 0, 0, zone) if ":" in address else (address, 0)
    return (family, socket.SOCK_STREAM, 6, "", place)


class Server:
    """A name server that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told = threading.Event()
        self.rows: list[Row] = [row("192.0.2.1"), row("2001:db8::1"), row("192.0.2.1")]
        self.error: Exception | None = None

    def ask(self, host: str) -> list[Row]:
        self.asked.append(host)
        assert self.told.wait(BOUND_S)
        if self.error is not None:
            raise self.error
        return self.rows


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.told.set()


async def until(asked: int, server: Server) -> None:
    with anyio.fail_after(BOUND_S):
        while len(server.asked) < asked:
            await anyio.sleep(0.001)


async def test_a_name_has_each_of_its_addresses_once_in_their_order(server: Server) -> None:
    server.told.set()
    assert await Lookups(server.ask).addresses("hub.example") == ["192.0.2.1", "2001:db8::1"]


async def test_an_address_of_a_link_keeps_its_zone(server: Server) -> None:
    server.rows = [row("fe80::1", 3)]
    server.told.set()
    assert await Lookups(server.ask).addresses("hub.local") == ["fe80::1%3"]


@pytest.mark.parametrize("host", ["192.0.2.1", "::1", "fe80::1%eth0"])
async def test_nobody_is_asked_about_an_address(host: str, server: Server) -> None:
    lookups = Lookups(server.ask)
    assert await lookups.addresses(host) == [host]
    assert lookups.addresses_within(host, BOUND_S) == [host]
    assert server.asked == []


async def test_why_there_is_no_address_is_told_to_each_by_itself(server: Server) -> None:
    server.error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    lookups = Lookups(server.ask)
    errors: list[BaseException] = []

    async def ask() -> None:
        with pytest.raises(socket.gaierror, match="Name or service not known") as caught:
            await lookups.addresses("nowhere.example")
        errors.append(caught.value)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        tasks.start_soon(ask)
        await until(1, server)
        await anyio.wait_all_tasks_blocked()
        server.told.set()
    assert server.asked == ["nowhere.example"]
    assert errors[0] is not errors[1]


async def test_who_asked_may_leave_and_who_comes_later_waits_for_the_same_answer(
    server: Server,
) -> None:
    lookups = Lookups(server.ask)
    for _ in range(3):
        with anyio.move_on_after(0.01) as scope:
            await lookups.addresses("hub.example")
        assert scope.cancelled_caught
    found: list[str] = []

    async def ask() -> None:
        found.extend(await lookups.addresses("hub.example"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        server.told.set()
    assert found == ["192.0.2.1", "2001:db8::1"]
    assert server.asked == ["hub.example"]


async def test_one_name_too_many_waits_for_its_turn(server: Server) -> None:
    lookups = Lookups(server.ask, lookups_max=2)
    found: list[str] = []

    async def ask(host: str) -> None:
        await lookups.addresses(host)
        found.append(host)

    async with anyio.create_task_group() as tasks:
        for index in range(4):
            tasks.start_soon(ask, f"{index}.example")
        await until(2, server)
        await anyio.wait_all_tasks_blocked()
        assert len(server.asked) == 2
        server.told.set()
    assert sorted(found) == [f"{index}.example" for index in range(4)]


async def test_a_caller_that_blocks_waits_no_longer_than_it_says(server: Server) -> None:
    lookups = Lookups(server.ask)
    with pytest.raises(TimeoutError, match=r"no name server says who hub\.example is"):
        lookups.addresses_within("hub.example", 0.01)
    server.told.set()
    assert lookups.addresses_within("hub.example", BOUND_S) == ["192.0.2.1", "2001:db8::1"]


async def test_a_caller_that_blocks_takes_its_turn_too(server: Server) -> None:
    lookups = Lookups(server.ask, lookups_max=1)
    with pytest.raises(TimeoutError):
        lookups.addresses_within("first.example", 0.001)
    threading.Timer(0.01, server.told.set).start()
    assert lookups.addresses_within("second.example", BOUND_S) == ["192.0.2.1", "2001:db8::1"]
    assert server.asked == ["first.example", "second.example"]


async def test_the_system_knows_this_machine() -> None:
    assert {"127.0.0.1", "::1"} & set(await Lookups().addresses("localhost"))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_silent_name_server_holds_up_no_event_loop_and_no_process(backend: str) -> None:
    """Neither the time-out, nor the end of the loop, nor that of the interpreter waits for it; and
    an answer that comes when the loop has ended harms nothing."""
    program = (
        "import anyio, sys, threading\n"
        "from agentgate_names.lookups import Lookups\n"
        "told = threading.Event()\n"
        "def ask(host):\n"
        "    told.wait(60)\n"
        "    return []\n"
        "lookups = Lookups(ask)\n"
        "async def main():\n"
        "    with anyio.move_on_after(0.05):\n"
        "        await lookups.addresses('hub.example')\n"
        "anyio.run(main, backend=sys.argv[1])\n"
        "print('ended', flush=True)\n"
    )
    began = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, backend],
        capture_output=True,
        text=True,
        check=False,
        timeout=40,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "ended\n", "")
    assert time.monotonic() - began < 30


def test_an_answer_that_comes_after_the_event_loop_harms_nothing(server: Server) -> None:
    lookups = Lookups(server.ask)

    async def leave_a_waiter() -> None:
        with anyio.move_on_after(0.01):
            await lookups.addresses("hub.example")

    for backend in ("asyncio", "trio"):
        anyio.run(leave_a_waiter, backend=backend)
    server.told.set()
    assert lookups.addresses_within("hub.example", BOUND_S) == ["192.0.2.1", "2001:db8::1"]


def test_a_loop_that_ended_while_it_waited_is_not_told() -> None:
    from agentgate_names.lookups import teller

    async def make() -> Any:
        from anyio.lowlevel import current_token

        return teller(current_token(), anyio.Event())

    for backend in ("asyncio", "trio"):
        anyio.run(make, backend=backend)()
