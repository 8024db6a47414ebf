"""The doors for other wire formats, on real sockets and both event loops, by a client of others."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest
from tests.server.embedded import AGENT, OPERATOR, all_bytes, http, serving, until
from tests.server.faces.parrot import BODY_MAX, MESSAGE_MAX, Parrot
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.faces.tickets import TICKET_S
from agentgate_proto.limits import SERVER_LIMITS, Limits
from agentgate_proto.wire.routes import Route
from agentgate_server.faces.face import Surroundings
from agentgate_server.gateway import Gateway

pytestmark = pytest.mark.anyio

HEALTH = Route(face="cuckoo", path="/health", methods=frozenset({"GET"}))
EVENTS = 1_000
"""Of ten kilobytes each: more than the buffers of two sockets take."""

PAGE = "https://console.example"


@asynccontextmanager
async def parrot(
    folder: Path, limits: Limits = SERVER_LIMITS, *, is_open: bool = False, **changes: Any
) -> AsyncIterator[tuple[Gateway, Parrot]]:
    made: list[Parrot] = []

    def make(around: Surroundings) -> Parrot:
        made.append(Parrot(around, is_open=is_open))
        return made[0]

    async with serving(folder, limits, faces=[make], **changes) as gateway:
        yield gateway, made[0]


async def talk(gateway: Gateway, path: str, script: Any, **options: Any) -> Any:
    """Run a script of a foreign client in a thread."""
    url = f"ws://127.0.0.1:{gateway.port}{path}"
    headers = options.pop("headers", {"Authorization": f"Bearer {AGENT}"})

    def run() -> Any:
        with connect(
            url, additional_headers=headers, compression=None, open_timeout=5, **options
        ) as client:
            return script(client)

    return await anyio.to_thread.run_sync(run)


def say_back(*messages: str | bytes) -> Any:
    def script(client: ClientConnection) -> list[str | bytes]:
        for message in messages:
            client.send(message)
        return [client.recv(timeout=5) for _ in messages]

    return script


# WebSockets


async def test_a_face_speaks_text_and_binary_with_a_subprotocol_of_its_own(tmp_path: Path) -> None:
    def script(client: ClientConnection) -> Any:
        said = say_back("hello", b"\x00\xff", "w" * MESSAGE_MAX)(client)
        assert client.response is not None
        return said, client.subprotocol, client.response.headers["x-who"]

    async with parrot(tmp_path) as (gateway, face):
        said, subprotocol, who = await talk(
            gateway, "/parrot/any/talk", script, subprotocols=["parrot.v1", "parrot.v2"]
        )
        await until(lambda: face.heard, "the end of the connection")
    assert said == ["hello", b"\x00\xff", "w" * MESSAGE_MAX]
    assert (subprotocol, who) == ("parrot.v2", "agent")
    assert face.heard == ["closed 1000"]


async def test_an_upgrade_may_be_decided_later(tmp_path: Path) -> None:
    async with parrot(tmp_path) as (gateway, _):
        assert await talk(gateway, "/parrot/later/talk", say_back("a", "b")) == ["a", "b"]


async def test_a_message_over_the_cap_of_its_route_ends_the_connection(tmp_path: Path) -> None:
    async with parrot(tmp_path) as (gateway, _):
        with pytest.raises(ConnectionClosed) as error:
            await talk(gateway, "/parrot/any/talk", say_back("x" * (MESSAGE_MAX + 1)))
    assert error.value.rcvd is not None
    assert error.value.rcvd.code == 1009


async def test_an_upgrade_is_refused_by_a_status_or_by_a_close_code(tmp_path: Path) -> None:
    async with parrot(tmp_path) as (gateway, _):
        with pytest.raises(InvalidStatus) as refused:
            await talk(gateway, "/parrot/refuse/talk", say_back("x"))
        with pytest.raises(ConnectionClosed) as closed:
            await talk(gateway, "/parrot/close/talk", lambda client: client.recv(timeout=5))
    response = refused.value.response
    assert (response.status_code, response.headers["retry-after"]) == (409, "7")
    assert json.loads(response.body or b"") == {"error": "not now"}
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4404, "no such bird")


async def test_a_path_of_plain_http_has_no_websocket_and_other_paths_are_native(
    tmp_path: Path,
) -> None:
    hello = {"jsonrpc": "2.0", "method": "auth", "params": {"token": AGENT}, "id": 1}
    async with parrot(tmp_path) as (gateway, _):
        with pytest.raises(InvalidStatus) as refused:
            await talk(gateway, "/parrot/say", say_back("x"))
        (answer,) = await talk(gateway, "/parrot", say_back(json.dumps(hello)), headers={})
    assert refused.value.response.status_code == 404
    assert json.loads(answer)["result"]["status"] == "authenticated"


# Who asks


async def test_without_a_good_token_nobody_is_let_in(tmp_path: Path) -> None:
    async with parrot(tmp_path) as (gateway, _):
        invalid = 'Bearer error="invalid_token"'
        for headers, challenge in (
            ({}, "Bearer"),
            ({"Authorization": "Bearer wrong"}, invalid),
            ({"Authorization": "Basic x"}, "Bearer"),
        ):
            with pytest.raises(InvalidStatus) as refused:
                await talk(gateway, "/parrot/any/talk", say_back("x"), headers=headers)
            assert refused.value.response.status_code == 401
            assert refused.value.response.headers["www-authenticate"] == challenge
        status, headers, _ = await http(gateway, "POST", "/parrot/say")
    assert (status, headers["www-authenticate"]) == (401, "bearer")


async def test_a_ticket_opens_one_socket_for_whom_it_was_made(tmp_path: Path) -> None:
    async with parrot(tmp_path) as (gateway, _):
        status, headers, made = await http(gateway, "POST", "/api/tickets", token=AGENT)
        assert (status, headers["cache-control"]) == (200, "no-store")
        assert made["expires_in_s"] == TICKET_S
        path = f"/parrot/any/talk?x=1&ticket={made['ticket']}"

        def script(client: ClientConnection) -> str:
            assert client.response is not None
            return str(client.response.headers["x-who"])

        assert await talk(gateway, path, script, headers={}) == "agent"
        with pytest.raises(InvalidStatus) as refused:
            await talk(gateway, path, script, headers={})
        assert refused.value.response.status_code == 401
        assert b"POST /api/tickets" in (refused.value.response.body or b"")


async def test_a_ticket_is_made_only_for_a_good_token(tmp_path: Path) -> None:
    async with parrot(tmp_path) as (gateway, _):
        for token in ("", "wrong"):
            status, _, body = await http(gateway, "POST", "/api/tickets", token=token)
            assert status == 401
            assert "ticket" not in body


async def test_an_open_face_lets_this_machine_in_and_nobody_who_comes_by_a_proxy(
    tmp_path: Path,
) -> None:
    def script(client: ClientConnection) -> str:
        assert client.response is not None
        return str(client.response.headers["x-who"])

    async with parrot(tmp_path, is_open=True) as (gateway, _):
        assert await talk(gateway, "/parrot/any/talk", script, headers={}) == "default"
        status, _, _ = await http(gateway, "POST", "/parrot/say", body="hi")
        assert status == 200
        for line in ("X-Forwarded-For: 203.0.113.9\r\n", "Forwarded: for=203.0.113.9\r\n"):
            status, _, _ = await http(gateway, "POST", "/parrot/say", body="hi", extra=line)
            assert status == 401
        status, _, _ = await http(gateway, "POST", "/parrot/say", body="hi", token="wrong")
        assert status == 401


async def test_a_revoked_token_ends_the_connection_that_it_opened(tmp_path: Path) -> None:
    async with parrot(tmp_path) as (gateway, face):
        authenticator = gateway.gate.authenticator

        def revoke() -> None:
            authenticator.reconfigure(())
            authenticator.close_revoked()

        def script(client: ClientConnection) -> int:
            client.send("hello")
            client.recv(timeout=5)
            anyio.from_thread.run_sync(revoke)
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=5)
            assert closed.value.rcvd is not None
            return closed.value.rcvd.code

        assert await talk(gateway, "/parrot/any/talk", script) == 4401
        await until(lambda: face.heard, "the end of the connection")


async def test_a_revoked_token_ends_the_stream_that_it_opened(tmp_path: Path) -> None:
    head = "GET /parrot/stream?count=0 HTTP/1.1\r\nHost: localhost\r\n"
    async with parrot(tmp_path) as (gateway, face):
        authenticator = gateway.gate.authenticator
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(f"{head}Authorization: Bearer {AGENT}\r\n\r\n".encode())
            await until(lambda: face.streams, "the stream")
            authenticator.reconfigure(())
            authenticator.close_revoked()
            assert (await all_bytes(stream)).startswith(b"HTTP/1.1 200 ")
        await until(lambda: face.heard, "the end of the connection")
        assert face.heard == ["closed 4401 the token was revoked"]


# Plain HTTP


async def test_bodies_may_be_large_and_in_chunks_and_headers_may_repeat(tmp_path: Path) -> None:
    chunk = b"%x\r\n%s\r\n" % (10_000, b"y" * 10_000)
    head = (
        b"POST /parrot/say HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Authorization: Bearer " + AGENT.encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    async with parrot(tmp_path) as (gateway, _):
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(head + chunk * 20 + b"0\r\n\r\n")
            answer = await all_bytes(stream)
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(head + chunk * 21)
            refusal = await all_bytes(stream)
    top, _, body = answer.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 200 ")
    assert top.count(b"set-cookie: ") == 2
    assert body == b"y" * BODY_MAX
    assert refusal.startswith(b"HTTP/1.1 413 ")


async def test_events_are_streamed_and_the_connection_goes_on(tmp_path: Path) -> None:
    request = "GET /parrot/stream?count={} HTTP/1.1\r\nHost: localhost\r\n"
    request += f"Authorization: Bearer {AGENT}\r\n"
    two = request.format(3) + "\r\n" + request.format(1) + "Connection: close\r\n\r\n"
    async with (
        parrot(tmp_path) as (gateway, _),
        await anyio.connect_tcp("127.0.0.1", gateway.port) as stream,
    ):
        await stream.send(two.encode())
        answer = await all_bytes(stream)
    assert answer.count(b"HTTP/1.1 200 ") == 2
    assert answer.count(b"content-type: text/event-stream") == 2
    assert answer.count(b"id: 2\nevent: squawk\ndata: xxx") == 1
    assert answer.endswith(b"0\r\n\r\n")


async def test_a_stream_waits_for_who_reads_it_slowly(tmp_path: Path) -> None:
    request = f"GET /parrot/stream?count={EVENTS} HTTP/1.1\r\nHost: localhost\r\n"
    request += f"Authorization: Bearer {AGENT}\r\nConnection: close\r\n\r\n"
    async with parrot(tmp_path) as (gateway, face):
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(request.encode())
            await until(lambda: face.sent > 3, "the first events")
            (peer,) = gateway._listener.peers.values()
            sent = -1
            while sent != face.sent:  # until the sockets' buffers are full
                sent = face.sent
                for _ in range(100):
                    await anyio.lowlevel.checkpoint()
            assert peer.connection.queued_bytes < 200_000
            assert face.sent < EVENTS
            answer = await all_bytes(stream)
        assert answer.count(b"event: squawk") == face.sent == EVENTS


async def test_a_stream_with_nothing_to_say_says_that_it_is_alive(tmp_path: Path) -> None:
    request = "GET /parrot/stream?count=0 HTTP/1.1\r\nHost: localhost\r\n"
    request += f"Authorization: Bearer {AGENT}\r\n\r\n"
    async with parrot(tmp_path, Limits(stream_idle_s=0.02)) as (gateway, face):
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(request.encode())
            got = b""
            while got.count(b": alive\n\n") < 3:
                got += await stream.receive()
        await until(lambda: face.heard, "the end of the connection")
    assert "peer" in face.heard[0]


async def test_static_files_are_cached_by_their_content(tmp_path: Path) -> None:
    async with parrot(tmp_path) as (gateway, _):
        get = partial(http, gateway, "GET", token=AGENT)
        status, headers, body = await get("/parrot/site/")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "parrot" in body
        assert headers["cache-control"] == "no-cache"
        again = f"If-None-Match: {headers['etag']}\r\n"
        status, headers, body = await get("/parrot/site/", extra=again)
        assert (status, body) == (304, "")
        status, headers, body = await get("/parrot/site/assets/app.js")
        assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
        assert "immutable" in headers["cache-control"]
        assert headers["x-content-type-options"] == "nosniff"
        for path in ("../parrot.py", "%2e%2e/parrot.py", "assets", "assets/..", "x.js"):
            status, _, _ = await get(f"/parrot/site/{path}")
            assert status == 404, path


async def test_pages_of_allowed_origins_may_ask_and_read(tmp_path: Path) -> None:
    page = f"Origin: {PAGE}\r\n"
    gateway_config = {"allowed_origins": [PAGE]}
    async with parrot(tmp_path, gateway=gateway_config) as (gateway, _):
        asked = page + "Access-Control-Request-Method: POST\r\n"
        status, headers, body = await http(gateway, "OPTIONS", "/parrot/say", extra=asked)
        assert (status, body) == (204, "")
        assert headers["access-control-allow-origin"] == PAGE
        assert headers["access-control-allow-methods"] == "post"
        assert "authorization" in headers["access-control-allow-headers"]
        status, headers, _ = await http(
            gateway, "POST", "/parrot/say", token=AGENT, body="hi", extra=page
        )
        assert (status, headers["access-control-allow-origin"]) == (200, PAGE)
        status, headers, _ = await http(gateway, "GET", "/parrot/stream?count=1", extra=page)
        assert "access-control-allow-origin" not in headers
        foreign = "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n"
        status, headers, _ = await http(gateway, "OPTIONS", "/parrot/say", extra=foreign)
        assert status == 403
        assert "access-control-allow-origin" not in headers


async def test_a_trusted_proxy_says_whose_request_it_is(tmp_path: Path) -> None:
    line = "X-Forwarded-For: 198.51.100.1, 203.0.113.9\r\n"
    for proxies, address in (([], "127.0.0.1"), (["127.0.0.0/8"], "203.0.113.9")):
        async with parrot(tmp_path, gateway={"trusted_proxies": proxies}) as (gateway, _):
            _, headers, _ = await http(
                gateway, "POST", "/parrot/say", token=AGENT, body="hi", extra=line
            )
        assert headers["x-from"] == address


async def test_two_faces_cannot_claim_one_path(tmp_path: Path) -> None:
    class Cuckoo(Parrot):
        name = "cuckoo"
        routes = (HEALTH,)

    with pytest.raises(ValueError, match="same path"):
        async with serving(tmp_path, faces=[Cuckoo]):
            pass


async def test_what_a_face_raises_ends_its_connection_alone(tmp_path: Path) -> None:
    class Broken(Parrot):
        def _requested(self, peer: Any, request: HttpRequested) -> None:
            raise RuntimeError("oh")

    async with serving(tmp_path, faces=[Broken]) as gateway:
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            await stream.send(b"POST /parrot/say HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await all_bytes(stream) == b""
        status, _, _ = await http(gateway, "GET", "/api/approvals", token=OPERATOR)
        assert status == 200


async def test_a_task_of_a_face_that_fails_does_not_end_the_gateway(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Parrot):
        async def _stream(self, peer: Any, count: int) -> None:
            raise RuntimeError("oh")

    async with serving(tmp_path, faces=[Broken]) as gateway:
        async with await anyio.connect_tcp("127.0.0.1", gateway.port) as stream:
            head = "GET /parrot/stream?count=1 HTTP/1.1\r\nHost: localhost\r\n"
            await stream.send(f"{head}Authorization: Bearer {AGENT}\r\n\r\n".encode())
            await until(lambda: "a task of a face failed" in caplog.text, "the failure")
        status, _, _ = await http(gateway, "GET", "/api/approvals", token=OPERATOR)
        assert status == 200
