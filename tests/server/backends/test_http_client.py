"""The HTTP client against a real server: what was sent, what came back, and what is said of it."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import anyio
import pytest
from tests.client.conftest import Certificates
from tests.standins import http_api as standin
from tests.standins.http_api import HttpApi, http_api, redirects, says

from agentgate_server.backends.addresses import Reach
from agentgate_server.backends.circuit import State
from agentgate_server.backends.dialling import Forbidden
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.backends.http_options import HttpOptions, Redirects
from agentgate_server.tokens import Secret
from agentgate_server.tools.errors import EffectUnknown, NotStarted, ToolFailed

pytestmark = pytest.mark.anyio

BOUND_S = 20.0
LOOPBACK = ip_network("127.0.0.0/8")


@asynccontextmanager
async def backend(url: str, **options: Any) -> AsyncIterator[HttpBackend]:
    settings = {"name": "weather", "url": url, "reach": Reach(private=True), **options}
    made = HttpBackend(HttpOptions(**settings))
    try:
        with anyio.fail_after(BOUND_S):
            yield made
    finally:
        with anyio.CancelScope(shield=True):
            await made.aclose()


@asynccontextmanager
async def joined(
    behaviour: standin.Behaviour, **options: Any
) -> AsyncIterator[tuple[HttpApi, HttpBackend]]:
    """An API that does one thing at ``/``, and a backend for it."""
    async with http_api({"/": behaviour}) as api, backend(api.url, **options) as made:
        yield api, made


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
        with pytest.raises(ToolFailed, match="answered 200, but with more than 70,000 bytes"):
            await made.request("GET", "/", bytes_max=70_000)
        assert made.circuit.failures == 0


async def test_a_compressed_answer_is_not_taken() -> None:
    async with joined(says(200, b"\x1f\x8b", Content_Encoding="gzip")) as (api, made):
        with pytest.raises(ToolFailed, match=r"compressed \(gzip\) although it was asked not to"):
            await made.request("GET", "/")
    assert api.arrivals[0].headers["accept-encoding"] == "identity"


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
        assert len(made.pool.connections) == 1


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


# Addresses


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1"])
async def test_a_private_address_is_refused_however_it_is_spelled(host: str) -> None:
    async with http_api({"/": says(200)}) as api:
        url = f"http://{host}:{api.port}"
        async with backend(url, reach=Reach()) as made:
            with pytest.raises(Forbidden, match="which it may not reach; nothing was sent"):
                await made.request("GET", "/")
            assert made.circuit.failures == 0
    assert (api.connections, api.arrivals) == (0, [])


async def test_a_name_that_leads_to_a_bad_address_the_second_time_is_refused_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, answers = socket.getaddrinfo, [["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1", "::1"]]

    def rebinding(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "rebinding.example":
            return real(host, port, *args, **kwargs)
        found = answers.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    cut = says(200, 1, Connection="close")
    async with http_api({"/": cut}) as api:
        url, reach = f"http://rebinding.example:{api.port}", Reach(private=True)
        async with backend(url, reach=reach) as made:
            assert (await made.request("GET", "/")).ok
            with pytest.raises(Forbidden, match=r"169\.254\.169\.254 \(link-local\)"):
                await made.request("GET", "/")
        async with backend(url, reach=Reach()) as made:
            with pytest.raises(Forbidden, match=r"10\.0\.0\.1 \(private\), ::1 \(loopback\)"):
                await made.request("GET", "/")
    assert len(api.arrivals) == 1


# Redirects


async def test_a_redirect_is_an_answer_unless_redirects_are_followed() -> None:
    async with joined(redirects("/b")) as (api, made):
        assert (await made.request("GET", "/")).status == 302
    assert len(api.arrivals) == 1


async def test_a_redirect_of_a_write_is_never_followed() -> None:
    async with joined(redirects("/b", 307), redirects=Redirects.ANY) as (api, made):
        assert (await made.request("POST", "/", content=b"x")).status == 307
    assert len(api.arrivals) == 1


async def test_redirects_within_the_origin_are_followed_with_its_headers() -> None:
    secret = {"Authorization": Secret("Bearer abc")}
    async with joined(redirects("b/../c?d"), redirects=Redirects.SAME_ORIGIN, headers=secret) as (
        api,
        made,
    ):
        api.routes["/c"] = says(200, "here")
        assert (await made.request("GET", "/")).body == b'"here"'
    assert api.arrivals[1].target == "/c?d"
    assert api.arrivals[1].headers["authorization"] == "Bearer abc"


async def test_a_redirect_to_elsewhere_is_followed_only_if_allowed_and_without_secrets() -> None:
    secret = {"Authorization": Secret("Bearer abc")}
    async with http_api({"/": says(200, "other")}) as other:
        async with joined(redirects(other.url), redirects=Redirects.SAME_ORIGIN) as (_, made):
            with pytest.raises(ToolFailed, match="only redirects to itself are followed"):
                await made.request("GET", "/")
        async with joined(redirects(other.url), redirects=Redirects.ANY) as (_, made):
            with pytest.raises(Forbidden, match=r"127\.0\.0\.1 \(loopback\)"):
                await made.request("GET", "/")
        assert other.arrivals == []
        reach = Reach(allow=(LOOPBACK,))
        options: dict[str, Any] = {"reach": reach, "headers": secret, "redirects": Redirects.ANY}
        async with joined(redirects(other.url), **options) as (_, made):
            assert (await made.request("GET", "/")).body == b'"other"'
        assert "authorization" not in other.arrivals[0].headers


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("ftp://a.example/", "to what is no URL"),
        ("http://user@a.example/", "to what is no URL"),
        ("/", "more than 5 times"),
    ],
)
async def test_a_redirect_that_leads_nowhere_is_said(location: str, said: str) -> None:
    async with joined(redirects(location), redirects=Redirects.ANY) as (api, made):
        with pytest.raises(ToolFailed, match=f"weather redirects {said}; it was not followed"):
            await made.request("GET", "/")
    assert len(api.arrivals) <= 6


# TLS


async def test_a_backend_whose_authority_is_named_is_trusted(certificates: Certificates) -> None:
    tls = certificates.gateway()
    async with (
        http_api({"/": says(200, "secure")}, tls) as api,
        backend(api.url, ca=certificates.ca) as made,
    ):
        assert (await made.request("GET", "/")).body == b'"secure"'


async def test_a_certificate_that_is_not_good_sent_nothing(certificates: Certificates) -> None:
    for cert, ca in (
        (certificates.server, None),
        (certificates.elsewhere, certificates.ca),
        (certificates.expired, certificates.ca),
    ):
        tls = certificates.gateway(cert)
        async with http_api({"/": says(200)}, tls) as api, backend(api.url, ca=ca) as made:
            with pytest.raises(NotStarted, match=r"its certificate is not good: .*; nothing"):
                await made.request("POST", "/", content=b"x")
        assert api.arrivals == []


async def test_a_redirect_from_https_to_http_is_not_followed(certificates: Certificates) -> None:
    options: dict[str, Any] = {"ca": certificates.ca, "redirects": Redirects.ANY}
    options["reach"] = Reach(allow=(LOOPBACK,))
    async with (
        http_api({"/": says(200)}) as plain,
        http_api({"/": redirects(plain.url)}, certificates.gateway()) as api,
        backend(api.url, **options) as made,
    ):
        with pytest.raises(ToolFailed, match="redirects from https to http://127"):
            await made.request("GET", "/")
    assert plain.arrivals == []


def test_an_authority_that_is_no_certificate_is_an_error(certificates: Certificates) -> None:
    options = HttpOptions(name="a", url="https://a.example", ca=certificates.server_key)
    with pytest.raises(OSError):
        HttpBackend(options)
