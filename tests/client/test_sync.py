"""The client without ``await``: same names, its own thread, closed in order."""

from __future__ import annotations

import gc
import inspect
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import anyio
import pytest
from anyio.from_thread import start_blocking_portal
from tests.client.gateway import Gone, Peer, Script, gateway, obliging
from tests.client.helpers import BOUND_S

import agent_gate
import agentgate_client
from agent_gate import (
    AgentGateConnectionError,
    AuthenticationFailed,
    ClientState,
    DeniedByPerson,
    Disconnected,
    RequestCancelled,
    sync,
)
from agentgate_client import StateChanged, options
from agentgate_client import session_streams as with_streams
from agentgate_client import sessions as with_await
from agentgate_client.agents import Agent, Agents


@contextmanager
def served(script: Script) -> Iterator[str]:
    """A gateway in a thread of its own; yields its URL."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(gateway(script)) as gate,
    ):
        yield gate.url


class Recorder:
    """Takes requests and answers none; says when there is one, and how the connection ended."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.over = threading.Event()
        self.messages: list[dict[str, Any]] = []
        self.code: int | None = None

    async def __call__(self, peer: Peer) -> None:
        await peer.authenticate()
        try:
            while True:
                self.messages.append(await peer.receive())
                self.asked.set()
        except Gone as gone:
            self.code = gone.code
            self.over.set()


def until(holds: Callable[[], bool]) -> None:
    """Look again until something holds."""
    end = time.monotonic() + BOUND_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


# What it has

PAIRS: list[tuple[type, type, set[str]]] = [
    (
        sync.AgentGateClient,
        agentgate_client.AgentGateClient,
        {"stand", "unstand", "state_changed", "pushed"},
    ),
    (sync.ApprovalsClient, agentgate_client.ApprovalsClient, {"state_changed", "pushed"}),
    (
        sync.Sessions,
        with_await.Sessions,
        {"ask", "watching", "take", "reconnected", "closed"},
    ),
    (sync.Session, with_await.Session, set()),
    (sync.Run, with_streams.Run, {"aclose"}),
    (sync.EventStream, with_streams.EventStream, {"aclose", "join", "wake"}),
    (sync.Agents, Agents, set()),
    (sync.Agent, Agent, set()),
    (
        sync.ApprovalWatch,
        agentgate_client.ApprovalWatch,
        {"aclose", "end", "reconnected", "subscribe", "take"},
    ),
]
"""Each class with the one that it is made of, and what of that is for the client alone."""


@pytest.mark.parametrize(("ours", "theirs", "inner"), PAIRS)
def test_it_has_every_name_with_the_same_arguments(
    ours: type, theirs: type, inner: set[str]
) -> None:
    names = {name for name in dir(theirs) if not name.startswith("_")} - inner
    assert {name for name in names if not hasattr(ours, name)} == set()
    for name in names:
        own, other = getattr(ours, name), getattr(theirs, name)
        if isinstance(other, property):
            assert isinstance(own, property)
        elif name != "connect":  # this one takes a time
            took, takes = inspect.signature(other), inspect.signature(own)
            assert list(takes.parameters.values()) == list(took.parameters.values()), name


@pytest.mark.parametrize(
    ("client", "known"),
    [
        (agentgate_client.AgentGateClient, options.AgentOptions),
        (agentgate_client.ApprovalsClient, options.ConnectionOptions),
    ],
)
def test_it_takes_every_option(client: type, known: type) -> None:
    parameters = inspect.signature(client).parameters.values()
    named = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert set(known.__annotations__) | set(getattr(known, "__optional_keys__", ())) == named


def test_everything_that_agent_gate_promises_of_it_is_there() -> None:
    assert all(hasattr(sync, name) for name in sync.__all__)
    assert "asyncio" not in str(inspect.signature(sync.AgentGateClient))


# Calls


