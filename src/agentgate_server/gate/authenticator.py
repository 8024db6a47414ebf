"""The authenticator: who is on the other end of each connection, and for how long that holds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import anyio

from agentgate_proto.connection.base import AUTH_FAILED
from agentgate_proto.faces.tickets import Ticket
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.messages import PEOPLE, AuthResult
from agentgate_server.audit.recorder import AuditRecorder
from agentgate_server.faces import call_desk
from agentgate_server.faces.entrance import Declined
from agentgate_server.identity.address_throttle import WRONG_TOKENS_PER_MINUTE, AddressThrottle
from agentgate_server.identity.keyring import Keyring
from agentgate_server.identity.tokens import Identity, hash_token
from agentgate_server.observing import Observers
from agentgate_server.sessions import tool_desk
from agentgate_server.sockets.peer import Peer

log = logging.getLogger(__name__)

OURS = (tool_desk.CLIENT, call_desk.CLIENT)
"""With what the client ids of the gateway's own clients begin."""

PACED = (Role.AGENT, Role.RELAY)
"""Whose requests the ledger takes, and whose logins are counted."""

LOGINS_PER_MINUTE = 600
"""Connections of one principal that log in: ten a second, where each looks up in the store what its
client has asked before. All its connections at once are a tenth of it."""

FULL_S = 5.0
"""When somebody may come back who has all the connections that they may: one may have ended."""

REFRESH_EVERY_S = 1.0
"""How often the token file is looked at. A look is one system call."""


