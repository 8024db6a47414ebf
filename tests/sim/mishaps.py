"""Mishaps: each kind of fault, and how it strikes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.sim.any_mishaps import AnyMishaps
from tests.sim.links import Link
from tests.sim.plan import Fault
from tests.sim.tools import POLICY, STRICTER

from agentgate_server.policy import Policy

if TYPE_CHECKING:
    from tests.sim.world import World

JUMPS_S = (-86_400.0, -3_600.0, -20.0, 20.0, 3_600.0, 86_400.0)
DECADES_S = 20 * 365 * 86_400.0
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
GARBAGE = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"GET / HTTP/1.1\r\nHost: gate.example\r\n\r\n",
    b"POST /api/approvals/r1 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n{",
    UPGRADE,
    UPGRADE + b"\x81\x85\x00\x00\x00\x00nonsense and more of it",
)


class Stranger:
    """Somebody who connects and says what nobody understands, or nothing."""

    def __init__(self, world: World, words: bytes) -> None:
        self.words = words
        self.link: Link | None = None
        world.dial(self, 1)

    def dialed(self, link: Link, dial: int) -> None:
        self.link = link
        link.up.put(self.words)

    def dial_failed(self, why: str, dial: int) -> None: ...

    def receive(self, data: bytes) -> None: ...

    def hear_end(self, reason: str) -> None:
        if self.link is not None:
            self.link.let_go(self)

    def window_opens(self) -> None: ...


class Mishaps(AnyMishaps):
    """Lets faults strike a world on virtual time.

    Attributes:
        down_s: how long the gateway stays away the next time.
    """

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.down_s = 0.0
        self.found = False

    def stop(self) -> None:
        """No faults any more."""
        world = self.world
        self.over = True
        self.down_s = 0.0
        world.cut_off.clear()
        self._put_in_force(POLICY)
        world.disk.full = world.disk.unreadable = world.disk.kills = ""
        world.disk_slow_until = 0.0
        world.revoked.clear()
        for agent in world.agents:
            if agent.process is not None:
                agent.process.doom = None
        if world.life is not None:
            world.life.gate.doom = None
            world.life.gate.authenticator.tokens = world.tokens()

    # The gateway's process

    def kill(self, fault: Fault) -> bool | None:
        life = self.world.life
        if life is None:
            return False
        self.down_s = fault.seconds
        if fault.count == 0:
            self.world.gateway_died(life, "between two steps")
        else:
            life.gate.doom = fault.count
        return None

    def kill_before_commit(self, fault: Fault) -> None:
        self.down_s = fault.seconds
        self.world.disk.kills = "before"

    def kill_after_commit(self, fault: Fault) -> None:
        self.down_s = fault.seconds
        self.world.disk.kills = "after"

    def restart(self, fault: Fault) -> bool | None:
        life = self.world.life
        if life is None or not life.accepting:
            return False
        self.down_s = fault.seconds
        life.enter(life.shut_down)
        return None

    def freeze(self, fault: Fault) -> bool | None:
        life = self.world.life
        if life is None:
            return False
        life.frozen_until = max(life.frozen_until, self.world.timeline.now + fault.seconds)
        return None

    def stricter(self, fault: Fault) -> None:
        """For a while a policy is in force that forbids more, or wants more people to say yes."""
        self._put_in_force(STRICTER[(fault.count + fault.agent) % len(STRICTER)])
        self.world.timeline.after(fault.seconds, self._put_in_force, POLICY)

    def _put_in_force(self, policy: Policy) -> None:
        self.world.policy = policy
        if self.world.life is not None:
            self.world.life.enter(self._judge_again)

    def _judge_again(self) -> None:
        life = self.world.life
        assert life is not None
        life.gate.judge.policy = self.world.policy
        life.gate.judge_again()
        self.world.oracle.consent.judged_again(life.gate.ledger, self.world.policy)

    # An agent's process

    def die_between_steps(self, fault: Fault) -> bool | None:
        process = self.world.agents[fault.agent].process
        if process is None:
            return False
        process.doom = fault.count
        return None

    def twin(self, fault: Fault) -> bool | None:
        agent = self.world.agents[fault.agent]
        if agent.plan.kind != "named":
            return False
        agent.twin()
        return None

    def revoke(self, fault: Fault) -> None:
        name = self.world.plan.agents[fault.agent].principal
        self._inside(self.world.revoked.add, name)
        self.world.timeline.after(fault.seconds, self._inside, self.world.revoked.discard, name)

    def _inside(self, change: Callable[[str], None], name: str) -> None:
        """Change who is who, in the gateway's own time if there is one."""
        if self.world.life is None:
            change(name)
        else:
            self.world.life.enter(self._change, change, name)

    def _change(self, change: Callable[[str], None], name: str) -> None:
        life = self.world.life
        assert life is not None
        if not self.over:
            change(name)
        life.gate.authenticator.tokens = self.world.tokens()
        life.gate.authenticator.close_revoked()

    # Sockets

    def _link(self, fault: Fault) -> Link | None:
        return self.world.agents[fault.agent].link

    def reset(self, fault: Fault) -> bool | None:
        link = self._link(fault)
        if link is None:
            return False
        link.break_off("reset by peer")
        return None

    def stall(self, fault: Fault) -> bool | None:
        link = self._link(fault)
        if link is None:
            return False
        link.up.held_until = link.down.held_until = self.world.timeline.now + fault.seconds
        return None

    def partition(self, fault: Fault) -> None:
        link = self._link(fault)
        if link is not None:
            link.swallow()
        self.world.cut_off[fault.agent] = self.world.timeline.now + fault.seconds

    def stranger(self, fault: Fault) -> None:
        Stranger(self.world, GARBAGE[fault.count % len(GARBAGE)])

    # Clock and disk

    def clock_jump(self, fault: Fault) -> None:
        world = self.world
        world.utc_offset += JUMPS_S[fault.count % len(JUMPS_S)]
        world.latest_offset = max(world.latest_offset, world.utc_offset)

    def clock_found(self, fault: Fault) -> bool | None:
        """The gateway's machine had no time of its own; now the network has told it."""
        world = self.world
        if self.found:
            return False
        self.found = True
        world.utc_offset += DECADES_S
        world.latest_offset = max(world.latest_offset, world.utc_offset)
        return None

    def disk_full(self, fault: Fault) -> None:
        self.world.disk.full = "disk full"
        self.world.timeline.after(fault.seconds, self._room_again)

    def _room_again(self) -> None:
        self.world.disk.full = ""

    def disk_unreadable(self, fault: Fault) -> None:
        self.world.disk.unreadable = "the disk failed"
        self.world.timeline.after(fault.seconds, self._readable_again)

    def _readable_again(self) -> None:
        self.world.disk.unreadable = ""

    def disk_slow(self, fault: Fault) -> None:
        self.world.disk_slow_until = self.world.timeline.now + fault.seconds
