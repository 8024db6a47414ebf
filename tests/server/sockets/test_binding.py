"""Binding: what this machine has of a host's addresses, all on one port; real sockets."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack, closing
from socket import AF_INET, AF_INET6

import pytest

from agentgate_server.sockets import binding
from agentgate_server.sockets.binding import (
    Address,
    ListenError,
    addresses_of,
    bound,
    check_address,
    listen,
)

ELSEWHERE = Address(AF_INET, "192.0.2.1")
"""No machine has it (RFC 5737)."""

HERE = Address(AF_INET, "127.0.0.1")


def has_ipv6() -> bool:
    try:
        with socket.socket(AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def listening(host: str, stack: ExitStack) -> int:
    sockets, port = listen(host, 0)
    for sock in sockets:
        stack.enter_context(closing(sock))
    return port


def reaches(host: str, port: int) -> bool:
    with socket.create_connection((host, port), 10):
        return True


def test_both_families_are_reached_where_everywhere_is_meant() -> None:
    with ExitStack() as stack:
        port = listening("::", stack)
        assert reaches("127.0.0.1", port)
        if has_ipv6():
            assert reaches("::1", port)


def test_one_family_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "addresses_of", lambda host: [ELSEWHERE, HERE])
    with ExitStack() as stack:
        assert reaches("127.0.0.1", listening("some.name", stack))
    check_address("some.name")


def test_a_host_that_is_elsewhere_is_none_to_listen_on() -> None:
    with pytest.raises(ListenError, match="no address of this machine"):
        listen("192.0.2.1", 0)
    with pytest.raises(ListenError, match="no address of this machine"):
        check_address("192.0.2.1")


def test_an_address_that_somebody_has_is_not_passed_over() -> None:
    other = Address(AF_INET, "127.0.0.2")
    with ExitStack() as stack:
        (taken,) = bound([other], 0)
        stack.enter_context(taken)
        taken.listen()
        with pytest.raises(OSError, match="in use") as caught:
            bound([HERE, other], taken.getsockname()[1])
        assert caught.value.errno == errno.EADDRINUSE
        with pytest.raises(ListenError, match="is another gateway running"):
            listen("127.0.0.2", taken.getsockname()[1])


def test_a_free_port_is_one_that_is_free_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def sometimes(addresses: list[Address], port: int) -> list[socket.socket]:
        tried.append(port)
        if len(tried) < 3:
            raise OSError(errno.EADDRINUSE, "in use")
        return bound(addresses, port)

    monkeypatch.setattr(binding, "bound", sometimes)
    with ExitStack() as stack:
        assert reaches("127.0.0.1", listening("127.0.0.1", stack))
    monkeypatch.setattr(binding, "PORTS_TRIED", 2)
    tried.clear()
    with pytest.raises(ListenError, match="in use"):
        listen("127.0.0.1", 0)


def test_a_name_stands_for_its_addresses_each_once() -> None:
    found = addresses_of("localhost")
    assert HERE in found
    assert len(found) == len(set(found))
    with pytest.raises(ListenError, match="no such host"):
        check_address("no.such.host.invalid")


def test_an_address_of_ipv6_has_its_scope() -> None:
    assert Address(AF_INET6, "fe80::1", 3).with_port(80) == ("fe80::1", 80, 0, 3)
