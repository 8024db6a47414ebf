"""Socket.IO on real sockets and both event loops: who is let in, and what moves the bytes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest
from tests.server.embedded import AGENT, OPERATOR, all_bytes, serving, until
from tests.server.faces.saying_back import SayingBack
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from agentgate_proto.faces.engineio.settings import EngineSettings
from agentgate_server.faces.face import Surroundings
from agentgate_server.faces.socketio import SocketIoFace
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

PAGE = "https://console.example"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
POLLING = "/socket.io/?EIO=4&transport=polling"


@asynccontextmanager
async def speaking(
    folder: Path,
    *,
    is_open: bool = False,
    settings: EngineSettings | None = None,
    connect_s: float = 10.0,
    **changes: Any,
) -> AsyncIterator[tuple[Gateway, SocketIoFace, Any]]:
    """A gateway with the face, and its application."""
    made: list[SocketIoFace] = []

    def make(around: Surroundings) -> SocketIoFace:
        face = SocketIoFace(
            around, SayingBack, is_open=is_open, settings=settings, connect_s=connect_s
        )
        made.append(face)
        return face

    async with serving(folder, faces=[make], **changes) as gateway:
        yield gateway, made[0], made[0].application


async def talk(
    gateway: Gateway, script: Callable[[ClientConnection], Any], path: str = WEBSOCKET, **more: Any
) -> Any:
    """Run a script on a WebSocket in a thread, after the opening packet."""

    def run() -> Any:
        url = f"ws://127.0.0.1:{gateway.port}{path}"
        with connect(url, compression=None, open_timeout=5, **more) as client:
            opening = client.recv(timeout=5)
            assert isinstance(opening, str)
            assert opening.startswith("0{")
            return script(client)

    return await anyio.to_thread.run_sync(run)


def say(*messages: str | bytes, count: int) -> Callable[[ClientConnection], list[Any]]:
    """Say these, and return so many messages that come."""

    def script(client: ClientConnection) -> list[Any]:
        for message in messages:
            client.send(message)
        return [client.recv(timeout=5) for _ in range(count)]

    return script


def closed(*messages: str) -> Callable[[ClientConnection], int]:
    """Say these, and return the code with which the connection is closed."""

    def script(client: ClientConnection) -> int:
        for message in messages:
            client.send(message)
        with pytest.raises(ConnectionClosed) as error:
            hear_out(client)
        assert error.value.rcvd is not None
        return error.value.rcvd.code

    return script


def hear_out(client: ClientConnection) -> None:
    while True:
        client.recv(timeout=5)


class Poller:
    """A client of long polling, one keep-alive connection for polls and one for posts."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.sid = ""
        self.headers: dict[str, str] = {}

    async def ask(self, method: str, body: str = "", extra: str = "") -> tuple[int, str]:
        target = POLLING + (f"&sid={self.sid}" if self.sid else "")
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{extra}"
        data = body.encode()
        async with await anyio.connect_tcp("127.0.0.1", self.gateway.port) as stream:
            await stream.send(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
            answer = await all_bytes(stream)
        top, _, text = answer.partition(b"\r\n\r\n")
        first, *lines = top.decode().split("\r\n")
        self.headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(first.split()[1]), text.decode()

    async def open(self, extra: str = "") -> None:
        status, body = await self.ask("GET", extra=extra)
        assert status == 200
        self.sid = json.loads(body[1:])["sid"]

    async def join(self, token: str = AGENT) -> None:
        await self.open()
        assert await self.ask("POST", "40" + json.dumps({"token": token})) == (200, "ok")
        status, body = await self.ask("GET")
        assert (status, body[:2]) == (200, "40")


# Who is let in


@pytest.mark.parametrize("auth", [{"token": AGENT}, {"Authorization": f"Bearer {AGENT}"}])
async def test_a_token_comes_with_connect(tmp_path: Path, auth: dict[str, str]) -> None:
    async with speaking(tmp_path) as (gateway, _, application):
        answer, told = await talk(gateway, say("40" + json.dumps(auth), count=2))
        assert answer.startswith('40{"sid":"')
        assert json.loads(told[2:]) == ["auth", auth]
        await until(lambda: application.heard, "the end of the connection")
        assert application.heard == ["the connection broke"]


async def test_a_token_comes_in_the_header_of_the_request(tmp_path: Path) -> None:
    header = {"Authorization": f"Bearer {AGENT}"}
    async with speaking(tmp_path) as (gateway, _, application):
        (answer,) = await talk(gateway, say("40/custom,", count=1), additional_headers=header)
        assert answer.startswith('40/custom,{"sid":"')
        client = Poller(gateway)
        await client.open()
        line = f"Authorization: Bearer {AGENT}\r\n"
        assert await client.ask("POST", "40", line) == (200, "ok")
        await until(lambda: application.there, "the socket")
        await until(lambda: gateway.gate.gauges().clients == {"socketio": 1}, "the one session")
        assert list(application.there.values()) == ["agent"]


async def test_a_wrong_token_or_role_is_unauthorized_and_no_more_is_said(tmp_path: Path) -> None:
    wrong = '44{"message":"Unauthorized"}'
    header = {"Authorization": "Bearer wrong"}
    async with speaking(tmp_path) as (gateway, _, application):
        for auth in ("", '{"token":"wrong"}', json.dumps({"token": OPERATOR})):
            assert await talk(gateway, say(f"40{auth}", count=1)) == [wrong]
        said = await talk(gateway, say("40", count=1), additional_headers=header)
        assert said == [wrong]
        assert application.there == {}


async def test_a_token_that_is_right_counts_however_many_wrong_ones_came(tmp_path: Path) -> None:
    async with speaking(tmp_path) as (gateway, _, _):
        wrong = ['40{"token":"wrong"}'] * 200
        said = await talk(gateway, say(*wrong, "40" + json.dumps({"token": AGENT}), count=201))
        assert set(said[:200]) == {'44{"message":"Unauthorized"}'}
        assert said[200].startswith('40{"sid":')


async def test_an_open_face_lets_this_machine_in_and_nobody_who_comes_by_a_proxy(
    tmp_path: Path,
) -> None:
    async with speaking(tmp_path, is_open=True) as (gateway, _, _):
        (answer, _) = await talk(gateway, say("40", count=2))
        assert answer.startswith('40{"sid":')
        (wrong,) = await talk(gateway, say('40{"token":"wrong"}', count=1))
        assert wrong.startswith("44")
        proxied = {"X-Forwarded-For": "203.0.113.9"}
        (answer,) = await talk(gateway, say("40", count=1), additional_headers=proxied)
        assert answer.startswith("44")


async def test_a_revoked_token_ends_the_sessions_that_it_opened(tmp_path: Path) -> None:
    async with speaking(tmp_path) as (gateway, face, application):
        authenticator = gateway.gate.authenticator
        client = Poller(gateway)
        await client.join()

        def revoke() -> None:
            authenticator.reconfigure(())
            authenticator.close_revoked()

        def script(websocket: ClientConnection) -> int:
            say("40" + json.dumps({"token": AGENT}), count=2)(websocket)
            anyio.from_thread.run_sync(revoke)
            return closed()(websocket)

        assert await talk(gateway, script) == 4401
        assert await client.ask("GET") == (400, '{"code":1,"message":"Session ID unknown"}')
        assert application.heard == ["the token counts no more"] * 2
        assert face._owners == {}


async def test_logins_are_told_of_once_for_each_session_and_no_id_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with speaking(tmp_path) as (gateway, _, application):
        client = Poller(gateway)
        await client.join()
        for _ in range(3):
            await client.ask("POST", '42["x"]')
        await client.ask("POST", "41\x1e1")
        await until(lambda: not application.there, "the end")
    said = [record.message for record in caplog.records]
    assert said.count("agent connected from 127.0.0.1") == 1
    assert said.count("agent disconnected (1000)") == 1
    assert client.sid
    assert client.sid not in caplog.text


# What is said


async def test_events_and_bytes_come_back_on_a_websocket(tmp_path: Path) -> None:
    hole = '{"_placeholder":true,"num":0}'
    async with speaking(tmp_path, is_open=True) as (gateway, _, _):
        script = say("40", '42["message","€"]', f'451-["message",{hole}]', b"\x00\xff", count=5)
        said = await talk(gateway, script)
    assert said[2:] == ['42["message-back","€"]', f'451-["message-back",{hole}]', b"\x00\xff"]


async def test_events_and_bytes_come_back_by_polls(tmp_path: Path) -> None:
    hole = '{"_placeholder":true,"num":0}'
    async with speaking(tmp_path, is_open=True) as (gateway, _, _):
        client = Poller(gateway)
        await client.join()
        body = f'42["message","€"]\x1e451-["message",{hole}]\x1ebAP8='
        assert await client.ask("POST", body) == (200, "ok")
        _, answer = await client.ask("GET")
        expected = f'42["message-back","€"]\x1e451-["message-back",{hole}]\x1ebAP8='
        assert answer == expected
        assert client.headers["content-type"] == "text/plain; charset=utf-8"
        assert client.headers["cache-control"] == "no-store"


async def test_a_session_is_upgraded_and_nothing_is_lost_on_the_way(tmp_path: Path) -> None:
    async with speaking(tmp_path, is_open=True) as (gateway, _, _):
        client = Poller(gateway)
        await client.join()

        def script(websocket: ClientConnection) -> list[Any]:
            websocket.send("2probe")
            assert websocket.recv(timeout=5) == "3probe"
            assert anyio.from_thread.run(client.ask, "POST", '42["message",1]') == (200, "ok")
            assert anyio.from_thread.run(client.ask, "GET") == (200, "6")
            websocket.send("5")
            websocket.send('42["message",2]')
            return [websocket.recv(timeout=5) for _ in range(2)]

        def run() -> list[Any]:
            url = f"ws://127.0.0.1:{gateway.port}{WEBSOCKET}&sid={client.sid}"
            with connect(url, compression=None, open_timeout=5) as websocket:
                return script(websocket)

        said = await anyio.to_thread.run_sync(run)
    assert said == ['42["message-back",1]', '42["message-back",2]']


async def test_what_cannot_begin_is_refused_by_http(tmp_path: Path) -> None:
    async with speaking(tmp_path) as (gateway, _, _):
        with pytest.raises(InvalidStatus) as refused:
            await talk(gateway, say(count=0), path=WEBSOCKET + "&sid=none")
        assert refused.value.response.status_code == 400
        client = Poller(gateway)
        assert await client.ask("PUT") == (400, '{"code":2,"message":"Bad handshake method"}')


async def test_a_body_over_the_cap_is_refused_and_so_is_a_message(tmp_path: Path) -> None:
    settings = EngineSettings(payload_bytes_max=2_000)
    async with speaking(tmp_path, is_open=True, settings=settings) as (gateway, _, _):
        client = Poller(gateway)
        await client.join()
        assert (await client.ask("POST", "4" + "x" * 2_000))[0] == 413
        assert await talk(gateway, closed("40", "42" + "x" * 2_000)) == 1009


async def test_a_flood_keeps_pace_with_who_reads_it(tmp_path: Path) -> None:
    async with speaking(tmp_path, is_open=True) as (gateway, _, application):

        def script(client: ClientConnection) -> int:
            say("40", '42["flood",500]', count=2)(client)
            for number in range(499, -1, -1):
                assert client.recv(timeout=5)[:15].startswith(f'42["flood",{number},'[:15])
            return 500

        assert await talk(gateway, script) == application.sent == 500
        poller = Poller(gateway)
        await poller.join()
        await poller.ask("POST", '42["flood",60]')
        assert application.sent < 520
        got = ""
        while '["flood",0,' not in got:
            got += (await poller.ask("GET"))[1]
        assert got.count('42["flood"') == 60


# Pages


async def test_pages_of_allowed_origins_may_speak(tmp_path: Path) -> None:
    page = f"Origin: {PAGE}\r\n"
    asked = f"{page}Access-Control-Request-Method: POST\r\n"
    config = {"allowed_origins": [PAGE]}
    async with speaking(tmp_path, is_open=True, gateway=config) as (gateway, _, _):
        client = Poller(gateway)
        assert (await client.ask("OPTIONS", extra=asked))[0] == 204
        assert client.headers["access-control-allow-origin"] == PAGE
        assert client.headers["access-control-allow-methods"] == "get, head, post"
        await client.open(page)
        assert client.headers["access-control-allow-origin"] == PAGE
        assert client.headers["vary"] == "origin"
        foreign = "Origin: https://evil.example\r\n"
        assert (await client.ask("POST", "40", foreign))[0] == 403
        with pytest.raises(InvalidStatus):
            await talk(gateway, say(count=0), origin="https://evil.example")


# Time, and the end


async def test_sessions_have_one_timer_for_pings_and_for_those_who_connect_to_nothing(
    tmp_path: Path,
) -> None:
    settings = EngineSettings(ping_interval_s=0.05, ping_timeout_s=0.7)
    async with speaking(tmp_path, is_open=True, settings=settings, connect_s=0.5) as (
        gateway,
        face,
        application,
    ):

        def pings(client: ClientConnection) -> int:
            client.send("40")
            for _ in range(3):
                while client.recv(timeout=5) != "2":
                    pass
                client.send("3")
            return closed()(client)

        assert await talk(gateway, pings) == 1008
        assert application.heard == ["no pong in time"]
        long = Poller(gateway)
        await long.open()
        assert await long.ask("GET") == (200, "2")
        await until(lambda: not face.engine.count, "the end of the session")

        application.wake_at = anyio.current_time() + 0.05
        application.settle()
        await until(lambda: application.woken, "the application's timer")


async def test_any_byte_on_a_websocket_is_a_sign_of_life(tmp_path: Path) -> None:
    settings = EngineSettings(ping_interval_s=0.05, ping_timeout_s=0.5)

    def script(client: ClientConnection) -> list[Any]:
        say("40", count=2)(client)
        for _ in range(4):  # each of them would have been the end, without a pong
            while not has_come(client, "2"):
                assert client.ping().wait(5)
        return say('42["message",1]', count=1)(client)

    async with speaking(tmp_path, is_open=True, settings=settings) as (gateway, _, _):
        assert await talk(gateway, script) == ['42["message-back",1]']


def has_come(client: ClientConnection, packet: str) -> bool:
    try:
        return client.recv(timeout=0.05) == packet
    except TimeoutError:
        return False


async def test_whoever_connects_to_nothing_is_sent_away(tmp_path: Path) -> None:
    async with speaking(tmp_path, connect_s=0.05) as (gateway, _, _):
        assert await talk(gateway, closed()) == 1008


async def test_polls_of_who_is_known_are_not_counted_among_strangers(tmp_path: Path) -> None:
    async with speaking(tmp_path) as (gateway, _, _):
        client = Poller(gateway)
        await client.join()
        peers = gateway._listener.peers
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.ask, "GET")
            await until(lambda: peers, "the poll")
            (peer,) = peers.values()
            await until(lambda: peer.connection.principal, "whose it is")
            assert peer.connection.principal.name == "agent"
            await client.ask("POST", '42["message",1]')


