"""Providing over the native protocol: ``tools.provide``, and calls on the provider's connection."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import anyio.lowlevel

from agentgate_proto.connection.events import Answered
from agentgate_proto.errors import ConnectionClosedError, ErrorCode
from agentgate_proto.principal import Role
from agentgate_proto.providing.effects import Check, Refusal
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.tool_methods import (
    CallTool,
    OfferedTool,
    ProvideTools,
    StopTool,
    ToolsProvided,
)
from agentgate_server.identity.address_throttle import AddressThrottle
from agentgate_server.identity.keyring import Keyring
from agentgate_server.sockets.peer import Peer
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.provided.desk import ProviderDesk, check_of
from agentgate_server.tools.provided.schema import SchemaError

log = logging.getLogger(__name__)

NAME_YOURSELF = (
    "name a client_id in auth to provide tools: with it, your next connection takes over from this "
    "one, and another device does not"
)


OFFERS_PER_MINUTE = 60
"""Offers of one principal: reading one can take 50 ms. Reconnecting takes one each
time, and is slower."""


AT_ONCE_MAX = 2
"""Tools of one offer that are read at once, at a millisecond each; more are read in a task."""

WAITING_MAX = 4
"""Offers of one connection that are being read or wait for that: each replaces the one before."""


class Offered(NamedTuple):
    """An offer whose tools are read in a task.

    Attributes:
        request_id: under which it is answered.
        client_id: whose it is.
        tools: all of them.
    """

    request_id: RequestId
    client_id: str
    tools: list[OfferedTool]


class NativeProvider:
    """Asks a client for its tools; see :class:`agentgate_server.tools.provided.desk.ProviderLink`.

    Args:
        peer: its connection.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def ask(self, request: str, call: CallTool) -> bool:
        """See the class."""
        try:
            self._peer.connection.send_request(request, "tools.call", call)
        except ConnectionClosedError:
            return False
        self._peer.poke()
        return True

    def drop(self, request: str, call: str) -> None:
        """See the class."""
        self._peer.connection.forget_request(request)
        try:
            self._peer.connection.send_notification("tools.cancel", StopTool(call=call))
        except ConnectionClosedError:
            log.debug("connection %d closed before a call was stopped", self._peer.number)
        self._peer.poke()


class Providing:
    """See the module.

    Args:
        catalogue: the tools that the gateway has without them.
        tokens: who may provide: the agents.
        monotonic: the clock of the connections, in seconds.
        spawn: runs a task as the work of whoever has a turn now.

    Attributes:
        desk: takes offers and runs calls, whichever face they come by.
        catalogue: with what is provided.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        tokens: Keyring,
        monotonic: Callable[[], float],
        spawn: Callable[..., None],
    ) -> None:
        self._tokens = tokens
        self._monotonic = monotonic
        self._spawn = spawn
        self._read: dict[int, deque[Offered]] = {}
        self._throttle = AddressThrottle(OFFERS_PER_MINUTE)  # by name: it takes any text
        self.desk = ProviderDesk(monotonic, self._is_agent, catalogue.is_taken)
        self.catalogue = catalogue.with_live(self.desk)

    def _is_agent(self, name: str) -> bool:
        """Whether tools of a principal with this name may come back."""
        return any(a.name == name and a.role is Role.AGENT for a in self._tokens.principals)

    def take(self, peer: Peer, request_id: RequestId, params: ProvideTools) -> None:
        """A client offers tools."""
        auth, connection = peer.connection.auth, peer.connection
        assert auth is not None, "the core lets nobody else call"
        if not auth.client_id:
            connection.send_error(request_id, ErrorCode.INVALID_PARAMS, NAME_YOURSELF)
            return
        pause = self._throttle.take(peer.name, self._monotonic())
        if pause:
            text = f"tools may be offered {OFFERS_PER_MINUTE} times a minute"
            data = {"retry_after_s": round(pause, 3)}
            connection.send_error(request_id, ErrorCode.LIMIT_EXCEEDED, text, data)
            return
        offered = Offered(request_id, auth.client_id, params.tools)
        waiting = self._read.get(peer.number)
        if waiting is not None and len(waiting) >= WAITING_MAX:
            text = f"{len(waiting)} offers of this connection are being read"
            connection.send_error(
                request_id, ErrorCode.LIMIT_EXCEEDED, text, {"retry_after_s": 1.0}
            )
        elif waiting is not None:
            waiting.append(offered)
        elif len(params.tools) <= AT_ONCE_MAX:
            self._offer(peer, offered, [])
        else:
            self._read[peer.number] = deque([offered])
            self._spawn(self._read_slowly, peer)

    async def _read_slowly(self, peer: Peer) -> None:
        """Take what a connection offers, in order, and serve others between two of its tools."""
        offers = self._read[peer.number]
        while offers:
            checks = []
            for tool in offers[0].tools:
                checks.append(check_of(tool))
                await anyio.lowlevel.checkpoint()
                if self._read.get(peer.number) is not offers:
                    return  # it is closed: nobody would be asked for them
            self._offer(peer, offers.popleft(), checks)
        self._read.pop(peer.number, None)

    def _offer(self, peer: Peer, offered: Offered, checks: list[Check | SchemaError]) -> None:
        connection, request_id = peer.connection, offered.request_id
        link, tools = NativeProvider(peer), offered.tools
        taken = self.desk.offer(peer.number, link, peer.name, offered.client_id, tools, checks)
        if isinstance(taken, Refusal):
            log.warning("%s offers tools that are not taken: %s", peer.name, taken.message)
            connection.send_error(request_id, taken.code, taken.message)
        else:
            log.info("%s provides %s", peer.name, ", ".join(taken) or "no tools any more")
            connection.send_result(request_id, ToolsProvided(names=taken))
            self.desk.drain()
        peer.poke()

    def answered(self, peer: Peer, event: Answered) -> None:
        """A client has answered a request of ours."""
        self.desk.answered(peer.number, str(event.id), event.result, event.error)

    def closed(self, peer: Peer) -> None:
        """A connection is over."""
        self._read.pop(peer.number, None)
        self.desk.leave(peer.number)
