"""Where the HTTP client goes: addresses, redirects, certificates."""

from __future__ import annotations

import socket
import threading
from typing import Any

import anyio
import pytest
from tests.client.conftest import Certificates
from tests.server.backends.helpers import BOUND_S, LOOPBACK, backend, joined
from tests.standins.http_api import drops, http_api, redirects, says

from agentgate_proto.records.request import Effects
from agentgate_server.backends.addresses import Reach
from agentgate_server.backends.dialling import Forbidden
from agentgate_server.backends.http_client import HttpBackend
from agentgate_server.backends.http_options import HttpOptions, Redirects
from agentgate_server.errors import EffectUnknown, NotStarted, ToolFailed
from agentgate_server.secrets.secret import Secret

pytestmark = pytest.mark.anyio


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


async def test_a_name_server_that_hangs_holds_up_no_other_backend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, release = socket.getaddrinfo, threading.Event()

    def hanging(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "hangs.example":
            release.wait(BOUND_S)
        return real("localhost" if host == "hangs.example" else host, *args, **kwargs)

    async def ask(made: HttpBackend) -> None:
        with pytest.raises(NotStarted, match=r"no connection within|no answer within"):
            await made.request("GET", "/")

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    hasty: dict[str, Any] = {"connect_timeout_s": 0.2, "connections_max": 50, "failures_max": 99}
    try:
        async with (
            http_api({"/": says(200)}) as api,
            backend(f"http://hangs.example:{api.port}", **hasty) as stuck,
            backend(f"http://localhost:{api.port}") as other,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(20):
                tasks.start_soon(ask, stuck)
            assert (await other.request("GET", "/")).ok
    finally:
        release.set()
    assert len(api.arrivals) == 1


# Redirects


async def test_a_redirect_is_an_answer_unless_redirects_are_followed() -> None:
    async with joined(redirects("/b")) as (api, made):
        assert (await made.request("GET", "/")).status == 302
    assert len(api.arrivals) == 1


@pytest.mark.parametrize("redirecting", [Redirects.SAME_ORIGIN, Redirects.ANY])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("method", "effects"),
    [
        ("GET", Effects.WRITE),
        ("HEAD", Effects.WRITE),
        ("POST", Effects.WRITE),
        ("DELETE", Effects.WRITE),
        ("POST", Effects.READ),
    ],
)
async def test_a_redirect_of_a_write_is_never_followed_whatever_its_method(
    method: str, effects: Effects, status: int, redirecting: Redirects
) -> None:
    async with joined(redirects("/b", status), redirects=redirecting) as (api, made):
        content = b"x" if method == "POST" else b""
        answer = await made.request(method, "/", content=content, effects=effects)
    assert answer.status == status
    assert [arrival.path for arrival in api.arrivals] == ["/"]


async def test_what_is_not_said_to_read_is_taken_for_a_write() -> None:
    async with joined(redirects("/b"), redirects=Redirects.ANY) as (api, made):
        assert (await made.request("GET", "/")).status == 302
    assert len(api.arrivals) == 1


async def test_redirects_within_the_origin_are_followed_with_its_headers() -> None:
    secret = {"Authorization": Secret("Bearer abc")}
    async with joined(redirects("b/../c?d"), redirects=Redirects.SAME_ORIGIN, headers=secret) as (
        api,
        made,
    ):
        api.routes["/c"] = says(200, "here")
        assert (await made.request("GET", "/", effects=Effects.READ)).body == b'"here"'
    assert api.arrivals[1].target == "/c?d"
    assert api.arrivals[1].headers["authorization"] == "Bearer abc"


async def test_a_redirect_to_elsewhere_is_followed_only_if_allowed_and_without_secrets() -> None:
    secret = {"Authorization": Secret("Bearer abc")}
    async with http_api({"/": says(200, "other")}) as other:
        async with joined(redirects(other.url), redirects=Redirects.SAME_ORIGIN) as (_, made):
            with pytest.raises(ToolFailed, match="only redirects to itself are followed"):
                await made.request("GET", "/", effects=Effects.READ)
        async with joined(redirects(other.url), redirects=Redirects.ANY) as (_, made):
            with pytest.raises(Forbidden, match=r"127\.0\.0\.1 \(loopback\)"):
                await made.request("GET", "/", effects=Effects.READ)
        assert other.arrivals == []
        reach = Reach(allow=(LOOPBACK,))
        options: dict[str, Any] = {"reach": reach, "headers": secret, "redirects": Redirects.ANY}
        async with joined(redirects(other.url), **options) as (_, made):
            assert (await made.request("GET", "/", effects=Effects.READ)).body == b'"other"'
        assert "authorization" not in other.arrivals[0].headers


async def test_where_a_redirect_leads_and_nobody_answers_no_answer_came() -> None:
    async with joined(redirects("/b"), redirects=Redirects.SAME_ORIGIN) as (api, made):
        api.routes["/b"] = drops
        with pytest.raises(EffectUnknown, match="a request was sent to weather, but no answer"):
            await made.request("GET", "/", effects=Effects.READ)
    assert len(api.arrivals) == 2


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
            await made.request("GET", "/", effects=Effects.READ)
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
            await made.request("GET", "/", effects=Effects.READ)
    assert plain.arrivals == []


def test_an_authority_that_is_no_certificate_is_an_error(certificates: Certificates) -> None:
    options = HttpOptions(name="a", url="https://a.example", ca=certificates.server_key)
    with pytest.raises(OSError):
        HttpBackend(options)
