"""The ports on which tests restart a gateway: nobody gets one in between, not even a client."""

from __future__ import annotations

import gc
import socket
import sys

import pytest
from tests.held_ports import HOST, ephemeral_from, held_port, port_for


def test_a_gateway_listens_on_a_held_port_again_and_again_and_is_refused_in_between() -> None:
    with held_port() as port:
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((HOST, port))
            at = HOST, port
            with socket.create_server(at) as server, socket.create_connection(at):
                server.accept()[0].close()


def test_a_held_port_is_none_that_the_system_gives_to_somebody_else() -> None:
    with held_port() as port:
        assert port < ephemeral_from()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody could listen beside it")
def test_a_held_port_is_not_free_before_its_owner_is_gone() -> None:
    class Owner: ...

    owner = Owner()
    port = port_for(owner)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((HOST, port))
    del owner
    gc.collect()
    with socket.socket() as other:
        other.bind((HOST, port))
