"""The HTTP client against a real server: what was sent, what came back, and what is said of it."""

from __future__ import annotations

import logging
import socket
from typing import Any

import anyio
import pytest
from tests.server.backends.helpers import BOUND_S, backend, joined
from tests.standins import http_api as standin
from tests.standins.http_api import http_api, says

from agentgate_server.backends.circuit_breaker import State
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.errors import EffectUnknown, NotStarted
from agentgate_server.secrets.secret import Secret

pytestmark = pytest.mark.anyio


# Answers


async def test_a_request_arrives_as_it_was_given_and_the_answer_comes_back_whole() -> None:
    routes = {"/base/a%2Fb": standin.echoes}
    headers = {"Authorization": Secret("Bearer abc"), "X-Kind": Secret("backend")}
    async with http_api(routes) as api, backend(f"{api.url}/base/", headers=headers) as made:
        answer = await made.request(
            "POST", "/a%2Fb?q=%20", headers=[("x-kind", "tool")], content=b"body"
        )
    (arrival,) = api.arrivals
    assert (arrival.method, arrival.target, arrival.body) == ("POST", "/base/a%2Fb?q=%20", b"body")
    assert arrival.headers["host"] == api.url.removeprefix("http://")
    assert arrival.headers["authorization"] == "Bearer abc"
    assert arrival.headers["x-kind"] == "tool"
    assert answer.ok
    assert answer.headers["content-type"] == "application/json"
    assert answer.body.startswith(b'{"method":"POST"')


async def test_any_status_is_an_answer() -> None:
    async with joined(says(404, {"message": "no"})) as (_, made):
        answer = await made.request("GET", "/")
    assert (answer.status, answer.ok, answer.body) == (404, False, b'{"message":"no"}')


async def test_an_answer_in_pieces_is_put_together() -> None:
    async with joined(standin.chunked) as (_, made):
        assert (await made.request("GET", "/")).body == b'{"a": 1}'


async def test_connections_are_used_again() -> None:
    async with joined(says(200, 1)) as (api, made):
        for _ in range(3):
            await made.request("GET", "/")
        assert api.connections == 1


async def test_cookies_are_not_kept() -> None:
    async with joined(says(200, 1, Set_Cookie="a=b")) as (api, made):
        for _ in range(2):
            await made.request("GET", "/")
    assert all("cookie" not in arrival.headers for arrival in api.arrivals)


async def test_an_endless_answer_is_cut_at_the_cap() -> None:
    async with joined(standin.floods) as (_, made):
        answer = await made.request("GET", "/", bytes_max=70_000)
        assert (answer.status, answer.body) == (200, b"x" * 70_000)
        assert answer.flaw == "with more than 70,000 bytes; the rest was not read"
        assert made.circuit.failures == 0
        assert not made.connections.idle


