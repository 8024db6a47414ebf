"""Dialling: names, the addresses behind them, and the way through a proxy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.client.conftest import Certificates
from tests.client.connect_proxy import connect_proxy
from tests.client.gateway import gateway, hang_up, http_reply, obliging, say_nothing
from tests.client.helpers import BOUND_S, Impatient
from tests.held_ports import held_port

from agentgate_client import AgentGateClient, AgentGateConnectionError
from agentgate_client.address import parse_url
from agentgate_client.dial import DialError, dial
from agentgate_client.sockets import connect
from agentgate_names.lookups import Lookups
from agentgate_proto.limits import Limits

pytestmark = pytest.mark.anyio

HUB = "hub.example:8443"
URL = f"ws://{HUB}"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def dead_port() -> Iterator[int]:
    with held_port() as port:
        yield port


async def fails_with(client: AgentGateClient) -> str:
    with anyio.fail_after(BOUND_S), pytest.raises(AgentGateConnectionError) as caught:
        await client.connect()
    return caught.value.message


def knows(*addresses: str) -> Lookups:
    """A name server that knows all names."""
    return Lookups(lambda host: [(0, 0, 0, "", (address, 0)) for address in addresses])


# Names and addresses


async def test_a_silent_name_server_takes_no_longer_than_dialling_may() -> None:
    told = threading.Event()

    def ask(host: str) -> list[Any]:
        told.wait(BOUND_S)
        return []

    with anyio.fail_after(BOUND_S), pytest.raises(DialError, match=r"no connection within 0\.05 s"):
        await dial(parse_url("wss://hub.example"), None, 0.05, lookups=Lookups(ask))
    told.set()


async def test_the_next_address_is_tried_where_one_fails() -> None:
    async with gateway(obliging) as gate:
        stream = await connect("hub.example", gate.port, knows("127.0.0.2", "::1", "127.0.0.1"))
        await stream.aclose()


async def test_an_address_that_says_nothing_is_not_waited_for() -> None:
    async with gateway(obliging) as gate:
        lookups = knows("192.0.2.1", "127.0.0.1")  # nobody has the first (RFC 5737)
        with anyio.fail_after(BOUND_S):
            stream = await connect("hub.example", gate.port, lookups)
        await stream.aclose()


async def test_why_each_address_failed_is_said_once(dead_port: int) -> None:
    address = parse_url(f"ws://hub.example:{dead_port}")
    with pytest.raises(DialError, match=r"^nothing listens there \(connection refused\); is the"):
        await dial(address, None, BOUND_S, lookups=knows("127.0.0.1", "127.0.0.2"))


async def test_a_name_without_addresses_and_one_that_is_none_are_explained() -> None:
    address = parse_url("wss://hub.example")
    with pytest.raises(DialError, match=r"no address for the name 'hub\.example'"):
        await dial(address, None, BOUND_S, lookups=knows())

    def ask(host: str) -> list[Any]:
        raise UnicodeError("label too long")

    with pytest.raises(DialError, match="no name that can be looked up") as caught:
        await dial(address, None, BOUND_S, lookups=Lookups(ask))
    assert caught.value.final


async def test_the_dot_of_a_whole_name_is_for_the_lookup_alone(certificates: Certificates) -> None:
    asked: list[str] = []

    def ask(host: str) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", ("127.0.0.1", 0))]

    async with gateway(obliging, tls=certificates.gateway(certificates.elsewhere)) as gate:
        client = AgentGateClient(
            f"wss://elsewhere.example.:{gate.port}", "t", ca_file=certificates.ca, max_retries=0
        )
        address, context = client._driver.endpoint.address, client._driver.endpoint.context
        stream = await dial(address, context, BOUND_S, lookups=Lookups(ask))
        await anyio.aclose_forcefully(stream)
    assert asked == ["elsewhere.example."]
    assert address.authority == f"elsewhere.example:{gate.port}"


def link_address() -> str:
    """An address of a link of this machine, with its zone; "": there is none."""
    table = Path("/proc/net/if_inet6")
    for row in table.read_text().splitlines() if table.exists() else ():
        digits, _, _, scope, _, name = row.split()
        if scope == "20":
            address = socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))
            return f"{address}%{name}"
    return ""


@pytest.mark.skipif(not link_address(), reason="this machine has no link-local address")
async def test_an_address_of_a_link_is_dialled_by_its_zone() -> None:
    with socket.socket(socket.AF_INET6) as listener:
        host, _, zone = link_address().partition("%")
        listener.bind((host, 0, 0, socket.if_nametoindex(zone)))
        listener.listen()
        address = parse_url(f"ws://[{host}%25{zone}]:{listener.getsockname()[1]}")
        with anyio.fail_after(BOUND_S):
            stream = await dial(address, None, BOUND_S)
        await stream.aclose()


# Through a proxy


async def test_tls_goes_through_the_proxy_that_the_environment_names(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy looks the name up, which nobody here knows; TLS is with the gateway itself."""
    tls = certificates.gateway(certificates.elsewhere)
    async with (
        gateway(obliging, tls=tls) as gate,
        connect_proxy({"elsewhere.example:443": gate.port}, credentials="me:p@ss") as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@127.0.0.1:{proxy.port}")
        with anyio.fail_after(BOUND_S):
            url = "wss://elsewhere.example"
            async with AgentGateClient(url, "t", ca_file=certificates.ca) as client:
                assert await client.call("greet") == {"tool": "greet", "args": {}}
        assert proxy.asked == ["elsewhere.example:443"]


async def test_a_certificate_for_another_name_is_refused_through_a_proxy_too(
    certificates: Certificates,
) -> None:
    async with (
        gateway(obliging, tls=certificates.gateway()) as gate,
        connect_proxy({HUB: gate.port}) as proxy,
    ):
        way = f"http://127.0.0.1:{proxy.port}"
        client = AgentGateClient(f"wss://{HUB}", "t", ca_file=certificates.ca, proxy=way)
        assert "its certificate is not accepted (Hostname mismatch" in await fails_with(client)


async def test_clear_text_goes_through_a_tunnel_too() -> None:
    async with gateway(obliging) as gate, connect_proxy({HUB: gate.port}) as proxy:
        way = f"127.0.0.1:{proxy.port}"
        with anyio.fail_after(BOUND_S):
            async with AgentGateClient(URL, "t", insecure=True, proxy=way) as client:
                assert await client.call("greet") == {"tool": "greet", "args": {}}
        assert proxy.asked == [HUB]


async def test_there_may_be_tls_to_the_proxy_itself(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))  # what the system trusts
    tls = certificates.gateway(certificates.elsewhere)
    async with (
        gateway(obliging, tls=tls) as gate,
        connect_proxy({"elsewhere.example:443": gate.port}, tls=certificates.gateway()) as proxy,
    ):
        way = f"https://localhost:{proxy.port}"
        with anyio.fail_after(BOUND_S):
            async with AgentGateClient("wss://elsewhere.example", "t", proxy=way) as client:
                assert await client.call("greet") == {"tool": "greet", "args": {}}


