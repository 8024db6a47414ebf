"""Providing over the native protocol: ``tools.provide``, and calls on the provider's connection."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agentgate_proto.connection.events import Answered
from agentgate_proto.errors import ConnectionClosedError, ErrorCode
from agentgate_proto.principal import Role
from agentgate_proto.providing.effects import Refusal
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.tool_methods import CallTool, ProvideTools, StopTool, ToolsProvided
from agentgate_server.identity.address_throttle import AddressThrottle
from agentgate_server.identity.keyring import Keyring
from agentgate_server.sockets.peer import Peer
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.provided.desk import ProviderDesk

log = logging.getLogger(__name__)

NAME_YOURSELF = (
    "name a client_id in auth to provide tools: with it, your next connection takes over from this "
    "one, and another device does not"
)


OFFERS_PER_MINUTE = 60
"""Offers of one principal: reading one can take 50 ms. Reconnecting takes one each
time, and is slower."""


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

    Attributes:
        desk: takes offers and runs calls, whichever face they come by.
        catalogue: with what is provided.
    """

    def __init__(
        self, catalogue: Catalogue, tokens: Keyring, monotonic: Callable[[], float]
    ) -> None:
        self._tokens = tokens
        self._monotonic = monotonic
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
        link = NativeProvider(peer)
        taken = self.desk.offer(peer.number, link, peer.name, auth.client_id, params.tools)
        if isinstance(taken, Refusal):
            log.warning("%s offers tools that are not taken: %s", peer.name, taken.message)
            connection.send_error(request_id, taken.code, taken.message)
        else:
            log.info("%s provides %s", peer.name, ", ".join(taken) or "no tools any more")
            connection.send_result(request_id, ToolsProvided(names=taken))
            self.desk.drain()

    def answered(self, peer: Peer, event: Answered) -> None:
        """A client has answered a request of ours."""
        self.desk.answered(peer.number, str(event.id), event.result, event.error)

    def closed(self, peer: Peer) -> None:
        """A connection is over."""
        self.desk.leave(peer.number)