def test_a_tool_is_asked_for_without_await() -> None:
    args: dict[str, Any] = {"self": 1, "function": 2, "args": [3], "method": 4}
    with served(obliging) as url, sync.AgentGateClient(url, "t", client_id="c") as gw:
        assert (gw.state, gw.client_id) == (ClientState.CONNECTED, "c")
        assert gw.health.principal == "robot"
        assert gw.tool_request("x", **args) == {"tool": "x", "args": args}
        assert gw.get_pending_results() == []


def test_errors_are_raised_as_they_are_with_await() -> None:
    async def denying(peer: Peer) -> None:
        await peer.authenticate()
        await peer.fail(await peer.receive(), -32001, "Denied by user: not now")
        await peer.see_off()

    with (
        served(denying) as url,
        sync.AgentGateClient(url, "t") as gw,
        pytest.raises(DeniedByPerson, match="not now") as caught,
    ):
        gw.call("x")
    assert isinstance(caught.value, agent_gate.AgentGateDenied)


def test_a_call_that_takes_too_long_is_withdrawn() -> None:
    recorder = Recorder()
    with served(recorder) as url, sync.AgentGateClient(url, "t") as gw:
        with pytest.raises(RequestCancelled, match=r"no answer in 0\.05 s"):
            gw.call("x", timeout_s=0.05)
        methods = [message["method"] for message in recorder.messages]
        assert methods == ["tool_request", "cancel_request"]


def test_any_number_of_threads_may_call_at_the_same_time() -> None:
    with (
        served(obliging) as url,
        sync.AgentGateClient(url, "t") as gw,
        ThreadPoolExecutor(16) as pool,
    ):
        found = list(pool.map(lambda n: gw.call("x", {"n": n}), range(200)))
    assert [each["args"]["n"] for each in found] == list(range(200))


@pytest.mark.anyio
async def test_it_works_where_a_loop_runs_already(anyio_backend_name: str) -> None:
    with served(obliging) as url, sync.AgentGateClient(url, "t") as gw:
        assert gw.call("x", {"in": anyio_backend_name})["args"] == {"in": anyio_backend_name}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of threads are POSIX")
def test_who_is_interrupted_has_withdrawn_the_request() -> None:
    recorder = Recorder()
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        recorder.asked.wait(BOUND_S)
        signal.pthread_kill(main, signal.SIGINT)

    with served(recorder) as url, sync.AgentGateClient(url, "t") as gw:
        thread = threading.Thread(target=interrupt)
        # What runs in the background of a shell is started deaf to it
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            thread.start()
            with pytest.raises(KeyboardInterrupt):
                gw.call("x")
        finally:
            signal.signal(signal.SIGINT, before)
        thread.join()
        until(lambda: len(recorder.messages) > 1)
        assert recorder.messages[1]["method"] == "cancel_request"


# Connecting and closing


def test_a_token_that_is_wrong_ends_connect_and_leaves_no_thread() -> None:
    async def refusing(peer: Peer) -> None:
        await peer.fail(await peer.receive(), -32005, "Invalid token")
        await peer.see_off()

    with served(refusing) as url:
        before = set(threading.enumerate())
        with pytest.raises(AuthenticationFailed, match="Invalid token"):
            sync.AgentGateClient(url, "wrong").connect()
        assert set(threading.enumerate()) == before


def test_connecting_takes_no_longer_than_it_may_and_says_what_went_wrong() -> None:
    client = sync.AgentGateClient("ws://127.0.0.1:9", "t")
    before = set(threading.enumerate())
    with pytest.raises(Disconnected, match=r"within 0\.3 s: .*refused"):
        client.connect(timeout_s=0.3)
    assert set(threading.enumerate()) == before
    with pytest.raises(ValueError, match="timeout_s"):
        client.connect(timeout_s=-1)


