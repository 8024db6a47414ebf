"""The agentspace face on real sockets and both event loops, by a client of others."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from tests.server.embedded import AGENT, OWNER, serving, until
from tests.server.faces.memory_door import MemoryDoor, Script, echo, steps_of
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from agentgate_server.faces.agentspace import AgentSpaceFace
from agentgate_server.faces.face import Surroundings
from agentgate_server.faces.talker import QUEUED_BYTES
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

BOUND_S = 5


@asynccontextmanager
async def chatting(
    folder: Path, script: Script = echo, *, is_open: bool = True
) -> AsyncIterator[tuple[Gateway, MemoryDoor]]:
    doors: list[MemoryDoor] = []

    def make(around: Surroundings) -> AgentSpaceFace:
        doors.append(MemoryDoor(around.spawn, script))
        around = dataclasses.replace(around, sessions=doors[0])
        return AgentSpaceFace(around, path="/gateway", is_open=is_open)

    async with serving(folder, faces=[make]) as gateway:
        yield gateway, doors[0]


async def talk(gateway: Gateway, script: Any, **headers: str) -> Any:
    """Run a script of a foreign client in a thread."""
    url = f"ws://127.0.0.1:{gateway.port}/gateway"

    def run() -> Any:
        with connect(
            url, additional_headers=headers, compression=None, open_timeout=BOUND_S
        ) as client:
            return script(client)

    return await anyio.to_thread.run_sync(run)


def send(client: ClientConnection, **message: Any) -> None:
    client.send(json.dumps(message))


def receive(client: ClientConnection, last: str) -> list[dict[str, Any]]:
    """Receive messages up to one of this type."""
    found = [json.loads(client.recv(timeout=BOUND_S))]
    while found[-1]["type"] != last:
        found.append(json.loads(client.recv(timeout=BOUND_S)))
    return found


def text_of(messages: list[dict[str, Any]]) -> str:
    return "".join(each["delta"] for each in messages if each["type"] == "chat.stream.delta")


def say(client: ClientConnection, content: str, **more: Any) -> list[dict[str, Any]]:
    send(client, type="chat.send", id="t", content=content, **more)
    return receive(client, "chat.stream.end")


async def test_a_message_is_streamed_and_its_session_remembers(tmp_path: Path) -> None:
    def script(client: ClientConnection) -> Any:
        first = say(client, "What is 2+2?")
        again = say(client, "And 3+3?", sessionId=first[0]["sessionId"])
        other = say(client, "Hello")
        send(client, type="session.list", id="l")
        return first, again, other, receive(client, "session.list")

    async with chatting(tmp_path) as (gateway, _):
        first, again, other, (listed,) = await talk(gateway, script)
    assert [each["type"] for each in first[:2]] == ["session.created", "chat.stream.start"]
    assert first[0]["sessionKey"] == f"agent:default:{first[0]['sessionId']}"
    assert first[1]["model"] == "claude-sonnet-4.5"
    assert text_of(first) == "You said: What is 2+2? "
    assert text_of(again) == "You said: What is 2+2? / And 3+3? "
    assert again[0]["type"] == "chat.stream.start"
    assert text_of(other) == "You said: Hello "
    assert first[-1]["usage"]["outputTokens"] == 5
    cost = first[-1]["cost"]
    assert cost["inputCost"] + cost["outputCost"] == cost["totalCost"] > 0
    ids = [row["sessionId"] for row in listed["sessions"]]
    assert ids == [other[0]["sessionId"], first[0]["sessionId"]]


async def test_a_run_goes_on_when_its_client_is_gone_and_is_seen_again(tmp_path: Path) -> None:
    gone = anyio.Event()

    def begin(client: ClientConnection) -> str:
        send(client, type="chat.send", id="t", content="x")
        return str(receive(client, "chat.stream.delta")[0]["sessionId"])

    async with chatting(tmp_path, steps_of("one ", gone, "two")) as (gateway, door):
        session = await talk(gateway, begin)
        await until(lambda: not door.sessions[session].places, "the end of the connection")
        assert door.sessions[session].run

        def attach(client: ClientConnection) -> Any:
            send(client, type="chat.attach", id="a", sessionId=session)
            receive(client, "chat.stream.delta")
            anyio.from_thread.run_sync(gone.set)
            return receive(client, "chat.stream.end")

        assert text_of(await talk(gateway, attach)) == "two"

        def look(client: ClientConnection) -> Any:
            send(client, type="chat.attach", id="a", sessionId=session)
            return receive(client, "error")

        (error,) = await talk(gateway, look)
    assert error["code"] == "NO_STREAM"


async def test_a_stream_is_cancelled_while_it_runs(tmp_path: Path) -> None:
    go_on = anyio.Event()

    def script(client: ClientConnection) -> Any:
        send(client, type="chat.send", id="t", content="x")
        receive(client, "chat.stream.delta")
        send(client, type="chat.send", id="t2", content="y")
        (busy,) = receive(client, "error")
        send(client, type="chat.cancel", id="c")
        receive(client, "chat.cancelled")
        anyio.from_thread.run_sync(go_on.set)
        return busy, receive(client, "chat.stream.end")[-1]

    async with chatting(tmp_path, steps_of("one ", go_on, "two")) as (gateway, _):
        busy, end = await talk(gateway, script)
    assert (busy["requestId"], busy["code"]) == ("t2", "STREAM_IN_PROGRESS")
    assert end["status"] == "cancelled"


async def test_who_does_not_read_costs_little_and_misses_nothing(tmp_path: Path) -> None:
    piece = "x" * 10_000
    count = 1_000  # ten megabytes: more than the buffers of two sockets take

    async with chatting(tmp_path, steps_of(*[piece] * count)) as (gateway, door):

        def script(client: ClientConnection) -> int:
            send(client, type="chat.send", id="t", content="x")
            receive(client, "chat.stream.start")
            anyio.from_thread.run(stalled)
            return len(text_of(receive(client, "chat.stream.end")))

        async def stalled() -> None:
            """Until the model has said all, and no more is handed over."""
            (kept,) = door.sessions.values()
            await until(lambda: not kept.run, "the end of the run")
            (place,) = kept.places
            seen = -1
            while seen != place.offset:
                seen = place.offset
                for _ in range(100):
                    await anyio.lowlevel.checkpoint()
            (peer,) = gateway._listener.peers.values()
            assert peer.connection.queued_bytes < QUEUED_BYTES + 2 * len(piece)
            assert place.offset < len(kept.log)

        url = f"ws://127.0.0.1:{gateway.port}/gateway"

        def run() -> int:
            with connect(url, compression=None, max_queue=1, open_timeout=BOUND_S) as client:
                return script(client)

        assert await anyio.to_thread.run_sync(run) == count * len(piece)


async def test_a_session_that_is_deleted_ends_its_stream(tmp_path: Path) -> None:
    async with chatting(tmp_path, steps_of("one ", anyio.Event())) as (gateway, door):

        def script(client: ClientConnection) -> Any:
            send(client, type="chat.send", id="t", content="x")
            receive(client, "chat.stream.delta")
            anyio.from_thread.run_sync(delete)
            return receive(client, "error")[-1]

        def delete() -> None:
            (kept,) = door.sessions.values()
            for place in list(kept.places):
                place.end()
                place.watcher.gone()

        error = await talk(gateway, script)
    assert (error["requestId"], error["code"]) == ("t", "SESSION_NOT_FOUND")


async def test_a_message_over_the_cap_of_the_wire_ends_the_connection(tmp_path: Path) -> None:
    def script(client: ClientConnection) -> Any:
        send(client, type="chat.send", id="t", content="x" * 1_100_000)
        client.recv(timeout=BOUND_S)

    async with chatting(tmp_path) as (gateway, _):
        with pytest.raises(ConnectionClosed) as closed:
            await talk(gateway, script)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


# Who may come


async def test_a_token_makes_a_principal_and_another_has_other_sessions(tmp_path: Path) -> None:
    def begin(client: ClientConnection) -> Any:
        return say(client, "hi")[0]

    async with chatting(tmp_path) as (gateway, _):
        made = await talk(gateway, begin, Authorization=f"Bearer {AGENT}")
        assert made["sessionKey"] == f"agent:agent:{made['sessionId']}"

        def intrude(client: ClientConnection) -> Any:
            send(client, type="chat.send", id="t7", content="x", sessionId=made["sessionId"])
            return receive(client, "error")[0]

        error = await talk(gateway, intrude)
    assert error["code"] == "SESSION_NOT_FOUND"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {OWNER}"}, 403),
    ],
)
async def test_others_are_refused(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    async with chatting(tmp_path, is_open=False) as (gateway, _):
        with pytest.raises(InvalidStatus) as refused:
            await talk(gateway, lambda client: None, **headers)
        assert refused.value.response.status_code == status


async def test_an_open_face_is_not_open_to_whoever_comes_by_a_proxy(tmp_path: Path) -> None:
    async with chatting(tmp_path) as (gateway, _):
        with pytest.raises(InvalidStatus) as refused:
            await talk(gateway, lambda client: None, **{"X-Forwarded-For": "203.0.113.9"})
        assert refused.value.response.status_code == 401
