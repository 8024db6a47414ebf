"""A gateway's URL, taken apart and checked."""

from __future__ import annotations

import pytest

from agentgate_client import AgentGateClient, ApprovalsClient
from agentgate_client.address import Address, parse_url, websocket_url
from agentgate_client.edge import EdgeClient


@pytest.mark.parametrize(
    ("url", "address", "authority"),
    [
        ("ws://hub", Address("ws", "hub", 80, "/"), "hub"),
        ("wss://hub", Address("wss", "hub", 443, "/"), "hub"),
        ("wss://gateway:8443", Address("wss", "gateway", 8443, "/"), "gateway:8443"),
        ("ws://hub:443/", Address("ws", "hub", 443, "/"), "hub:443"),
        ("WSS://Hub.LOCAL/a/b", Address("wss", "hub.local", 443, "/a/b"), "hub.local"),
        ("ws://my_service:1", Address("ws", "my_service", 1, "/"), "my_service:1"),
        ("ws://[::1]:8443/x", Address("ws", "::1", 8443, "/x"), "[::1]:8443"),
        ("ws://127.0.0.1:80", Address("ws", "127.0.0.1", 80, "/"), "127.0.0.1"),
        ("ws://hub?house=1&b", Address("ws", "hub", 80, "/?house=1&b"), "hub"),
        ("ws://hub/a%20b/ä", Address("ws", "hub", 80, "/a%20b/%C3%A4"), "hub"),
        ("ws://bücher.example", Address("ws", "xn--bcher-kva.example", 80, "/"), None),
        ("ws://BÜCHER.example", Address("ws", "xn--bcher-kva.example", 80, "/"), None),
        ("ws://faß.example", Address("ws", "xn--fa-hia.example", 80, "/"), None),
        ("ws://κλαρα-σωλις", Address("ws", "xn----ylba7abgd9bnh0e", 80, "/"), None),
        ("wss://hub.example.:1", Address("wss", "hub.example", 1, "/", "."), "hub.example:1"),
        ("ws://localhost.:1", Address("ws", "localhost", 1, "/"), "localhost:1"),
        ("ws://[fe80::1%eth0]:1", Address("ws", "fe80::1", 1, "/", "%eth0"), "[fe80::1]:1"),
        ("ws://[fe80::1%25Br-0]", Address("ws", "fe80::1", 80, "/", "%Br-0"), "[fe80::1]"),
        ("ws://[fe80::1%25]", Address("ws", "fe80::1", 80, "/", "%25"), "[fe80::1]"),
    ],
)
@pytest.mark.seed001("FR1-AC3")
def test_a_url_is_taken_apart(url: str, address: Address, authority: str | None) -> None:
    assert parse_url(url) == address
    assert authority is None or address.authority == authority


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("http://hub", "write ws:// instead of http://"),
        ("https://hub", "write wss:// instead of https://"),
        ("hub:8443", "begin with wss://"),
        ("", "begin with wss://"),
        ("ws://", "no host"),
        ("ws:///path", "no host"),
        ("ws://hub:0", "port 0"),
        ("ws://hub:99999", "Port out of range"),
        ("ws://hub:x", "Port could not be cast"),
        ("ws://[::1", "Invalid IPv6 URL"),
        ("ws://hub/#top", "#fragment"),
        ("ws://me:pass@hub", "headers"),
        ("ws://spaced host", "no host name"),
        ("ws://hub%0d%0aX:1", "no host name"),
        ("ws://" + "a" * 64 + ".example", "too long"),
        ("ws://a..b", "is empty"),
        ("ws://hub..", "is empty"),
        ("ws://.", "no host"),
        ("ws://☕︎.example", "no host name"),
        ("ws://a\u2024b.example", "no host name"),
        ("ws://[fe80::1%a b]", "no IP address"),
        ("ws://[fe80::1%]", "address"),
    ],
)
def test_a_url_that_cannot_be_right_is_refused_before_anything_is_dialled(
    url: str, hint: str
) -> None:
    with pytest.raises(ValueError, match="bad gateway URL") as caught:
        AgentGateClient(url, "token")
    assert hint in str(caught.value)


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="bad gateway URL") as caught:
        parse_url("ws://me:s3cret@hub")
    assert "s3cret" not in str(caught.value)


def test_messages_leave_out_the_query_where_people_put_secrets() -> None:
    assert str(parse_url("wss://hub:8443/gate?key=s3cret")) == "wss://hub:8443/gate"


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://hub:8443/a", "ws://hub:8443/a"),
        ("HTTPS://hub", "wss://hub"),
        ("ws://hub", "ws://hub"),
        ("wss://hub?http://x", "wss://hub?http://x"),
        ("hub:8443", "hub:8443"),
        ("", ""),
    ],
)
def test_the_address_of_the_pages_is_that_of_the_gateway(given: str, url: str) -> None:
    assert websocket_url(given) == url


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("[::1]", True),
        ("[::ffff:127.0.0.1]", True),
        ("[::ffff:192.0.2.1]", False),
        ("localhost.", True),
        ("LOCALHOST", True),
        ("127.example", False),
        ("127.0.0.1.example", False),
        ("localhost.example", False),
        ("0.0.0.0", False),
        ("192.0.2.1", False),
        ("[::2]", False),
    ],
)
def test_only_loopback_is_this_machine(host: str, is_loopback: bool) -> None:
    assert parse_url(f"ws://{host}:8765").is_loopback is is_loopback


def test_what_belongs_to_the_lookup_alone_is_only_dialled() -> None:
    link = parse_url("wss://[fe80::1%eth0]:8443/a")
    assert (link.dial_host, link.place) == ("fe80::1%eth0", "[fe80::1]:8443")
    assert str(link) == "wss://[fe80::1]:8443/a"
    whole = parse_url("wss://hub.example.")
    assert (whole.dial_host, whole.place) == ("hub.example.", "hub.example:443")
    assert str(whole) == "wss://hub.example/"


# A token in clear text


@pytest.mark.parametrize("kind", [AgentGateClient, ApprovalsClient])
@pytest.mark.parametrize("url", ["ws://hub", "ws://192.0.2.1:8443", "ws://localhost.example"])
def test_a_token_goes_to_no_other_machine_in_clear_text(
    url: str, kind: type[AgentGateClient | ApprovalsClient]
) -> None:
    with pytest.raises(ValueError, match="in clear text: write wss://, or") as caught:
        kind(url, "s3cret")
    assert "insecure=True" in str(caught.value)
    assert "--insecure" in str(caught.value)
    assert "AGENT_GATE_INSECURE=1" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["wss://hub", "ws://127.0.0.1", "ws://[::1]:1", "ws://localhost"])
def test_with_tls_or_on_this_machine_nothing_needs_to_be_said(url: str) -> None:
    AgentGateClient(url, "t", insecure=False)


def test_one_may_say_that_it_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    AgentGateClient("ws://hub", "t", insecure=True)
    ApprovalsClient("ws://hub", "t", insecure=True)
    EdgeClient("ws://hub", "t", insecure=True)
    for value in ("1", "true", " YES "):
        monkeypatch.setenv("AGENT_GATE_INSECURE", value)
        AgentGateClient("ws://hub", "t")
    with pytest.raises(ValueError, match="in clear text"):
        AgentGateClient("ws://hub", "t", insecure=False)
    for value in ("", "0", "no"):
        monkeypatch.setenv("AGENT_GATE_INSECURE", value)
        with pytest.raises(ValueError, match="in clear text"):
            AgentGateClient("ws://hub", "t")
