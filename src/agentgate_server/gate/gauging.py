"""Gauging: how much there is of everything in a gate, at a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agentgate_proto.ledger.ledger import Ledger
from agentgate_server.approvals.desk import Desk
from agentgate_server.observing.gauges import Gauges
from agentgate_server.relay.link import Upstreams, are_up
from agentgate_server.sessions.desk import SessionDesk
from agentgate_server.sockets.peer import Peer
from agentgate_server.store.writer import StoreWriter
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.provided.desk import ProviderDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauging:
    """The parts that are looked at.

    Attributes:
        peers: the connections, by number.
        ledger, writer, desk, catalogue, sessions, providers, upstreams: those of the gate.
        running: returns how many tools run.
        clients: return how many clients a face has, by its name.
        utc: the clock of the ledger.
    """

    peers: Mapping[int, Peer]
    ledger: Ledger
    writer: StoreWriter
    desk: Desk
    catalogue: Catalogue
    sessions: SessionDesk | None
    providers: ProviderDesk
    upstreams: Upstreams | None
    running: Callable[[], int]
    clients: Mapping[str, Callable[[], int]]
    utc: Callable[[], float]

    def __call__(self) -> Gauges:
        """Say how much there is of everything at this moment."""
        principals = (peer.connection.principal for peer in self.peers.values())
        return Gauges(
            connections=Counter(each.role for each in principals if each is not None),
            waiting=len(self.ledger.waiting),
            active=self.ledger.active,
            running=self.running(),
            runs=self.sessions.active if self.sessions is not None else 0,
            loaded=self.sessions.loaded if self.sessions is not None else 0,
            queued=self.writer.queue_length,
            is_failing=bool(self.ledger.problem),
            forgotten=self.writer.engine.forgotten,
            cut=self.writer.engine.cut,
            is_cutting=bool(self.writer.engine.doubts),
            grants=sum(not end for _, end in self.ledger.grants(self.utc())),
            channels={channel.name: bool(channel.problem) for channel in self.desk.channels},
            backends=self.catalogue.backends(),
            upstreams=are_up(self.upstreams),
            clients={name: count() for name, count in self.clients.items()},
            providers=self.providers.providers.connections,
            provided=self.providers.providers.offered,
        )
