"""Names of the gateway: its own, this machine's and addresses, and none that can be rebound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proto.support import quick

from agentgate_proto.wire.heads import HOST
from agentgate_proto.wire.hosts import ANY, is_address, is_loopback, may_be_ours, name_of

OURS = frozenset({"gate.example", "hub"})

GOOD = [
    "gate.example",
    "gate.example:8443",
    "GATE.example:8443",
    "gate.example.",
    "gate.example.:8443",
    "gate.example:",
    "hub",
    "localhost",
    "LocalHost:8443",
    "localhost.",
    "console.localhost:3000",
    "a.b.localhost.",
    "127.0.0.1",
    "127.0.0.1:8443",
    "192.0.2.7",
    "[::1]",
    "[::1]:8443",
    "[2001:DB8::1]:8443",
    "[::ffff:127.0.0.1]",
    "",
]

STRANGE = [
    "evil.example",
    "evil.example:8443",
    "gate.example.evil.example",
    "xgate.example",
    "sub.gate.example",
    "gate.example..",
    ".gate.example",
    "localhost..",
    "xlocalhost",
    "localhost.evil.example",
    "localhost:8443.evil.example",
    "127.0.0.1.evil.example",
    "127.1",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "2130706433",
    "127.0.0.1.nip.io",
    "gate.example,evil.example",
    "evil.example,gate.example",
    "gate.example;evil.example",
    "gate%2eexample",
    "[evil.example]",
    "[localhost]",
    "[::1].evil.example",
    "[::1]evil.example",
    "[::1%25eth0]",
    "[v1.gate.example]",
    "[:::]",
    "[",
    "[]",
    ".",
    ":8443",
    "..",
    "gate.example@evil.example",
    "gate.example/evil",
    "gate.example\\evil",
]
"""Each is refused by its form (400) or by its name (403)."""


def is_taken(host: str) -> bool:
    return HOST.fullmatch(host) is not None and may_be_ours(host, OURS)


@pytest.mark.parametrize("host", GOOD)
def test_a_host_that_is_ours_is_taken(host: str) -> None:
    assert is_taken(host)


@pytest.mark.parametrize("host", STRANGE)
def test_a_host_that_may_be_a_strangers_is_not_taken(host: str) -> None:
    assert not is_taken(host)


@pytest.mark.parametrize("allowed", [None, frozenset({ANY}), OURS | {ANY}])
@pytest.mark.parametrize("host", ["evil.example", "gate.example", "localhost..", ""])
def test_where_any_host_is_allowed_all_are(allowed: frozenset[str] | None, host: str) -> None:
    assert may_be_ours(host, allowed)


def test_where_nothing_is_allowed_this_machine_still_is() -> None:
    assert [host for host in GOOD if may_be_ours(host, frozenset())] == [
        host for host in GOOD if "gate" not in host.lower() and host != "hub"
    ]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Gate.Example:8443", "gate.example"),
        ("gate.example.:1", "gate.example"),
        ("[2001:DB8::1]:8443", "2001:db8::1"),
        ("[::1", "::1"),
        ("", ""),
        (":1", ""),
    ],
)
def test_the_name_of_a_host_has_no_port_no_capitals_and_no_last_dot(host: str, name: str) -> None:
    assert name_of(host) == name


@pytest.mark.parametrize("name", ["127.0.0.1", "::1", "::ffff:10.0.0.1"])
def test_an_address_is_none_of_the_names(name: str) -> None:
    assert is_address(name)


@pytest.mark.parametrize("name", ["localhost", "127.1", "010.0.0.1", "1.2.3.4.5", "", "::1::"])
def test_what_only_some_read_as_an_address_is_none(name: str) -> None:
    assert not is_address(name)


LABELS = st.sampled_from(["gate", "example", "localhost", "evil", "127", "0", "1", "hub"])


@quick
@given(labels=st.lists(LABELS, max_size=5), dot=st.sampled_from(["", "."]), upper=st.booleans())
def test_a_name_is_taken_exactly_if_it_is_ours_or_this_machines(
    labels: list[str], dot: str, upper: bool
) -> None:
    name = ".".join(labels)
    host = (name.upper() if upper else name) + dot
    last_dot_off = name if dot or not name.endswith(".") else name[:-1]
    parts = last_dot_off.split(".")
    is_ip = len(parts) == 4 and all(part in ("127", "0", "1") for part in parts)
    known = last_dot_off in OURS or parts[-1] == "localhost" or is_ip or not host
    assert may_be_ours(host, OURS) == known


@pytest.mark.parametrize("host", GOOD)
def test_some_names_are_of_this_machine_alone(host: str) -> None:
    own = ("", "localhost", "127.0.0.1", "::1", "console.localhost", "a.b.localhost")
    assert is_loopback(host) is (name_of(host) in own)


@pytest.mark.parametrize("host", STRANGE)
def test_no_strange_name_is_of_this_machine(host: str) -> None:
    assert HOST.fullmatch(host) is None or not is_loopback(host)
