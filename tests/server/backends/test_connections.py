"""Connections: which one carries another request, how many there are, and how they end."""

from __future__ import annotations

from contextlib import suppress

import anyio
import pytest
from tests.client.conftest import Certificates
from tests.server.backends.helpers import LOOPBACK, backend, joined
from tests.standins import http_api as standin
from tests.standins.http_api import Arrival, Conversation, http_api, raw, says

from agentgate_proto.records.request import Effects
from agentgate_server.backends import connections
from agentgate_server.backends.addresses import Reach
from agentgate_server.backends.answer import Answer
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.backends.http_options import Redirects
from agentgate_server.errors import EffectUnknown, NotStarted

pytestmark = pytest.mark.anyio

OLD = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"old"'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 65494\r\n\r\n"
BODY = b"x" * 65_494


async def then_paid(made: HttpBackend, method: str) -> Answer:
    """Send a request, and another one, which must get its own answer."""
    first = await made.request(method, "/")
    second = await made.request("POST", "/pay", content=b"x")
    assert (second.status, second.body) == (200, b'"paid"')
    return first


# What is left of an answer


@pytest.mark.parametrize(
    ("method", "status", "data", "body"),
    [
        ("DELETE", 204, b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}", b""),
        ("DELETE", 204, b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", b""),
        ("DELETE", 204, b"HTTP/1.1 204 No Content\r\n\r\n{}", b""),
        (
            "DELETE",
            204,
            b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"",
        ),
        ("GET", 304, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n{}", b""),
        ("HEAD", 200, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b""),
        ("HEAD", 200, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b""),
        ("POST", 200, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}", b"{"),
        (
            "POST",
            200,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n\r\n",
            b"1",
        ),
        ("POST", 201, b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" + OLD, b""),
        # the answer ends after just 64 KiB, where a stream might split what it got
        ("POST", 200, HEAD + BODY + OLD, BODY),
    ],
)
async def test_leftovers_of_an_answer_do_not_become_part_of_the_next(
    method: str, status: int, data: bytes, body: bytes
) -> None:
    async with joined(raw(data)) as (api, made):
        api.routes["/pay"] = says(200, "paid")
        first = await then_paid(made, method)
        assert (first.status, first.body) == (status, body)
        assert (api.connections, len(api.arrivals)) == (2, 2)


async def test_leftovers_in_a_tls_record_of_their_own_are_seen(certificates: Certificates) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    for left, count in (((OLD,), 2), ((), 1)):
        routes = {"/": raw(answer, *left), "/pay": says(200, "paid")}
        async with (
            http_api(routes, certificates.gateway()) as api,
            backend(api.url, ca=certificates.ca) as made,
        ):
            assert (await then_paid(made, "POST")).body == b"{}"
            assert api.connections == count


@pytest.mark.parametrize("left", [OLD, None])
async def test_what_comes_in_while_a_connection_is_idle_ends_it(left: bytes | None) -> None:
    answered = anyio.Event()

    async def adds_later(talk: Conversation, arrival: Arrival) -> None:
        await says(200, 1)(talk, arrival)
        await answered.wait()
        if left is None:
            raise standin.Dropped
        await talk.stream.send(left)

    async with joined(adds_later) as (api, made):
        api.routes["/pay"] = says(200, "paid")
        await made.request("POST", "/")
        answered.set()
        ((_, connection),) = made.connections.idle
        while connection.is_quiet():
            await anyio.lowlevel.checkpoint()
        answer = await made.request("POST", "/pay")
        assert (answer.status, answer.body, api.connections) == (200, b'"paid"', 2)


@pytest.mark.parametrize(
    ("method", "data"),
    [
        ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("DELETE", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        ("GET", b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("POST", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n"),
    ],
)
async def test_a_connection_with_nothing_left_on_it_is_used_again(method: str, data: bytes) -> None:
    async with joined(raw(data)) as (api, made):
        api.routes["/pay"] = says(200, "paid")
        await then_paid(made, method)
        assert api.connections == 1


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_connection_that_the_server_will_close_is_not_used_again(data: bytes) -> None:
    async with joined(raw(data)) as (api, made):
        api.routes["/pay"] = says(200, "paid")
        await then_paid(made, "POST")
        assert api.connections == 2


async def test_an_answer_that_was_not_read_to_its_end_ends_the_connection() -> None:
    async with joined(standin.breaks_off) as (api, made):
        with pytest.raises(EffectUnknown, match="the answer broke off"):
            await made.request("POST", "/")
        api.routes["/"] = says(200, 1)
        assert (await made.request("POST", "/")).ok
        assert api.connections == 2


# How a request goes out


async def test_a_connection_that_did_not_take_all_of_a_request_is_not_used_again() -> None:
    async def refuses_early(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive(1)
            await stream.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, refuses_early)
        async with backend(f"http://127.0.0.1:{port}") as made:
            with suppress(EffectUnknown):  # a reset may overtake the answer
                answer = await made.request("POST", "/", content=b"x" * 32_000_000)
                assert answer.status == 413
            assert made.connections.idle == []
        tasks.cancel_scope.cancel()


async def test_a_request_that_cannot_be_written_was_not_sent() -> None:
    async with joined(says(200)) as (api, made):
        with pytest.raises(NotStarted, match="the request could not be written; nothing was sent"):
            await made.request("POST", "/", headers=[("X-Bad", "a\r\nX-Admin: 1")])
    assert api.arrivals == []


# How many there are


async def test_requests_beyond_the_connections_wait_for_their_turn() -> None:
    running, most = 0, 0

    async def counts(talk: Conversation, arrival: Arrival) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.lowlevel.checkpoint()
        running -= 1
        await says(200)(talk, arrival)

    async with joined(counts, connections_max=2) as (api, made):
        async with anyio.create_task_group() as tasks:
            for _ in range(12):
                tasks.start_soon(made.request, "GET", "/")
        assert (len(api.arrivals), api.connections) == (12, 2)
        assert most <= 2
        assert len(made.connections.idle) == 2


async def test_an_idle_connection_makes_room_for_one_to_elsewhere() -> None:
    reach = Reach(allow=(LOOPBACK,))
    async with (
        http_api({"/": says(200, "other")}) as other,
        joined(
            standin.redirects(other.url), redirects=Redirects.ANY, reach=reach, connections_max=1
        ) as (api, made),
    ):
        for _ in range(2):
            answer = await made.request("GET", "/", effects=Effects.READ)
            assert answer.body == b'"other"'
            assert len(made.connections.idle) == 1
        assert (api.connections, other.connections) == (2, 2)


async def test_connections_to_two_places_are_kept_where_there_is_room() -> None:
    reach = Reach(allow=(LOOPBACK,))
    async with (
        http_api({"/": says(200, "other")}) as other,
        joined(
            standin.redirects(other.url), redirects=Redirects.ANY, reach=reach, connections_max=2
        ) as (api, made),
    ):
        for _ in range(5):
            assert (await made.request("GET", "/", effects=Effects.READ)).body == b'"other"'
        assert (api.connections, other.connections) == (1, 1)


async def test_an_idle_connection_is_not_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async with joined(says(200, 1)) as (api, made):
        await made.request("GET", "/")
        monkeypatch.setattr(connections, "IDLE_S", -1.0)
        await made.request("GET", "/")
        assert api.connections == 2
        assert len(made.connections.idle) == 1


async def test_a_cancelled_request_gives_its_place_back() -> None:
    async with joined(standin.hangs, connections_max=1) as (api, made):
        for count in (1, 2, 3):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(made.request, "GET", "/")
                while len(api.arrivals) < count:
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
        api.routes["/"] = says(200, 1)
        assert (await made.request("GET", "/")).ok


async def test_closing_ends_what_is_on_its_way() -> None:
    async def ask(made: HttpBackend) -> None:
        with pytest.raises(EffectUnknown, match="no answer came"):
            await made.request("POST", "/")

    async with joined(standin.hangs) as (api, made):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, made)
            while not api.arrivals:
                await anyio.lowlevel.checkpoint()
            await made.aclose()
        assert (made.connections.idle, made.connections.busy) == ([], set())
