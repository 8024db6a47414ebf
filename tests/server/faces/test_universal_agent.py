"""The universal_agent face on real sockets and both event loops, by clients of others."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from tests.server.embedded import AGENT, OPERATOR, OWNER, http, serving, until
from tests.server.faces.memory_door import MemoryDoor, Script, echo, steps_of
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from agentgate_proto.errors import ErrorCode
from agentgate_proto.rpc.session_methods import GetSession, ListSessions
from agentgate_server.faces.face import Surroundings
from agentgate_server.faces.universal_agent import UniversalAgentFace
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

BOUND_S = 5


@asynccontextmanager
async def offering(
    folder: Path, script: Script = echo, *, is_open: bool = True
) -> AsyncIterator[tuple[Gateway, MemoryDoor]]:
    doors: list[MemoryDoor] = []

    def make(around: Surroundings) -> UniversalAgentFace:
        doors.append(MemoryDoor(around.spawn, script))
        return UniversalAgentFace(dataclasses.replace(around, sessions=doors[0]), is_open=is_open)

    async with serving(folder, faces=[make]) as gateway:
        yield gateway, doors[0]


async def talk(gateway: Gateway, session: str, script: Any, **headers: str) -> Any:
    """Run a script of a foreign client in a thread."""
    url = f"ws://127.0.0.1:{gateway.port}/sessions/{session}/execute"

    def run() -> Any:
        with connect(
            url, additional_headers=headers, compression=None, open_timeout=BOUND_S
        ) as client:
            return script(client)

    return await anyio.to_thread.run_sync(run)


def execute(client: ClientConnection, **more: Any) -> list[Any]:
    """Say something, and receive frames until the gateway closes."""
    client.send(json.dumps({"action": "execute", "user_input": "List files", **more}))
    return rest(client)


def rest(client: ClientConnection) -> list[Any]:
    """Receive frames until the gateway closes, and the code that it closes with."""
    frames = [json.loads(frame) for frame in client]
    assert client.close_code is not None
    return [*frames, client.close_code]


async def create(gateway: Gateway, **body: Any) -> Any:
    status, _, made = await http(gateway, "POST", "/sessions", body=body)
    assert status == 200
    return made


async def test_sessions_are_made_shown_listed_and_deleted(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _):
        ask = partial(http, gateway)
        one = await create(gateway, user_id="user_123", workspace_dir="/work/project")
        two = await create(gateway, user_id="b", metadata={"a": 1})
        assert one == {
            "session_id": "s1",
            "user_id": "user_123",
            "workspace_dir": "/work/project",
            "created_at": "2026-01-24T08:00:00Z",
            "metadata": {},
        }
        assert two["metadata"] == {"a": 1}
        assert (await ask("GET", "/sessions/s1"))[::2] == (200, one)
        row = {name: value for name, value in one.items() if name != "metadata"}
        assert (await ask("GET", "/sessions?user_id=user_123"))[2] == {"sessions": [row]}
        listed = (await ask("GET", "/sessions"))[2]["sessions"]
        assert [each["session_id"] for each in listed] == ["s1", "s2"]
        page = (await ask("GET", "/sessions?limit=1"))[2]
        assert (page["sessions"][0]["session_id"], page["more"]) == ("s2", True)
        assert (await ask("DELETE", "/sessions/s1"))[::2] == (200, {"deleted": True})
        for method in ("GET", "DELETE"):
            assert (await ask(method, "/sessions/s1"))[::2] == (
                404,
                {"detail": "Session not found"},
            )


async def test_what_can_not_be_done_has_a_detail(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, door):
        ask = partial(http, gateway)
        status, _, body = await ask("POST", "/sessions", body={"workspace_dir": "/etc"})
        assert (status, body) == (403, {"detail": "set sessions.workspace_roots"})
        status, _, body = await ask("POST", "/sessions", body=[1])
        assert (status, body["detail"][0]["loc"]) == (422, ["body"])
        door.refusals[ListSessions] = ErrorCode.INTERNAL_ERROR
        status, _, body = await ask("GET", "/sessions")
        assert (status, body) == (503, {"detail": "Internal error"})


async def test_a_run_is_streamed_and_the_socket_closes_by_itself(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _):
        made = await create(gateway, user_id="u")
        frames = await talk(gateway, made["session_id"], execute)
    *events, code = frames
    assert code == 1000
    kinds = ["session_info", *["text"] * 4, "iteration_end"]
    assert [frame["type"] for frame in events] == kinds
    assert "".join(frame["data"].get("text", "") for frame in events) == "You said: List files "
    assert events[0]["data"] == {"session_id": "s1"}
    assert events[-1]["data"] == {"iteration": 1}


async def test_a_message_that_comes_again_joins_its_run(tmp_path: Path) -> None:
    again = partial(execute, message_id="m")
    async with offering(tmp_path) as (gateway, door):
        await create(gateway)
        first = await talk(gateway, "s1", again)
        assert await talk(gateway, "s1", again) == first
        assert len(door.sessions["s1"].said) == 1


async def test_the_run_of_a_client_that_went_is_seen_and_cancelled(tmp_path: Path) -> None:
    go_on = anyio.Event()

    def begin(client: ClientConnection) -> None:
        client.send(json.dumps({"action": "execute", "user_input": "x"}))
        while json.loads(client.recv(timeout=BOUND_S))["type"] != "text":
            pass

    async with offering(tmp_path, steps_of("one ", go_on, "two")) as (gateway, door):
        await create(gateway)
        await talk(gateway, "s1", begin)
        await until(lambda: not door.sessions["s1"].places, "the end of the connection")

        def attach(client: ClientConnection) -> Any:
            client.send(json.dumps({"action": "ping"}))
            client.send(json.dumps({"action": "attach"}))
            frames = [json.loads(client.recv(timeout=BOUND_S)) for _ in range(3)]
            client.send(json.dumps({"action": "cancel"}))
            anyio.from_thread.run_sync(go_on.set)
            return [*frames, *rest(client)]

        frames = await talk(gateway, "s1", attach)
    kinds = [frame["type"] for frame in frames[:3]]
    assert kinds == ["pong", "session_info", "text"]
    assert frames[-3]["data"]["status"] == "cancelled"
    assert frames[-1] == 1000


# Who may come


@pytest.mark.parametrize("session", ["nonexistent", "x" * 300, "%00"])
async def test_the_socket_of_a_session_that_is_not_there_is_closed(
    tmp_path: Path, session: str
) -> None:
    async with offering(tmp_path) as (gateway, _):
        with pytest.raises(ConnectionClosed) as closed:
            await talk(gateway, session, lambda client: client.recv(timeout=BOUND_S))
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4004, "Session not found")


async def test_where_nobody_can_tell_no_socket_is_opened(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, door):
        door.refusals[GetSession] = ErrorCode.INTERNAL_ERROR
        with pytest.raises(InvalidStatus) as refused:
            await talk(gateway, "s1", lambda client: None)
        assert refused.value.response.status_code == 503


async def test_anothers_session_does_not_exist(tmp_path: Path) -> None:
    async with offering(tmp_path) as (gateway, _):
        status, _, made = await http(gateway, "POST", "/sessions", token=AGENT, body={})
        assert status == 200
        path = f"/sessions/{made['session_id']}"
        assert (await http(gateway, "GET", path))[0] == 404
        assert (await http(gateway, "DELETE", path))[0] == 404
        assert (await http(gateway, "GET", "/sessions"))[2] == {"sessions": []}
        with pytest.raises(ConnectionClosed) as closed:
            await talk(gateway, made["session_id"], lambda client: client.recv(timeout=BOUND_S))
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4004
        assert (await http(gateway, "GET", path, token=AGENT))[0] == 200


@pytest.mark.parametrize(
    ("token", "status"), [("", 401), ("wrong", 401), (OWNER, 403), (OPERATOR, 403)]
)
async def test_others_are_refused(tmp_path: Path, token: str, status: int) -> None:
    async with offering(tmp_path, is_open=False) as (gateway, _):
        code, headers, body = await http(gateway, "GET", "/sessions", token=token)
        assert (code, "www-authenticate" in headers) == (status, status == 401)
        assert set(body) == {"detail"}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        with pytest.raises(InvalidStatus) as refused:
            await talk(gateway, "s1", lambda client: None, **headers)
        assert refused.value.response.status_code == status


async def test_a_client_that_goes_while_its_session_is_looked_for_costs_nothing(
    tmp_path: Path,
) -> None:
    async with offering(tmp_path) as (gateway, door):
        await create(gateway)
        asked: list[Any] = []
        call = door.call
        door.call = lambda *args: asked.append(args)  # type: ignore[method-assign]
        request = (
            b"GET /sessions/s1/execute HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(request)
            await until(lambda: asked, "the question")
        await until(lambda: not gateway._listener.peers, "the end of the connection")
        call(*asked[0])
        frames = await talk_again(gateway, door, call)
    assert frames[-1] == 1000


async def talk_again(gateway: Gateway, door: MemoryDoor, call: Any) -> Any:
    door.call = call  # type: ignore[method-assign]
    return await talk(gateway, "s1", execute)
