"""Consoles of a manager on real sockets: seed 002's events, as a stock client has them."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import msgspec
import pytest
from tests.server.embedded import AGENT, BOUND_S, POLICY, config
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from agentgate_server.gateway import Gateway
from agentgate_server.policy import Policy
from agentgate_server.secrets.secret import Secret

pytestmark = pytest.mark.anyio

CONSOLE = "console-token-0123456789"
PASSWORD = "correct horse"


@asynccontextmanager
async def managing(folder: Path, **socketio: Any) -> AsyncIterator[Gateway]:
    """A gateway with two agents."""
    gateway = Gateway(
        config(
            folder,
            principals=[{"name": "anna", "role": "console", "token": CONSOLE}],
            sessions={"models": {"actor": {"backend": "rehearsal"}}},
            agents={
                "a1": {"name": "Ada", "password": PASSWORD},
                "a2": {"name": "Bob", "password": PASSWORD},
            },
            faces={"socketio": {"role": "manager", **socketio}},
        ),
        policy=Policy.parse(POLICY),
    )
    with anyio.fail_after(BOUND_S):
        async with gateway:
            yield gateway


class Wire:
    """A console, in the words of the wire."""

    def __init__(self, socket: ClientConnection, auth: dict[str, Any]) -> None:
        self.socket = socket
        assert str(self.socket.recv(timeout=5)).startswith("0{")
        self.socket.send(f"40/agents,{json.dumps(auth)}")
        self.answer = str(self.socket.recv(timeout=5))

    def emit(self, event: str, **argument: Any) -> None:
        self.socket.send(f"42/agents,{json.dumps([event, argument])}")

    def ask(self, event: str, **argument: Any) -> Any:
        """Emit it, and return the acknowledgement; what is told before that is left out."""
        self.socket.send(f"42/agents,7{json.dumps([event, argument])}")
        while not (packet := str(self.socket.recv(timeout=5))).startswith("43/agents,7"):
            pass
        return json.loads(packet.removeprefix("43/agents,7"))[0]

    def hear(self) -> tuple[str, Any]:
        packet = str(self.socket.recv(timeout=5))
        assert packet.startswith("42/agents,"), packet
        event, payload = json.loads(packet.removeprefix("42/agents,"))
        return event, payload

    def hear_until(self, *wanted: str) -> list[tuple[str, Any]]:
        """Hear until such an event comes; of lines, one of the agent."""
        heard = []
        while True:
            event, payload = self.hear()
            heard.append((event, payload))
            if event in wanted and payload.get("from") != "user":
                return heard


async def play(
    gateway: Gateway,
    script: Callable[[Wire], Any],
    auth: dict[str, Any] | None = None,
    path: str = "/socket.io",
) -> Any:
    def run() -> Any:
        url = f"ws://127.0.0.1:{gateway.port}{path}/?EIO=4&transport=websocket"
        with connect(url, compression=None, open_timeout=5) as socket:
            return script(Wire(socket, {"token": CONSOLE} if auth is None else auth))

    return await anyio.to_thread.run_sync(run)


def logged_in(console: Wire, agent: str = "a1") -> None:
    console.emit("login", agentId=agent, password=PASSWORD)
    console.hear_until("loginSuccess")


async def test_a_console_logs_in_talks_and_finds_it_all_again(tmp_path: Path) -> None:
    def first(console: Wire) -> Any:
        console.emit("login", agentId="a1", password=PASSWORD)
        greeting = console.hear()
        console.emit("chat", message="Hello, agent!")
        return greeting, console.hear_until("chatMessage")

    def second(console: Wire) -> Any:
        console.emit("login", agent="Ada", password=PASSWORD)
        assert console.hear()[0] == "loginSuccess"
        return console.hear_until("chatMessage")

    async with managing(tmp_path) as gateway:
        greeting, live = await play(gateway, first)
        assert greeting == (
            "loginSuccess",
            {"message": "Welcome, Ada!", "agentId": "a1", "agentName": "Ada"},
        )
        user, agent = (payload for _, payload in live)
        assert (user["from"], user["text"], user["agentId"]) == ("user", "Hello, agent!", "a1")
        assert (agent["from"], agent["response"]["type"]) == ("agent", "text")
        assert agent["response"]["result"]
        assert user["timestamp"].endswith("Z")
        assert await play(gateway, second) == live


async def test_a_message_is_acknowledged_when_it_is_kept(tmp_path: Path) -> None:
    def script(console: Wire) -> Any:
        logged_in(console)
        wanted = {"message": "Hi", "agentId": "a1", "correlationId": "c"}
        return console.ask("chat", **wanted), console.ask("chat", **wanted), console.ask("chat")

    def look(console: Wire) -> Any:
        logged_in(console)
        return console.hear_until("chatMessage")

    async with managing(tmp_path) as gateway:
        one, again, none = await play(gateway, script)
        assert one == again == {"event": "chat", "received": True}
        assert none["error"]["message"].startswith("Invalid payload")
        lines = await play(gateway, look)
        assert [line.get("text") for _, line in lines].count("Hi") == 1


async def test_no_agent_and_a_wrong_password_are_the_same(tmp_path: Path) -> None:
    def script(console: Wire) -> Any:
        console.emit("login", agentId="a1", password="wrong")
        wrong = console.hear()
        console.emit("login", agentId="a9", password=PASSWORD)
        return wrong, console.hear()

    async with managing(tmp_path) as gateway:
        wrong, nobody = await play(gateway, script)
        assert wrong == ("loginError", {"message": "Invalid credentials", "agentId": "a1"})
        assert nobody == ("loginError", {"message": "Invalid credentials", "agentId": "a9"})


async def test_consoles_of_an_agent_hear_each_other_and_none_of_another_agent(
    tmp_path: Path,
) -> None:
    ready, heard = anyio.Event(), {}

    async def listen(gateway: Gateway, name: str, agent: str, count: list[int]) -> None:
        def script(console: Wire) -> Any:
            logged_in(console, agent)
            anyio.from_thread.run_sync(came)
            return console.hear_until("chatMessage")

        def came() -> None:
            count.append(1)
            if len(count) == 2:
                ready.set()

        heard[name] = await play(gateway, script)

    def talk(console: Wire) -> None:
        logged_in(console, "a1")
        console.ask("chat", message="to Ada", agentId="a1")
        logged_in(console, "a2")
        console.ask("chat", message="to Bob", agentId="a2")

    async with managing(tmp_path) as gateway:
        count: list[int] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen, gateway, "one", "a1", count)
            tasks.start_soon(listen, gateway, "two", "a2", count)
            await ready.wait()
            await play(gateway, talk)
    assert heard["one"][0][1]["text"] == "to Ada"
    assert heard["two"][0][1]["text"] == "to Bob"
    assert {line["agentId"] for _, line in heard["one"]} == {"a1"}
    assert {line["agentId"] for _, line in heard["two"]} == {"a2"}


async def test_another_password_ends_what_was_let_in_by_the_former(tmp_path: Path) -> None:
    ready, changed = anyio.Event(), threading.Event()

    def script(console: Wire) -> Any:
        logged_in(console)
        anyio.from_thread.run_sync(ready.set)
        told = console.hear()
        assert changed.wait(5)
        console.emit("chat", message="Hi", agentId="a1")
        console.emit("login", agentId="a1", password=PASSWORD)
        return told, console.hear(), console.hear()

    heard: list[Any] = []

    async def listen(gateway: Gateway) -> None:
        heard.append(await play(gateway, script))

    async with managing(tmp_path) as gateway, anyio.create_task_group() as tasks:
        tasks.start_soon(listen, gateway)
        await ready.wait()
        agents = dict(gateway.config.agents)
        name = next(iter(agents))
        agents[name] = msgspec.structs.replace(agents[name], password=Secret("another one"))
        gateway.gate.agents.reconfigure(agents)
        changed.set()
    refusal = {"message": "Invalid credentials", "agentId": "a1"}
    assert heard == [(("loginError", refusal), ("loginError", refusal), ("error", refusal))]


async def test_only_consoles_come_in(tmp_path: Path) -> None:
    async with managing(tmp_path) as gateway:
        for auth in ({}, {"token": "wrong"}, {"token": AGENT}):
            answer = await play(gateway, lambda console: console.answer, auth)
            assert answer == '44/agents,{"message":"Unauthorized"}'


async def test_an_open_door_lets_in_the_console_of_this_machine(tmp_path: Path) -> None:
    async with managing(tmp_path, open=True, path="/consoles/io") as gateway:
        answer = await play(gateway, logged_in, {}, "/consoles/io")
        assert answer is None


async def test_a_shutdown_ends_the_transport_and_says_no_disconnect(tmp_path: Path) -> None:
    ready = anyio.Event()

    def script(console: Wire) -> Any:
        logged_in(console)
        anyio.from_thread.run_sync(ready.set)
        try:
            return console.socket.recv(timeout=5)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd is not None else None

    ends: list[Any] = []

    async def stay(gateway: Gateway) -> None:
        ends.append(await play(gateway, script))

    async with anyio.create_task_group() as tasks, managing(tmp_path) as gateway:
        tasks.start_soon(stay, gateway)
        await ready.wait()
    assert ends == [1012]