async def test_a_bug_in_an_application_costs_one_session(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with speaking(tmp_path, is_open=True) as (gateway, _, _):

        def script(client: ClientConnection) -> int:
            say("40", count=2)(client)
            assert anyio.from_thread.run(talk, gateway, closed("40", '42["break"]')) == 1008
            return len(say('42["message",1]', count=1)(client))

        assert await talk(gateway, script) == 1
    assert "EventReceived could not be handled" in caplog.text


async def test_a_bug_in_an_application_s_timer_stops_no_heartbeat(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentgate_server.faces.socketio.FAULT_PAUSE_S", 0.01)
    settings = EngineSettings(ping_interval_s=0.2)
    async with speaking(tmp_path, is_open=True, settings=settings) as (gateway, _, application):

        def fail(now: float) -> None:
            application.wake_at = None
            del application.handle_timer
            raise RuntimeError("a bug")

        def script(client: ClientConnection) -> str:
            say("40", count=2)(client)
            return str(client.recv(timeout=5))

        application.handle_timer = fail
        application.wake_at = anyio.current_time()
        assert await talk(gateway, script) == "2"
    assert "the timer failed" in caplog.text


async def test_at_shutdown_transports_end_and_polls_are_answered(tmp_path: Path) -> None:
    codes: list[int] = []
    answers: list[tuple[int, str]] = []
    async with anyio.create_task_group() as tasks:

        async def websocket(gateway: Gateway) -> None:
            codes.append(await talk(gateway, closed("40")))

        async def poll(client: Poller) -> None:
            answers.append(await client.ask("GET"))

        async with speaking(tmp_path, is_open=True) as (gateway, face, application):
            client = Poller(gateway)
            await client.join()
            tasks.start_soon(websocket, gateway)
            tasks.start_soon(poll, client)
            await until(lambda: len(application.there) == 2, "both clients")
            await until(lambda: any(s._poll for s in face.engine._sessions.values()), "the poll")
    assert codes == [1012]
    assert answers == [(200, '42["bye"]')]
