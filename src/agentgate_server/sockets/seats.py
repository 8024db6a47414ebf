"""Seats: lets connections have the places that the core gives them, and ends those that must go."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence

import anyio

from agentgate_proto.connection.state import State
from agentgate_proto.principal import Principal, Role
from agentgate_proto.quotas.addresses import block_of
from agentgate_proto.quotas.connections import NOWHERE, Cap, Connections, Verdict
from agentgate_proto.wire.forwarded import Network, is_trusted, read_address
from agentgate_server.sockets.peer import Peer

log = logging.getLogger(__name__)

STRANGERS = "too many connections; say who you are, or try again later"
"""Why a stranger goes."""

TOLD_FOR_S = 60.0
"""There is no other line about subprotocols for so long: anybody may ask for one."""

LOOK_AGAIN_S = 0.05
"""While somebody waits at the door: whoever would go may have had its turn meanwhile."""

TELLING = {
    Cap.PRINCIPAL: (
        "{name} has {count} connections, as many as it may (gateway.connections_of_principal_max): "
        "share them, or close some"
    ),
    Cap.AGENTS: (
        "agents have as many connections as they may, which is four fifths of "
        "gateway.connections_max; try again later"
    ),
}
"""Why a principal's newcomer may not stay."""

GOING = {
    Cap.PRINCIPAL: "a newer connection of {name} needs the place, and this one looked dead or idle",
    Cap.AGENTS: "another agent needs the place, and {name} has most connections",
}
"""Why a principal's connection goes."""

NOT_PEOPLE = frozenset({Role.AGENT, Role.RELAY})
"""Roles of programs. All others are people, or what they hold in their hands."""


class Seats:
    """See the module.

    Args:
        connections: decides.
        peers: those that are open, by number.
        opening: ends one that is not open yet, by number.
        capped: hears who was held to their share; see ``Observer``.
        proxies: whose word counts about where a connection comes from.

    Attributes:
        freed: is set, and replaced, when there may be room where there was none.
    """

    def __init__(
        self,
        connections: Connections,
        peers: Mapping[int, Peer],
        opening: Mapping[int, anyio.CancelScope],
        *,
        capped: Callable[[str, str], None],
        proxies: Sequence[Network] = (),
    ) -> None:
        self.connections = connections
        self.freed = anyio.Event()
        self._peers = peers
        self._opening = opening
        self._capped = capped
        self._proxies = proxies
        self._told_until = -math.inf

    async def wait(self, address: str) -> None:
        """Wait until somebody may be pushed out for a stranger who comes from there, if need be."""
        block, is_local = self._block(address), is_loopback(address)
        while True:
            now = anyio.current_time()
            pause_s = self.connections.wait_s(block, now, self._waits, is_local=is_local)
            if not pause_s:
                return
            self.freed = anyio.Event()
            with anyio.move_on_after(min(pause_s, LOOK_AGAIN_S)):
                await self.freed.wait()

    def come(self, number: int, address: str) -> bool:
        """Give a new connection a place; False: there is none."""
        block, is_local = self._block(address), is_loopback(address)
        verdict = self.connections.come(number, block, anyio.current_time(), is_local=is_local)
        self._follow(verdict, block if verdict.cap is Cap.ADDRESS else "", STRANGERS)
        return not verdict.is_refusal

    def asked(self, peer: Peer) -> None:
        """Take note of a request, and of whom a proxy has made it for."""
        block, now = self._block(peer.address), anyio.current_time()
        self._follow(self.connections.asked(peer.number, block, now), block, STRANGERS)
        self._look_at_subprotocol(peer, now)

    def seat(self, peer: Peer, principal: Principal) -> str:
        """Let a connection count as a principal's; return why it may not, or ""."""
        auth = peer.connection.auth
        client_id = "" if auth is None else auth.client_id

        def is_spare(number: int) -> bool:
            other = self._peers.get(number)
            if other is None:
                return False
            its = other.connection.auth
            is_older = bool(client_id) and its is not None and its.client_id == client_id
            of_same = is_older and other.name == principal.name
            return of_same or other.connection.is_doubted or other.connection.is_idle_http

        name, is_agent = principal.name, principal.role in NOT_PEOPLE
        verdict = self.connections.seat(peer.number, name, is_spare, is_agent=is_agent)
        if verdict.cap is None:
            self.freed.set()
            return ""
        whose = verdict.owner or name
        self._follow(verdict, whose, GOING[verdict.cap].format(name=whose))
        if verdict.is_refusal:
            count = self.connections.count_of(name)
            return TELLING[verdict.cap].format(name=name, count=count)
        return ""

    def leave(self, number: int) -> None:
        """Take note that a connection is over."""
        self.connections.leave(number)
        self.freed.set()

    def _look_at_subprotocol(self, peer: Peer, now: float) -> None:
        """Say in the log, once in a while, why a browser ends a connection at once."""
        connection = peer.connection
        if connection.state is State.AUTHENTICATING and now >= self._told_until:
            offered = connection.wire.http.headers.items_of("sec-websocket-protocol")
            if offered:
                self._told_until = now + TOLD_FOR_S
                text = (
                    "connection %d asks for a subprotocol, and the native protocol has none: "
                    "browsers end such a connection; leave it out"
                )
                log.info(text, peer.number)

    def _waits(self, number: int) -> bool:
        peer = self._peers.get(number)
        return peer is not None and peer.unfinished

    def _follow(self, verdict: Verdict, owner: str, reason: str) -> None:
        if verdict.cap is not None:
            self._capped(owner, verdict.cap)
        if verdict.loser is None:
            return
        peer, scope = self._peers.get(verdict.loser), self._opening.get(verdict.loser)
        if peer is not None:
            peer.turn_out(reason)
        elif scope is not None:
            scope.cancel()

    def _block(self, address: str) -> str:
        parsed = read_address(address)
        if parsed is not None and is_trusted(parsed, self._proxies):
            return NOWHERE
        return block_of(address)


def is_loopback(address: str) -> bool:
    """Whether the other end of a socket is on this machine."""
    parsed = read_address(address)
    return parsed is not None and parsed.is_loopback
