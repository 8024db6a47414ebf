"""The watch over memory: room is made before the system's kernel makes some by killing the process.

What is decided is the core's; here is looked at how much there is, a few times in a second, and
connections are ended. Strangers go first and whoever reads least; people stay, and so does who asks
on this machine how the gateway is.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress

import anyio

from agentgate_proto.quotas.memory import AGAIN_S, Memory
from agentgate_proto.quotas.owners import STRANGER
from agentgate_server.sockets.memory_there import used_bytes
from agentgate_server.sockets.outflow import Outflow
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.seats import is_loopback

log = logging.getLogger(__name__)

LOOK_S = 0.25
"""From one look to the next: what is asked for in that time must fit above the bound."""

SMALL_BYTES = 65_536
"""Who has less than this unread, frees nothing by going."""

CAP = "memory"


class MemoryWatch:
    """See the module. ``run`` it.

    Args:
        memory: decides.
        peers: the connections.
        outflow: knows what waits for each.
        capped: hears that somebody had to go; see ``Observer``.
        told: hears why requests can't be taken, or "": they can.
        used: says how many bytes are used; 0: nobody can say.
    """

    def __init__(
        self,
        memory: Memory,
        peers: Mapping[int, Peer],
        outflow: Outflow,
        *,
        capped: Callable[[str, str], None],
        told: Callable[[str], None],
        used: Callable[[], int] = used_bytes,
    ) -> None:
        self.memory = memory
        self._peers = peers
        self._outflow = outflow
        self._capped = capped
        self._told = told
        self._used = used
        self._next_at = 0.0

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while self.memory.bytes_max:
            self.look(anyio.current_time())
            await anyio.sleep(LOOK_S)

    def look(self, now: float) -> None:
        """Look once, and make room if there must be some."""
        was_short = self.memory.is_short
        is_short = self.memory.measured(self._used())
        if is_short is not was_short:
            self._next_at = now
            self._told(self.memory.problem)
            log.warning("%s", self.memory.problem or "there is memory enough again")
        if not is_short:
            return
        cut = self._outflow.output.largest(at_least=SMALL_BYTES)
        if cut is not None:
            self._outflow.end(cut)
        if now >= self._next_at:
            self._next_at = now + AGAIN_S
            self._turn_out_strangers()
            give_back()

    def _turn_out_strangers(self) -> None:
        for peer in list(self._peers.values()):
            if peer.owner == STRANGER and not is_loopback(peer.address):
                self._capped(peer.address, CAP)
                peer.turn_out("the gateway is short of memory; come back later")


def give_back() -> None:
    """Let the system have what was freed: glibc keeps some of it, and a look would still see it."""
    with suppress(OSError, AttributeError):  # other systems and libraries have no such call
        ctypes.CDLL(None).malloc_trim(0)
