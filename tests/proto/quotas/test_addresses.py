"""Addresses as they are counted."""

import pytest

from agentgate_proto.quotas.addresses import block_of


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("no:address", "no:address"),
        ("", ""),
    ],
)
def test_an_address_of_ipv4_is_one_client_s(address: str, block: str) -> None:
    assert block_of(address) == block


def test_whoever_has_an_address_of_ipv6_has_those_beside_it() -> None:
    first, second = block_of("2001:db8:1:2::1"), block_of("2001:db8:1:2:ffff::9%eth0")
    assert first == second
    assert block_of("2001:db8:1:3::1") != first
