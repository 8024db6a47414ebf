"""Which addresses a backend may have: public ones, unless the operator says otherwise."""

from ipaddress import ip_address, ip_network

import pytest

from agentgate_server.backends.addresses import Reach, literal

PUBLIC = ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]

PRIVATE = {
    **dict.fromkeys(["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"], "loopback"),
    **dict.fromkeys(
        [
            *("10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
            *("fc00::1", "fd12:3456::1", "::ffff:192.168.1.1", "64:ff9b::c0a8:101"),
        ],
        "private",
    ),
}

SPECIAL = {
    **dict.fromkeys(["0.0.0.0", "0.1.2.3", "::"], "unspecified"),
    **dict.fromkeys(["169.254.169.254", "fe80::1", "fe80::1%1", "::ffff:a9fe:a9fe"], "link-local"),
    **dict.fromkeys(["224.0.0.1", "239.255.255.255", "ff02::1"], "multicast"),
    **dict.fromkeys(
        [
            *("192.0.0.170", "192.0.2.1", "198.18.0.1", "203.0.113.9", "240.0.0.1"),
            *("255.255.255.255", "2001:0:1::1", "2001:db8::1", "2002:7f00:1::", "::7f00:1"),
            *("64:ff9b:1::1", "100::1", "5f00::1", "4000::1"),
        ],
        "reserved",
    ),
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_reached(address: str) -> None:
    assert Reach().refusal(ip_address(address)) == ""


@pytest.mark.parametrize(("address", "kind"), [*PRIVATE.items(), *SPECIAL.items()])
def test_others_are_refused_by_what_they_are(address: str, kind: str) -> None:
    assert Reach().refusal(ip_address(address)) == kind


@pytest.mark.parametrize("address", PRIVATE)
def test_private_opens_private_networks_and_this_machine(address: str) -> None:
    assert Reach(private=True).refusal(ip_address(address)) == ""


@pytest.mark.parametrize("address", SPECIAL)
def test_private_opens_nothing_else_above_all_not_the_metadata_service(address: str) -> None:
    assert Reach(private=True).refusal(ip_address(address)) != ""


def test_a_list_of_networks_opens_just_these() -> None:
    reach = Reach(allow=(ip_network("192.168.1.0/24"), ip_network("fe80::/10")))
    for good in ("192.168.1.9", "::ffff:192.168.1.9", "fe80::1%1"):
        assert reach.refusal(ip_address(good)) == ""
    for bad in ("192.168.2.9", "127.0.0.1", "169.254.169.254"):
        assert reach.refusal(ip_address(bad)) != ""


def test_a_host_is_an_address_or_a_name() -> None:
    assert literal("127.0.0.1") == ip_address("127.0.0.1")
    for name in ("localhost", "127.1", "0x7f.1", "2130706433", "1.2.3.4.example"):
        assert literal(name) is None
