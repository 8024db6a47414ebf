"""Where a request comes from: what trusted proxies tell, and nothing that a stranger wrote."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.wire.forwarded import (
    Network,
    client_address,
    is_this_machine,
    read_address,
)
from agentgate_proto.wire.headers import Headers

PROXIES: tuple[Network, ...] = (
    ip_network("10.0.0.0/8"),
    ip_network("127.0.0.1/32"),
    ip_network("fd00::/8"),
)


def hops(*values: str) -> Headers:
    return Headers([("x-forwarded-for", value) for value in values])


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7\t", "192.0.2.7"),
        ("192.0.2.7:50123", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:50123", "2001:db8::7"),
        ('"[2001:db8::7]:50123"', "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:1", "192.0.2.7"),
        ("::FFFF:C000:207", "192.0.2.7"),
    ],
)
def test_an_address_is_read_in_every_form_that_proxies_write(text: str, address: str) -> None:
    assert read_address(text) == ip_address(address)


@pytest.mark.parametrize(
    "text",
    ["", "unknown", "_hidden", "gate.example", "1.2.3", "01.2.3.4", "1.2.3.4.5", "[", "::1::"],
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert read_address(text) is None


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7:50123"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7", "10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["127.0.0.1, 192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["127.0.0.1, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.9, 192.0.2.7", "10.0.0.2"], "192.0.2.7"),
        ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["192.0.2.7, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["192.0.2.7,,  ,"], "192.0.2.7"),
        ("10.0.0.1", ["::ffff:192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7, ::ffff:10.0.0.2"], "192.0.2.7"),
        ("::ffff:10.0.0.1", ["192.0.2.7"], "192.0.2.7"),
        ("::ffff:10.0.0.1", [], "10.0.0.1"),
        ("fd00::1", ["[2001:db8::7]:50123"], "2001:db8::7"),
        ("192.0.2.7", ["127.0.0.1"], "192.0.2.7"),
        ("", ["127.0.0.1"], ""),
        ("a socket", ["127.0.0.1"], "a socket"),
        ("10.0.0.1", ["127.0.0.1, " * 5_000 + "192.0.2.7"], "192.0.2.7"),
        ("10.0.0.1", ["192.0.2.7, " + "10.0.0.9, " * 1_000], "192.0.2.7"),
    ],
)
def test_the_address_is_the_first_from_the_right_that_is_no_trusted_proxy(
    peer: str, lines: list[str], address: str
) -> None:
    assert client_address(peer, hops(*lines), PROXIES) == address


def test_where_nobody_is_trusted_the_peer_is_all_that_counts() -> None:
    assert client_address("::ffff:10.0.0.1", hops("192.0.2.7"), ()) == "::ffff:10.0.0.1"


@pytest.mark.parametrize(
    "header", ["forwarded", "x-real-ip", "via", "x-forwarded-host", "x-forwarded-proto"]
)
def test_no_other_header_tells_an_address(header: str) -> None:
    headers = Headers([(header, "192.0.2.7")])
    assert client_address("10.0.0.1", headers, PROXIES) == "10.0.0.1"


@pytest.mark.parametrize("trusted", [(), PROXIES])
@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "127.9.9.9", "::ffff:127.0.0.1"])
def test_what_asks_over_loopback_by_itself_is_on_this_machine(
    peer: str, trusted: tuple[Network, ...]
) -> None:
    for host in ("localhost", "127.0.0.1:8443", "[::1]:8443", ""):
        assert is_this_machine(peer, Headers([("host", host)]), trusted)


@pytest.mark.parametrize("trusted", [(), PROXIES])
@pytest.mark.parametrize("host", ["gate.example", "192.0.2.7:8443", "localhost.example"])
def test_what_comes_by_another_name_is_what_a_silent_proxy_passes_on(
    host: str, trusted: tuple[Network, ...]
) -> None:
    assert not is_this_machine("127.0.0.1", Headers([("host", host)]), trusted)
    told = Headers([("host", host), ("x-forwarded-for", "127.0.0.1")])
    assert is_this_machine("127.0.0.1", told, trusted) is (trusted == PROXIES)


@pytest.mark.parametrize(
    "header",
    ["x-forwarded-for", "forwarded", "x-real-ip", "via", "x-forwarded-host", "x-forwarded-proto"],
)
@pytest.mark.parametrize("value", ["127.0.0.1", "for=127.0.0.1", "1.1 proxy", ""])
def test_what_a_proxy_passes_on_is_not_from_this_machine_unless_the_proxy_is_believed(
    header: str, value: str
) -> None:
    assert not is_this_machine("127.0.0.1", Headers([(header, value)]), ())
    assert not is_this_machine("::1", Headers([(header, value)]), PROXIES)


@pytest.mark.parametrize(
    ("lines", "is_local"),
    [
        (["127.0.0.1"], True),
        (["::1"], True),
        (["::1, 10.0.0.2"], True),
        (["192.0.2.7"], False),
        (["127.0.0.1, 192.0.2.7"], False),
        (["127.0.0.1, unknown"], False),
        (["unknown"], False),
        (["unknown, 127.0.0.1"], False),
        ([""], False),
        ([","], False),
    ],
)
def test_a_believed_proxy_on_this_machine_says_whether_it_asks_for_this_machine(
    lines: list[str], is_local: bool
) -> None:
    assert is_this_machine("127.0.0.1", hops(*lines), PROXIES) is is_local


@pytest.mark.parametrize(
    "header", ["forwarded", "x-real-ip", "via", "x-forwarded-host", "x-forwarded-proto"]
)
def test_a_believed_proxy_that_does_not_say_for_whom_it_asks_is_not_this_machine(
    header: str,
) -> None:
    assert not is_this_machine("127.0.0.1", Headers([(header, "127.0.0.1")]), PROXIES)


@pytest.mark.parametrize("peer", ["", "a socket", "192.0.2.7", "10.0.0.1"])
def test_another_machine_is_not_this_one_whatever_it_says(peer: str) -> None:
    assert not is_this_machine(peer, Headers(), PROXIES)
    assert not is_this_machine(peer, hops("unknown"), PROXIES)
    is_believed = peer == "10.0.0.1"
    assert is_this_machine(peer, hops("127.0.0.1"), PROXIES) is is_believed


ADDRESSES = ["10.0.0.1", "10.9.9.9", "127.0.0.1", "192.0.2.7", "198.51.100.1", "fd00::1", "unknown"]
WRITTEN = {
    "{}": lambda address: address,
    "port": lambda address: f"[{address}]:1" if ":" in address else f"{address}:1",
    "mapped": lambda address: address if ":" in address or "u" in address else f"::ffff:{address}",
}


@quick
@given(
    peer=st.sampled_from(ADDRESSES),
    chain=st.lists(
        st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(sorted(WRITTEN))), max_size=6
    ),
    lines=st.integers(1, 4),
)
def test_a_chain_is_walked_as_by_hand(peer: str, chain: list[tuple[str, str]], lines: int) -> None:
    written = [WRITTEN[form](address) for address, form in chain]
    values = [", ".join(written[at : at + lines]) for at in range(0, len(written), lines)]
    reached, said = peer, True
    for address, _ in reversed(chain):
        if reached.startswith(("10.", "fd")) or reached == "127.0.0.1":
            if address == "unknown":
                said = False
                break
            reached = address
    headers = hops(*values)
    assert client_address(peer, headers, PROXIES) == reached
    believed = peer.startswith(("10.", "fd")) or (peer == "127.0.0.1")
    assert is_this_machine(peer, headers, PROXIES) == (
        reached == "127.0.0.1" and said and (believed or not chain)
    )