def test_calls_that_wait_in_other_threads_end_when_it_is_closed() -> None:
    recorder = Recorder()
    with served(recorder) as url, ThreadPoolExecutor(1) as pool:
        gw = sync.AgentGateClient(url, "t")
        gw.connect()
        waiting = pool.submit(gw.call, "x")
        assert recorder.asked.wait(BOUND_S)
        gw.close()
        error = waiting.exception(BOUND_S)
        assert isinstance(error, AgentGateConnectionError)
        assert error.data == {"sent": True}
        assert recorder.over.wait(BOUND_S)
        assert recorder.code == 1000
        gw.close()
        with pytest.raises(Disconnected, match=r"call connect\(\) first"):
            gw.call("x")


def test_it_may_connect_again() -> None:
    with served(obliging) as url:
        gw = sync.AgentGateClient(url, "t")
        for number in range(3):
            with gw:
                assert gw.call("x", {"n": number})["args"] == {"n": number}
        assert gw.state is ClientState.CLOSED


def test_a_callback_that_would_wait_for_its_own_client_is_told_so() -> None:
    told: list[BaseException] = []
    clients: list[sync.AgentGateClient] = []

    def on_state(change: StateChanged) -> None:
        if change.state is ClientState.CONNECTED:
            for act in (lambda: clients[0].call("x"), clients[0].close):
                try:
                    act()
                except RuntimeError as error:
                    told.append(error)

    with served(obliging) as url:
        clients.append(sync.AgentGateClient(url, "t", on_state=on_state))
        with clients[0]:
            assert clients[0].call("x", {"still": True})["args"] == {"still": True}
    assert [str(error)[:11] for error in told] == ["a callback "] * 2


def test_a_client_that_nobody_has_any_more_is_closed() -> None:
    recorder = Recorder()
    with served(recorder) as url:
        before = set(threading.enumerate())
        gw = sync.AgentGateClient(url, "t")
        gw.connect()
        del gw
        gc.collect()
        assert recorder.over.wait(BOUND_S)
        assert recorder.code == 1000
        until(lambda: set(threading.enumerate()) == before)


PROGRAM = """
import sys
from agent_gate.sync import AgentGateClient

gw = AgentGateClient(sys.argv[1], "t")
gw.connect()
print(gw.call("x", {"a": 1})["args"]["a"])
"""


def test_a_program_that_forgets_to_close_ends_and_says_goodbye() -> None:
    ended: list[int | None] = []

    async def listening(peer: Peer) -> None:
        await peer.authenticate()
        request = await peer.receive()
        await peer.executed(request, request["params"])
        ended.append(await peer.gone())

    with served(listening) as url:
        command = [sys.executable, "-c", PROGRAM, url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
        until(lambda: ended == [1000])


# Tools of one's own


def test_plain_functions_are_offered_and_called_in_threads() -> None:
    ran: list[str] = []
    answered = threading.Event()
    answer: list[dict[str, Any]] = []

    async def asking(peer: Peer) -> None:
        await peer.authenticate()
        offer = await peer.receive()
        names = [tool["name"] for tool in offer["params"]["tools"]]
        await peer.answer(offer, {"names": names})
        call = {"call": "c1", "tool": names[0], "args": {"room": "hall"}, "timeout_s": 5.0}
        await peer.send({"jsonrpc": "2.0", "method": "tools.call", "params": call, "id": "c1"})
        answer.append(await peer.receive())
        answered.set()
        await peer.see_off()

    def measure(room: str) -> float:
        """Measure the temperature."""
        ran.append(threading.current_thread().name)
        return 21.5

    with served(asking) as url, sync.AgentGateClient(url, "t") as gw:
        assert gw.provide(measure) == ["measure"]
        assert answered.wait(BOUND_S)
    assert "21.5" in json.dumps(answer[0])
    assert ran[0] != threading.current_thread().name


def test_it_brings_its_own_loop_and_trio_may_run_beside_it() -> None:
    with served(obliging) as url:

        async def main() -> Any:
            with sync.AgentGateClient(url, "t") as gw:
                return await anyio.to_thread.run_sync(gw.call, "x")

        assert anyio.run(main, backend="trio") == {"tool": "x", "args": {}}