@pytest.mark.parametrize(
    ("says", "words", "attempts"),
    [
        (b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "it wants credentials (HTTP 407)", 1),
        (
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
            'refuses: 403 Forbidden: "no"',
            1,
        ),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n", "it refuses: 502 Bad", 2),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1", "more than that there is a tunnel", 1),
        (b"SSH-2.0-x\r\n\r\n", "what answers there is no HTTP proxy", 2),
    ],
)
async def test_what_a_proxy_says_is_told_with_who_named_it(
    monkeypatch: pytest.MonkeyPatch, says: bytes, words: str, attempts: int
) -> None:
    async with connect_proxy(says=says) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        text = await fails_with(AgentGateClient("wss://hub.example", "t", backoff=Impatient(1)))
        assert len(proxy.asked) == attempts
    assert f"the proxy 127.0.0.1:{proxy.port} (ALL_PROXY): " in text
    assert words in text


async def test_a_proxy_that_cannot_be_reached_is_named(
    dead_port: int, certificates: Certificates
) -> None:
    async def fails(way: str, opening_s: float = BOUND_S) -> str:
        limits = Limits(opening_s=opening_s)
        client = AgentGateClient(
            "wss://hub.example", "t", proxy=way, backoff=Impatient(0), limits=limits
        )
        return (await fails_with(client)).partition("(the argument proxy)")[2]

    refused = " can't be reached: nothing listens there (connection refused)"
    assert await fails(f"http://127.0.0.1:{dead_port}") == refused
    unknown = await fails("http://no-such-proxy.invalid:1")
    assert unknown.startswith(" can't be reached: no address for its name (")
    async with gateway(raw=hang_up) as gate:
        assert await fails(f"http://127.0.0.1:{gate.port}") == ": it hung up without an answer"
        hung_up = await fails(f"https://127.0.0.1:{gate.port}")
        assert hung_up.startswith(" can't be reached: ")
    async with gateway(raw=say_nothing) as gate:
        assert await fails(f"http://127.0.0.1:{gate.port}", 0.05) == ""
    async with gateway(obliging, tls=certificates.gateway()) as gate:
        untrusted = await fails(f"https://127.0.0.1:{gate.port}")
        assert untrusted.startswith(" can't be reached: its certificate is not accepted (")
    async with gateway(raw=http_reply("400 Bad Request")) as gate:
        spoken = await fails(f"https://127.0.0.1:{gate.port}")
        assert spoken == " can't be reached: what answers there speaks no TLS: write http:// for it"


async def test_a_proxy_that_is_none_is_refused_before_anything_is_dialled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://p:1080")
    with pytest.raises(ValueError, match="HTTPS_PROXY: SOCKS is not spoken"):
        AgentGateClient("wss://hub.example", "t")
    AgentGateClient("wss://hub.example", "t", proxy="")
