"""Ports of the loopback interface that stay ours while nobody listens on them.

A test that restarts a gateway needs the same port twice. One that the system chose (port 0) is
anybody's in between: an outgoing connection may get it for its own end. A client that dials it
again and again may even get it itself; TCP then connects the socket to itself, and the gateway
finds its port taken. So a port of this kind lies below those that the system chooses from, and
where the system allows it a socket of ours is bound to it all the time. That socket never listens:
dialling is refused as long as no gateway does, and a gateway may listen beside it, because both
say SO_REUSEADDR.
"""

from __future__ import annotations

import socket
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import SystemRandom

HOST = "127.0.0.1"
LOWEST = 10_000
EPHEMERAL_FROM = 32_768
"""Where the ports begin that systems choose from, or below: Linux 32768, others 49152."""

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
TRIES_MAX = 200


def hold_port() -> tuple[int, socket.socket | None]:
    """Find a free port; return it, and the socket that holds it, if one can."""
    rng = SystemRandom()
    for _ in range(TRIES_MAX):
        holder = socket.socket()
        try:
            # Whoever listens there already would not be noticed with SO_REUSEADDR on both ends
            holder.bind((HOST, rng.randrange(LOWEST, ephemeral_from())))
            port: int = holder.getsockname()[1]
        except OSError:
            holder.close()
            continue
        if sys.platform != "linux":  # BSD lets nobody listen beside it
            holder.close()
            return port, None
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return port, holder
    raise AssertionError(f"{TRIES_MAX} ports are taken")


def ephemeral_from() -> int:
    """The lowest port that this system gives to outgoing connections."""
    lowest = int(RANGE.read_text().split()[0]) if RANGE.exists() else EPHEMERAL_FROM
    return lowest if lowest > LOWEST + 1_000 else EPHEMERAL_FROM


def port_for(owner: object) -> int:
    """Hold a port as long as its owner lives."""
    port, holder = hold_port()
    if holder is not None:
        weakref.finalize(owner, holder.close)
    return port


@contextmanager
def held_port() -> Iterator[int]:
    """Hold a port for a while."""
    port, holder = hold_port()
    try:
        yield port
    finally:
        if holder is not None:
            holder.close()
