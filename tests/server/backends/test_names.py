"""Names of HTTP libraries that dial for themselves: both generations, over real sockets."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpcore
import httpcore2
import httpx
import httpx2
import pytest
from tests.client.conftest import Certificates
from tests.names.silence import BOUND_S, SILENT, assert_nothing_waits, silence
from tests.standins.http_api import http_api, says

from agentgate_names.lookups import Lookups
from agentgate_server.backends.names import Named, look_names_up

pytestmark = pytest.mark.anyio

LIBRARIES: dict[str, tuple[Any, Any]] = {"httpx": (httpx, httpcore), "httpx2": (httpx2, httpcore2)}


@pytest.fixture(params=list(LIBRARIES))
def library(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Known:
    """What the names mean here, and which have been asked for."""

    def __init__(self, **names: list[str]) -> None:
        self.names = names
        self.asked: list[str] = []

    def ask(self, host: str) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, 0, 0, "", (address, 0)) for address in self.names[host]]


@asynccontextmanager
async def client_of(library: str, known: Known, **options: Any) -> AsyncIterator[Any]:
    """A client of a library that looks names up so."""
    high, low = LIBRARIES[library]
    with anyio.fail_after(BOUND_S):
        async with high.AsyncClient(**options) as client:
            look_names_up(client, low, Lookups(known.ask))
            yield client


async def test_the_first_address_that_answers_is_used(library: str) -> None:
    known = Known(hub=["127.0.0.9", "127.0.0.1"])
    async with http_api({"/": says(200, "here")}) as api, client_of(library, known) as client:
        for _ in range(2):
            assert (await client.get(f"http://hub:{api.port}/")).json() == "here"
    assert known.asked == ["hub"]
    assert api.connections == 1
    assert api.arrivals[0].headers["host"] == f"hub:{api.port}"


async def test_tls_is_with_the_name_and_not_with_the_address(
    library: str, certificates: Certificates
) -> None:
    known = Known(**{"elsewhere.example": ["127.0.0.1"], "another.example": ["127.0.0.1"]})
    trust = httpcore2.default_ssl_context()
    trust.load_verify_locations(certificates.ca)
    tls = certificates.gateway(certificates.elsewhere)
    async with (
        http_api({"/": says(200, "secure")}, tls) as api,
        client_of(library, known, verify=trust) as client,
    ):
        answer = await client.get(f"https://elsewhere.example:{api.port}/")
        assert answer.json() == "secure"
        with pytest.raises(LIBRARIES[library][0].ConnectError):
            await client.get(f"https://another.example:{api.port}/")
    assert known.asked == ["elsewhere.example", "another.example"]
    assert len(api.arrivals) == 1


async def test_a_proxy_of_the_environment_is_used_and_its_name_looked_up(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies behind it, the proxy looks up."""
    known = Known(proxy=["127.0.0.1"])
    async with http_api({"http://far.example/": says(200, "by proxy")}) as api:
        monkeypatch.setenv("HTTP_PROXY", f"http://proxy:{api.port}")
        async with client_of(library, known) as client:
            assert (await client.get("http://far.example/")).json() == "by proxy"
    assert known.asked == ["proxy"]
    assert api.arrivals[0].headers["host"] == "far.example"


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("nowhere", "Name or service not known"),
        ("empty", "its host has no address"),
        ("refuses", r"(?i)all .*attempts .*failed"),
    ],
)
async def test_the_errors_are_the_librarys(library: str, host: str, said: str) -> None:
    with socket.socket() as bound:  # nobody listens there
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        known = Known(empty=[], refuses=["127.0.0.1", "127.0.0.9"])
        async with client_of(library, known) as client:
            with pytest.raises(LIBRARIES[library][0].ConnectError, match=said):
                await client.get(f"http://{host}:{port}/")


async def test_what_is_no_name_is_not_asked_for(library: str) -> None:
    low = LIBRARIES[library][1]

    def ask(host: str) -> list[tuple[Any, ...]]:
        raise UnicodeError("label too long")

    named = Named(low.AnyIOBackend(), low, Lookups(ask))
    with pytest.raises(low.ConnectError, match="its host is no name"):
        await named.connect_tcp("x" * 70, 80)


async def test_a_name_takes_no_longer_than_a_connection_may(library: str) -> None:
    high, low = LIBRARIES[library]
    with silence():
        async with high.AsyncClient(timeout=high.Timeout(BOUND_S, connect=0.01)) as client:
            look_names_up(client, low, Lookups())
            with pytest.raises(high.ConnectTimeout):
                await client.get(f"http://{SILENT}/")


async def test_what_needs_no_name_is_left_as_it_was(library: str) -> None:
    """A pause between attempts is the library's; what dials nothing is no matter of ours."""
    high, low = LIBRARIES[library]
    await Named(low.AnyIOBackend(), low, Lookups()).sleep(0)
    transport = high.MockTransport(lambda _: high.Response(200))
    async with client_of(library, Known(), transport=transport) as client:
        assert (await client.get("http://nowhere/")).status_code == 200


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_silent_name_server_holds_up_nobody_who_stops(library: str, backend: str) -> None:
    high, low = LIBRARIES[library]

    async def work() -> None:
        async with high.AsyncClient() as client:
            look_names_up(client, low)
            await client.get(f"http://{SILENT}/")

    assert_nothing_waits(work, backend)
