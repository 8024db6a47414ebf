"""The gateway's one processor: handling takes time here, and whose turn it is matters.

In the other worlds whatever comes is handled at once. Here each event costs something, so that a
crowd makes a queue; the turns of connections are the real ones, given by the core, and sockets are
not read while their connections wait. What runs beside the loop (the writer's thread, tools) is not
slowed down.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tests.sim.gateway import Life, SocketPeer
from tests.sim.links import Link
from tests.sim.timeline import Alarm

from agentgate_proto.connection.events import AuthAsked, Called, Event, Progressed
from agentgate_proto.quotas.connections import Connections
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.rounds import Rounds
from agentgate_server.sockets.seats import LOOK_AGAIN_S, STRANGERS, Seats, is_loopback

if TYPE_CHECKING:
    from tests.sim.crowds.world import CrowdWorld

COSTS = {Called: 1.0, AuthAsked: 1.0, Progressed: 1.0}
"""Of kinds of events, as parts of what one costs."""

SMALL = 0.2
"""Of all others."""


class Processor(Rounds):
    """See the module.

    Args:
        life: the process that runs on it.

    Attributes:
        free_at: when it has done what it has begun.
    """

    def __init__(self, life: CrowdLife) -> None:
        super().__init__()
        self.life = life
        self.free_at = 0.0
        self.alarm = Alarm(life.world.timeline, self.rings)
        self.arrived: dict[CrowdPeer, None] = {}
        self.looked_at: deque[CrowdPeer] = deque()

    def now(self) -> float:
        """When what is being done now will be done."""
        return max(self.free_at, self.life.world.timeline.now)

    def spend(self, event: Event) -> None:
        """An event is handled."""
        seconds = self.life.world.crowd.event_s * COSTS.get(type(event), SMALL)
        self.free_at = self.now() + seconds

    def ask(self) -> None:
        """See :meth:`Rounds.ask`."""
        self.alarm.arm(self.now())

    def ready(self, peer: CrowdPeer) -> None:
        """A socket has something to be read."""
        self.arrived[peer] = None
        self.ask()

    def rings(self) -> None:
        """It may be free."""
        self.life.enter(self._step)

    def _step(self) -> None:
        """Do one thing: serve a socket, or give a turn, or look at all sockets again."""
        if self.free_at > self.life.world.timeline.now:
            self.ask()
            return
        turns = self.turns
        if self.looked_at:
            self.looked_at.popleft().serve()
        elif (who := turns.next(self.now())) is not None:
            who.go_on()
        else:
            self.looked_at.extend(self.arrived)
            self.arrived.clear()
            turns.next_round()
            if not self.looked_at:
                if turns.anybody_waits:
                    self.alarm.arm(max(self.now(), turns.next_round_at(self.now())))
                return
        self.ask()


class CrowdPeer(SocketPeer):
    """A pump that waits for its turn, and reads nothing meanwhile."""

    life: CrowdLife

    def __init__(self, life: CrowdLife, number: int, link: Link, address: str) -> None:
        self.inbox = bytearray()
        self.ended: str | None = None
        super().__init__(life, number, link, address)
        self.clock = life.processor.now
        self._rounds = life.processor
        self._handler = self
        self.seating = life.seats
        link.up.hold(False)  # what has come while it waited for its place

    def receive(self, data: bytes) -> None:
        """Bytes lie in the system's buffer."""
        self.inbox += data
        self.life.processor.ready(self)

    def hear_end(self, reason: str) -> None:
        """The end of the socket lies there, too."""
        self.ended = reason
        self.life.processor.ready(self)

    def handle(self, peer: Peer, event: Event) -> None:
        """An event takes its time, and is for the gate."""
        self.life.processor.spend(event)
        self.life.gate.handle(peer, event)

    def serve(self) -> None:
        """The loop has come to this socket."""
        data, self.inbox = bytes(self.inbox), bytearray()
        if data:
            self._receive(data)
        if self.ended is not None and not self.gone:
            self._hear_end(self.ended)

    def go_on(self) -> None:
        """See :meth:`Peer.go_on`."""
        self.look_after()

    def look_after(self) -> None:
        """Handle what there is a turn for, send, and read on only then."""
        super().look_after()
        if self.gone:
            return
        waits = self.unfinished or self.link.down.full or not self.connection.takes_input
        self.link.up.hold(waits)

    def window_opens(self) -> None:
        """The client has taken what was sent."""
        self.life.enter(self.look_after)

    def flush(self) -> None:
        """See :class:`SocketPeer`."""
        super().flush()
        if self.gone:
            self._rounds.turns.leave(self)
            self.life.seats.leave(self.number)

    @property
    def held_bytes(self) -> int:
        """What waits for the client, in the process and in the system."""
        return self.connection.queued_bytes


class CrowdSeats(Seats):
    """The real seats, on the world's time."""

    def __init__(self, life: CrowdLife, connections: Connections) -> None:
        super().__init__(connections, life.peers, {}, capped=life.capped)
        self.life = life

    def asked(self, peer: Peer) -> None:
        """See :class:`Seats`."""
        block, now = self._block(peer.address), self.life.world.timeline.now
        self._follow(self.connections.asked(peer.number, block, now), block, STRANGERS)

    def take(self, number: int, address: str) -> float | bool:
        """Give a new connection a place; else return whether there is none, or when to ask."""
        block, is_local = self._block(address), is_loopback(address)
        now = self.life.world.timeline.now
        pause_s = self.connections.wait_s(block, now, self._waits, is_local=is_local)
        if pause_s:
            return min(pause_s, LOOK_AGAIN_S)
        verdict = self.connections.come(number, block, now, is_local=is_local)
        self._follow(verdict, block, STRANGERS)
        return not verdict.is_refusal


class CrowdLife(Life):
    """A process of the gateway with one processor, and so many places for connections."""

    world: CrowdWorld

    def __init__(self, world: CrowdWorld, number: int) -> None:
        self.world = world
        self.peers = {}
        self.processor = Processor(self)
        self.seats = CrowdSeats(self, Connections(world.crowd.connections_max))
        super().__init__(world, number)
        self.seats._peers = self.peers

    def accept(self, link: Link, address: str) -> None:
        """See :class:`Life`."""
        if not self.alive or link.broken:
            return
        number = self.links + 1
        taken = self.seats.take(number, address)
        if taken is True:
            self.links = number
            self.peers[number] = CrowdPeer(self, number, link, address)
        elif taken is False:
            self.world.count("turned away")
            link.break_off("turned away")
        else:
            self.world.timeline.after(taken, self.accept, link, address)

    def capped(self, owner: str, cap: str) -> None:
        """Somebody is held to their share."""
        self.world.count(f"capped {cap}")