class Authenticator:
    """Lets connections in by their tokens, and out when a token counts no more.

    Args:
        tokens: who is who.
        ledger: is told which agents are there, and whom it may forget.
        peers: the connections that were let in, by number; this puts them there.
        audit: hears of wrong tokens and of tokens that come and go.
        observers: hears of logins.
        retention_s: how long outcomes are kept for a client, in seconds; clients are told.
        utc: the clock of the ledger, UTC seconds.
        monotonic: the clock of the connections, in seconds.
        drain: does what the ledger wants done.

    Attributes:
        epoch: of the store, once it is known; clients are told.
        open_principals: who may come without a token, where a face is open.
        named_agents: who acts without ever coming here: others talk to them.
        people_converse: there is a face on which people have sessions of their own.
        banished: hears who may ask, when that has changed.
    """

    def __init__(
        self,
        tokens: Keyring,
        ledger: Ledger,
        peers: dict[int, Peer],
        *,
        audit: AuditRecorder,
        observers: Observers,
        retention_s: float,
        utc: Callable[[], float],
        monotonic: Callable[[], float],
        drain: Callable[[], None],
    ) -> None:
        self.tokens = tokens
        self.ledger = ledger
        self.peers = peers
        self.audit = audit
        self.observers = observers
        self.retention_s = retention_s
        self.utc = utc
        self.monotonic = monotonic
        self.drain = drain
        self.epoch = ""
        self.open_principals: frozenset[str] = frozenset()
        self.named_agents: frozenset[str] = frozenset()
        self.people_converse = False
        self.banished: Callable[[set[str]], None] = lambda known: None
        self._logins = AddressThrottle(LOGINS_PER_MINUTE)  # by name: it takes any text
        self._throttle = AddressThrottle(WRONG_TOKENS_PER_MINUTE)
        self._looks: list[Callable[[], None]] = []
        self._roles: dict[str, Role] = {}  # when they were last looked at

    def identify(self, peer: Peer, token: str) -> Principal | Declined:
        """Return whose token it is; from then on the connection counts as theirs.

        Wrong tokens are counted by address. A right one is taken whatever was counted: it has 256
        random bits, which no number of tries would find, and its owner can't help who else is
        behind the same proxy.
        """
        self.refresh()
        principal = self.tokens.identify(token)
        if principal is not None:
            return self.seat(peer, principal) or principal
        return self.guessed(peer.address)

    def guessed(self, address: str) -> Declined:
        """Count a token, or a ticket, that is none; and say what to answer."""
        now = self.monotonic()
        pause_s = self._throttle.take(address, now)
        if pause_s:
            return Declined("too many wrong tokens from this address", pause_s)
        self.observers.login_failed(address)
        self.audit.login_failed(address, now)
        return Declined("Invalid token")

    def seat(self, peer: Peer, principal: Principal) -> Declined | None:
        """Let a connection count as somebody's; None: it does."""
        reason = peer.seat(principal)
        return Declined(reason, FULL_S) if reason else None

    def vouches(self, ticket: Ticket) -> bool:
        """Whether the token that a ticket was made with still counts."""
        self.refresh()
        return self.tokens.vouches(ticket.token_hash, ticket.principal)

    def admit(self, peer: Peer, principal: Principal, token_hash: str) -> None:
        """Take note of who is on the other end of a face's connection.

        Without a hash it came by no token, and none can end it.
        """
        self.peers[peer.number] = peer
        peer.token_hash = token_hash
        peer.connection.principal = principal
        self.observers.connected(principal, peer.address)

    def counts(self, principal: Principal, token_hash: str) -> bool:
        """Whether a token still counts, and is that principal's."""
        return self.tokens.vouches(token_hash, principal)

    def on_change(self, look: Callable[[], None]) -> None:
        """Let it be called whenever tokens may count no more."""
        self._looks.append(look)

    def came(self, principal: Principal, address: str) -> None:
        """Take note of somebody whose conversation with a face is on no one connection."""
        self.observers.connected(principal, address)

    def went(self, principal: Principal, code: int) -> None:
        """Take note that they are gone."""
        self.observers.disconnected(principal, code)

    def authenticate(self, peer: Peer, token: str) -> None:
        """Let a connection in that has asked for it, or refuse it."""
        principal = self.identify(peer, token)
        auth = peer.connection.auth
        assert auth is not None, "the connection has asked"
        if isinstance(principal, Declined):
            if principal.pause_s:
                peer.connection.turn_away(principal.reason, principal.pause_s)
            else:
                peer.connection.refuse_auth(principal.reason)
            return
        ours = next((each for each in OURS if auth.client_id.startswith(each)), "")
        if ours:
            peer.connection.refuse_auth(f"client ids that begin with {ours} are the gateway's")
            return
        if principal.role in PACED:
            pause_s = self._logins.take(principal.name, self.monotonic())
            if pause_s:
                self.observers.capped(principal.name, "logins")
                peer.connection.turn_away(f"{LOGINS_PER_MINUTE} logins a minute", pause_s)
                return
        self.peers[peer.number] = peer
        peer.token_hash = hash_token(token)
        peer.connection.principal = principal
        self.observers.connected(principal, peer.address)
        if principal.role in PACED:
            self.ledger.attach(peer.number, principal.name, auth.client_id, progress=auth.progress)
        else:
            self.accept(peer, 0)

    def accept(self, peer: Peer, highest_id: int) -> None:
        """Tell a connection that it is authenticated; the ledger says so for an agent's."""
        principal = peer.connection.principal
        assert principal is not None, "it was identified"
        result = AuthResult(
            status="authenticated",
            principal=principal.name,
            role=principal.role,
            highest_id=highest_id,
            epoch=self.epoch,
            retention_s=self.retention_s,
        )
        peer.connection.accept_auth(principal, result)
        peer.poke()

    def refresh(self) -> None:
        """Let what ``agent-gate token`` has changed count from now on."""
        before = self.tokens.principals
        if self.tokens.refresh():
            self.audit.principals_changed(before, self.tokens.principals)
            self.close_revoked()

    async def watch(self) -> None:
        """Notice revoked tokens of those who are logged in; a login looks for itself."""
        while True:
            await anyio.sleep(REFRESH_EVERY_S)
            self.refresh()

    def reconfigure(self, identities: Iterable[Identity]) -> None:
        """Put others in the place of the configuration's; :meth:`close_revoked` is up to you.

        Raises:
            TokenFileError: they clash with the token file; nothing has changed.
        """
        before = self.tokens.principals
        self.tokens.reconfigure(identities)
        self.audit.principals_changed(before, self.tokens.principals)

    def close_revoked(self) -> None:
        """Close the connections whose tokens count no more; withdraw what nobody may ask now."""
        for peer in list(self.peers.values()):
            principal = peer.connection.principal
            if principal is None or not peer.token_hash:
                continue
            if self.tokens.vouches(peer.token_hash, principal):
                continue
            log.warning("the token of %s was revoked: connection closed", principal.name)
            peer.connection.close(AUTH_FAILED, "the token was revoked")
            peer.poke()
        for look in self._looks:
            look()
        self.banish()
        self.drain()

    def banish(self) -> None:
        """Let the ledger withdraw what principals have asked who may ask no more: they are none,
        or have another role by now, in which they might even answer it."""
        known = {each.name for each in self.tokens.principals if self._asks(each)}
        self._roles = {each.name: each.role for each in self.tokens.principals}
        known |= self.open_principals | self.named_agents
        self.ledger.banish(known, self.utc())
        self.banished(known)

    def _asks(self, principal: Principal) -> bool:
        """Whether what somebody has asked may go on: a person's, too, where people converse, but
        not what they asked when they were none."""
        if principal.role in PEOPLE:
            before = self._roles.get(principal.name, principal.role)
            return self.people_converse and before in PEOPLE
        return principal.role in (Role.AGENT, Role.RELAY)
