"""Those who take: each has so many sockets, says what it likes, and reads or does not.

They speak the protocol by bytes, since no client of ours would do such things.
"""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING

from tests.pressure.wire import UPGRADE, frame, message
from tests.sim.links import Link

if TYPE_CHECKING:
    from tests.sim.crowds.plan import HostilePlan
    from tests.sim.crowds.world import CrowdWorld

COMES_AGAIN_S = 0.05
"""After it was cut off, or turned away."""

AT_ONCE = 10
"""Messages that are sent together."""

HOARDS = 30
"""What is asked for, and never acknowledged, under one client id."""

STAYS_S = 0.3
"""How long those stay who come again and again."""


class Hostile:
    """One who takes.

    Args:
        world: around it.
        plan: of it.
        address: from which it comes.

    Attributes:
        over: it has stopped.
    """

    reads = True
    is_known = True
    stays_s = math.inf

    def __init__(self, world: CrowdWorld, plan: HostilePlan, address: str) -> None:
        self.world = world
        self.name = plan.name
        self.connections = plan.connections
        self.address = address
        self.over = False
        self.sockets: set[Socket] = set()
        self.clients = count(1)

    def begin(self) -> None:
        """Open all sockets."""
        for _ in range(self.connections):
            self.open()

    def open(self) -> None:
        """Open one."""
        if not self.over:
            self.world.dial(Socket(self), 1)

    def stop(self) -> None:
        """Its program ends, and all its sockets with it."""
        self.over = True
        for socket in list(self.sockets):
            socket.leave()

    def hello(self) -> bytes:
        """What is said on a new connection."""
        if not self.is_known:
            return UPGRADE
        client_id = f"{self.name}-{next(self.clients)}"
        auth = {"token": f"token of {self.name}", "client_id": client_id}
        return UPGRADE + message("auth", auth, "auth-1")

    def more(self, socket: Socket) -> bytes:
        """What is said next; b"": nothing more."""
        return b""

    def call(self, socket: Socket, tool: str) -> bytes:
        """Ask for a tool, with content of its own."""
        params = {"tool": tool, "args": {"n": self.world.others_ask(self.name, tool)}}
        return message("tool_request", params, next(socket.ids))


class Socket:
    """One of its sockets."""

    def __init__(self, hostile: Hostile) -> None:
        self.hostile = hostile
        self.address = hostile.address
        self.link: Link | None = None
        self.ids = count(1)
        self.said = 0

    def dialed(self, link: Link, dial: int) -> None:
        """It is open."""
        hostile = self.hostile
        self.link = link
        hostile.sockets.add(self)
        if hostile.over:
            self.leave()
            return
        if not hostile.reads:
            link.down.held_until = math.inf
        link.up.put(hostile.hello())
        self.window_opens()
        if hostile.stays_s < math.inf:
            hostile.world.timeline.after(hostile.stays_s, self.come_again)

    def dial_failed(self, why: str, dial: int) -> None:
        """Nobody is there."""
        self.hostile.world.timeline.after(COMES_AGAIN_S, self.hostile.open)

    def receive(self, data: bytes) -> None:
        """It reads, and forgets."""

    def hear_end(self, reason: str) -> None:
        """It was cut off."""
        self.hostile.world.count("hostile sockets cut")
        self.come_again()

    def window_opens(self) -> None:
        """Say more, as much as fits."""
        link = self.link
        while link is not None and not link.up.full:
            data = self.hostile.more(self)
            if not data:
                return
            self.said += 1
            link.up.put(data)

    def come_again(self) -> None:
        """Leave, and come as another."""
        if self.link is not None:
            self.leave()
            self.hostile.world.timeline.after(COMES_AGAIN_S, self.hostile.open)

    def leave(self) -> None:
        """Close it."""
        link, self.link = self.link, None
        self.hostile.sockets.discard(self)
        if link is not None:
            link.let_go(self)
            link.break_off("the connection was reset")


class Flooding(Hostile):
    """Asks for what it may have, back to back."""

    tool = "look"

    def more(self, socket: Socket) -> bytes:
        return b"".join(self.call(socket, self.tool) for _ in range(AT_ONCE))


class Denied(Flooding):
    """Asks for what it may not have."""

    tool = "forbidden"


class Unread(Hostile):
    """Asks for lists, and reads none."""

    reads = False

    def more(self, socket: Socket) -> bytes:
        return message("list_tools", {}, next(socket.ids)) * AT_ONCE


class Hoarding(Hostile):
    """Asks for things, never acknowledges one, and comes as another."""

    stays_s = STAYS_S

    def more(self, socket: Socket) -> bytes:
        return self.call(socket, "set") if socket.said < HOARDS else b""


class Ringing(Hostile):
    """Asks for what a person is asked about, and takes it back."""

    def more(self, socket: Socket) -> bytes:
        asked = self.call(socket, "ask_set")
        taken_back = {"request_id": next(socket.ids) - 1}
        return asked + message("cancel_request", taken_back, next(socket.ids))


class Coming(Hostile):
    """Logs in, goes, and comes again."""

    stays_s = 0.02


class Silent(Hostile):
    """Says one byte."""

    is_known = False
    stays_s = 1.0

    def hello(self) -> bytes:
        return b"G"


class Pinging(Hostile):
    """Pings, and never says who it is."""

    is_known = False

    def more(self, socket: Socket) -> bytes:
        return frame(b"", 0x89) * AT_ONCE


KINDS = {
    kind.__name__.lower(): kind
    for kind in (Flooding, Denied, Unread, Hoarding, Ringing, Coming, Silent, Pinging)
}