@pytest.mark.parametrize(
    ("lines", "how"),
    [
        (b"Content-Encoding: gzip\r\n", "gzip"),
        (b"Content-Encoding: gzip, br\r\n", "gzip, br"),
        (b"Content-Encoding: gzip\r\nContent-Encoding: identity\r\n", "gzip"),
        (b"Content-Encoding: identity, x-gzip\r\n", "x-gzip"),
        (b"Content-Encoding: identity\r\n", ""),
        (b"Content-Encoding: Identity, identity\r\n", ""),
        (b"Content-Encoding: identity\r\nContent-Encoding: identity\r\n", ""),
        (b"Content-Encoding:\r\n", ""),
    ],
)
async def test_a_compressed_answer_is_not_read(lines: bytes, how: str) -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + lines + b"\r\n{}"
    async with joined(standin.raw(data)) as (api, made):
        answer = await made.request("GET", "/")
        flaw = f"compressed ({how}) although it was asked not to" if how else ""
        assert (answer.status, answer.body, answer.flaw) == (200, b"" if how else b"{}", flaw)
    assert api.arrivals[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("method", "data"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n"),
        ("POST", b"HTTP/1.1 204 No Content\r\nContent-Encoding: gzip\r\n\r\n"),
        ("POST", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"),
    ],
)
async def test_nothing_is_compressed_where_there_is_no_body(method: str, data: bytes) -> None:
    async with joined(standin.raw(data)) as (_, made):
        answer = await made.request(method, "/")
        assert (answer.ok, answer.body, answer.flaw) == (True, b"", "")


async def test_a_broken_backend_is_broken_even_if_it_compresses_its_excuse() -> None:
    async with joined(says(503, b"\x1f", Content_Encoding="gzip"), failures_max=1) as (_, made):
        assert (await made.request("GET", "/")).status == 503
        assert made.circuit.state is State.OPEN


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with joined(says(200, 1)) as (_, made):
        assert (await made.request("GET", "/")).ok


# What was sent when no answer came: never twice


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (standin.drops, "a request was sent to weather, but no answer came: Server disconnected"),
        (standin.babbles, "a request was sent to weather, but no answer came: "),
        (standin.breaks_off, "weather answered 200, but the answer broke off: peer closed"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_request_that_was_sent_and_not_answered_may_have_had_its_effect(
    behaviour: standin.Behaviour, said: str, method: str
) -> None:
    async with joined(behaviour) as (api, made):
        with pytest.raises(EffectUnknown) as caught:
            await made.request(method, "/", content=b"x")
    assert str(caught.value).startswith(said)
    assert len(api.arrivals) == 1


async def test_an_answer_that_does_not_come_in_time_is_unknown() -> None:
    async with joined(standin.hangs, timeout_s=0.2) as (api, made):
        with pytest.raises(EffectUnknown, match=r"no answer came: no answer within 0\.2 s"):
            await made.request("POST", "/")
    assert len(api.arrivals) == 1


async def test_it_gives_up_a_moment_before_its_caller_does() -> None:
    async with joined(standin.hangs) as (_, made):
        with anyio.move_on_after(0.3) as scope, pytest.raises(EffectUnknown, match="was sent"):
            await made.request("POST", "/")
    assert not scope.cancelled_caught


async def test_without_time_nothing_is_sent() -> None:
    async with joined(says(200)) as (api, made):
        with pytest.raises(NotStarted, match="nothing was sent"):
            await made.request("POST", "/", timeout_s=0.0)
    assert api.arrivals == []


async def test_a_refused_connection_sent_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        async with backend(f"http://127.0.0.1:{free.getsockname()[1]}") as made:
            with pytest.raises(NotStarted) as caught:
                await made.request("POST", "/")
    assert str(caught.value) == (
        "weather could not be reached: the connection was refused; nothing was sent"
    )


async def test_a_connection_that_does_not_come_about_in_time_sent_nothing() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        try:
            async with backend(f"http://127.0.0.1:{address[1]}", connect_timeout_s=0.2) as made:
                with pytest.raises(NotStarted, match=r"could not be reached: .*; nothing was sent"):
                    await made.request("POST", "/")
        finally:
            for filler in fillers:
                filler.close()


async def test_a_name_that_does_not_resolve_sent_nothing() -> None:
    async with backend("http://nowhere.invalid") as made:
        with pytest.raises(NotStarted, match=r"its host can't be resolved: .*; nothing was sent"):
            await made.request("GET", "/")
        assert made.circuit.failures == 1


async def test_a_request_that_is_cancelled_says_nothing_of_the_backend() -> None:
    async with joined(standin.hangs) as (api, made):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(made.request, "GET", "/")
            while not api.arrivals:
                await anyio.sleep(0.001)
            tasks.cancel_scope.cancel()
        assert made.circuit.failures == 0


async def test_requests_that_ran_out_of_time_keep_no_connection() -> None:
    options: dict[str, Any] = {"connections_max": 2, "failures_max": 100}
    async with joined(standin.hangs, **options) as (api, made):
        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(lost, made)
        api.routes["/"] = says(200)
        assert (await made.request("GET", "/")).ok
        assert len(made.connections.idle) == 1
        assert not made.connections.busy


async def lost(made: HttpBackend) -> None:
    with pytest.raises((EffectUnknown, NotStarted), match="no answer within"):
        await made.request("GET", "/", timeout_s=0.1)


# The circuit


async def test_a_dead_backend_is_left_alone_and_tried_again_by_one_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "agentgate_server")
    async with joined(says(503), failures_max=2) as (api, made):
        for _ in range(2):
            assert (await made.request("GET", "/")).status == 503
        assert made.circuit.state is State.OPEN
        with pytest.raises(NotStarted, match=r"\(status 503\); nothing is sent to it"):
            await made.request("GET", "/")
        assert len(api.arrivals) == 2
        api.routes["/"] = says(200)
        with anyio.fail_after(BOUND_S):
            while made.circuit.state is not State.CLOSED:
                try:
                    await made.request("GET", "/")
                except NotStarted:
                    await anyio.sleep(0.05)
    assert len(api.arrivals) == 3
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "weather has failed for 0 s, 2 times in a row (status 503)" in caplog.text
    assert "weather answers again" in caplog.text


async def test_answers_that_only_the_caller_dislikes_leave_it_closed() -> None:
    async with joined(says(429), failures_max=1) as (_, made):
        for _ in range(3):
            assert (await made.request("GET", "/")).status == 429
        assert made.circuit.state is State.CLOSED
