"""One life of the gateway's process: the real gate, its real writer, and pumps on virtual time.

Nothing here decides about a request: the gate, the ledger, the connections and the store's writer
are the ones that ``agent-gate serve`` runs. What is simulated is what is below them: sockets,
threads, tasks, clocks and the disk.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from tests.sim.faults import Killed
from tests.sim.links import Link
from tests.sim.phones import PushLife
from tests.sim.session_desk import Moment, Tasks, WatchedDesk
from tests.sim.timeline import ROUNDING_S, Alarm, Clock
from tests.sim.watched_gate import WatchedGate

from agentgate_proto.connection.base import SERVICE_RESTART
from agentgate_proto.connection.timers import Deadline, Timer
from agentgate_proto.wire.doors import Doors
from agentgate_proto.wire.routes import Routes
from agentgate_server.gate.timekeeping import LOOK_AGAIN_S
from agentgate_server.gateway import CLOSE_WAIT_S
from agentgate_server.sockets.peer import ENDED, Peer
from agentgate_server.store.batch import Batch, Waiting
from agentgate_server.store.writer import GATHER_S

if TYPE_CHECKING:
    from tests.sim.world import World

SHUTDOWN_S = 5.0
"""How long tools may go on when the gateway is shut down in order."""


class SocketPeer(Peer):
    """A pump on virtual time: what ``StreamPeer`` does, without tasks."""

    def __init__(self, life: Life, number: int, link: Link, address: str) -> None:
        limits = life.world.plan.limits
        super().__init__(number, address, life.gate, limits, life.doors, life.clock.now())
        self.life = life
        self.link = link
        self.gone = False
        self.waiting: list[Callable[[], None]] = []
        self.alarm = Alarm(life.world.timeline, self.rings)
        self.armed_for: Deadline[Timer] | None = None
        link.attach(self)
        self.arm()

    async def open(self, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        """There is no socket."""
        raise NotImplementedError

    async def run(self) -> None:
        """There is no task."""
        raise NotImplementedError

    def go_on(self) -> None:
        """Nothing waits for a turn here: there are no rounds."""
        raise NotImplementedError

    def poke(self) -> None:
        """See :meth:`Peer.poke`."""
        if not self.in_process:
            self.life.dirty[self.number] = self

    async def wait_for_room(self, queued_bytes: int) -> None:
        """See :meth:`Peer.wait_for_room`."""
        while not self.over and self.connection.queued_bytes > queued_bytes:
            await Moment(self.waiting.append)

    def tell_room(self) -> None:
        """See :meth:`Peer.tell_room`."""
        waiting, self.waiting = self.waiting, []
        for go_on in waiting:
            go_on()

    # From the link

    def receive(self, data: bytes) -> None:
        """Bytes have come."""
        self.life.enter(self._receive, data)

    def hear_end(self, reason: str) -> None:
        """The socket is at its end."""
        self.life.enter(self._hear_end, reason)

    def window_opens(self) -> None:
        """The client has taken what was sent."""
        self.life.enter(self.flush)

    def rings(self) -> None:
        """A deadline may be due."""
        self.life.enter(self._ring)

    # The work

    def _receive(self, data: bytes) -> None:
        if not self.gone:
            self.connection.receive_data(data, self.life.clock.now())
            self.look_after()

    def _hear_end(self, reason: str) -> None:
        if self.gone:
            return
        if reason:
            self.connection.send_failed(reason, self.life.clock.now())
        else:
            self.connection.receive_eof(self.life.clock.now())
        self.look_after()

    def _ring(self) -> None:
        if self.gone:
            return
        now = self.life.clock.now()
        self.armed_for = None
        deadline = self.connection.next_deadline()
        if deadline is not None and deadline.at <= now:
            self.life.world.wakes += 1
            self.connection.handle_timer(now)
        self.look_after()

    def look_after(self) -> None:
        """Handle events, then send."""
        self.process()
        self.flush()

    def flush(self) -> None:
        """Send what there is, as far as the client takes it; at the end hang up."""
        if self.gone:
            return
        if self.over or not self.link.down.full:
            data = self.connection.data_to_send()
            if data:
                self.link.down.put(data)
                if self.connection.sent(0):
                    self.poke()
        self.tell_room()
        if self.over:
            self.gone = True
            self.life.peers.pop(self.number, None)
            self.link.let_go(self)
        else:
            self.arm()

    def arm(self) -> None:
        """Ring at the next deadline."""
        deadline = self.connection.next_deadline()
        if deadline is not self.armed_for:
            self.armed_for = deadline
            if deadline is not None:
                self.alarm.arm(self.life.clock.moment(deadline.at))


class Life:
    """One process.

    Args:
        world: around it.
        number: of the process, from 1.

    Attributes:
        frozen_until: the process stands still, as when its machine is too busy for it.
        rearming: the ledger's timer is to be set anew.
        armed_at, armed_by: when the ledger's timer was set, and how far the system's clock was
            off then.
        doors: where its connections may go to.

    Raises:
        StoreError: it cannot start, because the disk cannot be read.
    """

    at_work: ClassVar[Life]
    """The one in which something happens at this moment."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.number = number
        self.alive = True
        self.accepting = True
        self.frozen_until = 0.0
        self.clock = Clock(
            world.timeline, world.process_chance.random() * 1e5, world.plan.gateway_rate
        )
        self.peers: dict[int, SocketPeer] = {}
        self.dirty: dict[int, SocketPeer] = {}
        self.links = 0
        self.busy = False
        self.gathering = False
        self.alarm = Alarm(world.timeline, self.rings)
        self.rearming = True
        self.armed_at, self.armed_by = world.timeline.now, world.utc_offset
        self.ran_until = self.clock.now()
        self.pruning: tuple[Waiting, float] | None = None
        self.tasks = Tasks(self)
        self.gate = WatchedGate(self)
        self.gate.writer.clock = lambda: 0.0  # worlds must not depend on how fast this machine is
        self.doors = Doors(routes=Routes(self.gate.faces.routes))
        self.gate.desk.channels.append(world.people)
        push = None if world.phones is None else PushLife(self, world.phones)
        if push is not None:
            self.gate.desk.channels.append(push)
        self.enter(self.gate.take_up, world.disk.restore())
        if push is not None:
            self.enter(push.take_up)
        self.enter(self._prune)
        if isinstance(self.gate.sessions, WatchedDesk):
            self.enter(self.gate.sessions.arm)

    def enter(self, act: Callable[..., None], *args: Any) -> None:
        """Do something in this process, and all that follows from it at once."""
        if not self.alive:
            return
        if self.frozen_until > self.world.timeline.now:
            self.world.timeline.at(self.frozen_until, self.enter, act, *args)
            return
        Life.at_work = self
        try:
            act(*args)
            self._settle()
        except Killed as killed:
            self.world.gateway_died(self, str(killed))

    def accept(self, link: Link, address: str) -> None:
        """Somebody has connected."""
        self.links += 1
        self.peers[self.links] = SocketPeer(self, self.links, link, address)

    def tool_ended(self, rid: str, outcome: Any) -> None:
        """A tool has ended; inline ones do so in the middle of a step."""
        if self.gate._draining:
            self.gate.tool_ended(rid, outcome)
        else:
            self.enter(self.gate.tool_ended, rid, outcome)

    def shut_down(self) -> None:
        """Stop in order, as :class:`agentgate_server.gateway.Gateway` does."""
        self.accepting = False
        self.gate.web.closing = True
        for end in self.gate.closing:
            end()
        for peer in list(self.peers.values()):
            peer.connection.close(SERVICE_RESTART, "the gateway is shutting down")
            peer.poke()
        if self.gate.sessions is not None:
            self.gate.sessions.close()
        timeline = self.world.timeline
        timeline.after(SHUTDOWN_S, self.enter, self.gate.running.close)
        timeline.after(SHUTDOWN_S + CLOSE_WAIT_S, self.enter, self._stop)

    def _stop(self) -> None:
        for peer in list(self.peers.values()):
            peer.connection.abort(ENDED)
            peer.look_after()
        raise Killed("at the end of an orderly stop")

    def _settle(self) -> None:
        """Look after the pokes, then after the writer and the ledger's timer."""
        dirty = self.dirty
        while dirty:
            _, peer = dirty.popitem()
            peer.look_after()
        writer = self.gate.writer
        if writer.has_work and not self.busy:
            if writer.urgent:
                self.busy = True
                self.world.timeline.after(0.0, self.enter, self._take)
            elif not self.gathering:
                self.gathering = True
                self.world.timeline.after(GATHER_S, self.enter, self._gathered)
        if self.rearming:
            self._arm()

    def _arm(self) -> None:
        """Ring for the ledger; a clock that was set is noticed then, as by the real gate."""
        self.rearming = False
        self.armed_at, self.armed_by = self.world.timeline.now, self.world.utc_offset
        deadline = self.gate.ledger.next_deadline()
        pause = LOOK_AGAIN_S if deadline is None else deadline - self.world.utc() + ROUNDING_S
        self.alarm.arm(self.world.timeline.now + min(max(pause, 0.0), LOOK_AGAIN_S))

    def rings(self) -> None:
        """The ledger may want to be woken."""
        self.enter(self._ring)

    def _ring(self) -> None:
        self.world.wakes += 1
        self.world.oracle.wakes(self)
        self.rearming = True
        self.gate.wake()
        self.world.oracle.woken(self.gate)

    def _prune(self) -> None:
        """Apply retention, as :class:`agentgate_server.gateway.Gateway` does, again and again."""
        if self.pruning is not None and self.pruning[0].reason is None:
            self.ran_until = self.pruning[1]
        now = self.clock.now()
        step = Waiting(self.world.utc(), now - self.ran_until, reason="not yet")
        self.pruning = step, now
        self.gate.writer.put(step, urgent=False)
        if isinstance(self.gate.sessions, WatchedDesk):
            self.gate.sessions.expire_old()
        self.world.timeline.after(self.world.plan.retention.every_s, self.enter, self._prune)

    # The writer's thread

    def _gathered(self) -> None:
        self.gathering = False
        if not self.busy and self.gate.writer.has_work:
            self.busy = True
            self._take()

    def _take(self) -> None:
        batch = self.gate.writer.take()
        seconds = self.world.disk_seconds()
        part = self.world.process_chance.random() * seconds
        self.world.timeline.after(part, self.enter, self._work, batch, seconds - part)

    def _work(self, batch: Batch, seconds: float) -> None:
        self.gate.writer.work(batch)
        self.world.timeline.after(seconds, self.enter, self._report, batch)

    def _report(self, batch: Batch) -> None:
        self.busy = False
        self.gate.writer.put_back(batch)
        self.gate.writer.report(batch)
