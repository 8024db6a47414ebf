"""A client machine in a world that the test directs: sockets that break, a gateway, a clock.

Nothing waits: ``pump`` moves bytes until both ends are at rest, ``wait`` lets virtual time pass.
"""

from __future__ import annotations

from typing import Any

import msgspec
from tests.proto.client_gateway import TOKEN, Ears, Gateway, done
from tests.proto.support import MASKS

from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.calls import NOT_SETTLED, LooseRow
from agentgate_proto.client.events import (
    CallAsked,
    CallStopped,
    ClientState,
    Dial,
    HangUp,
    Pushed,
    Settled,
    StateChanged,
)
from agentgate_proto.client.machine import ClientMachine
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.state import State
from agentgate_proto.errors import AgentGateError
from agentgate_proto.limits import CANCEL_GRACE_S, CLIENT_LIMITS, UNCLAIMED_ROWS_MAX, Limits
from agentgate_proto.rpc.messages import (
    Auth,
    GetPendingResults,
    ToolRequest,
)
from agentgate_proto.rpc.tool_methods import CallTool

ROUNDS_MAX = 20_000
"""Rounds after which the world is taken never to come to rest."""


class Socket:
    """One socket between the client and the gateway.

    Attributes:
        up, down: bytes under way to the gateway and to the client.
        up_left, down_left: how many may still pass before it breaks; None: any number.
        broken: nothing passes any more, and both ends know it.
        frozen: nothing passes any more, and nobody knows it.
    """

    def __init__(self, link: Ears) -> None:
        self.link = link
        self.up = bytearray()
        self.down = bytearray()
        self.up_left: int | None = None
        self.down_left: int | None = None
        self.broken = False
        self.frozen = False


class World:
    """See the module.

    Args:
        gateway: what answers the dials.
        backoff: the client's schedule.
        limits: the client's.
        token: the client's.
        kept_max: outcomes for which no call waits, at most.

    Attributes:
        now: monotonic seconds.
        machine: the client.
        reachable: dials succeed at once; None: they are left to ``dialed`` and ``dial_failed``.
        final: a failed dial says that it will always fail.
        dials: when the client wanted a socket.
        events: all events of the machine.
        settled: the end of each call, by handle.
        socket: the socket that the client has, until it breaks.
        holding: the client has not let go of its socket, broken or not.
    """

    def __init__(
        self,
        gateway: Gateway | None = None,
        *,
        backoff: Backoff | None = None,
        limits: Limits = CLIENT_LIMITS,
        token: str = TOKEN,
        kept_max: int = UNCLAIMED_ROWS_MAX,
    ) -> None:
        self.now = 100.0
        self.gateway = gateway or Gateway()
        self.limits = limits
        self.auth = Auth(token=token, client_id="sdk-1")
        self.machine = ClientMachine(
            self._connect, backoff or Backoff(), instance="p1", kept_max=kept_max
        )
        self.reachable: bool | None = True
        self.final = False
        self.dialing = False
        self.dials: list[float] = []
        self.events: list[Any] = []
        self.settled: dict[int, Settled] = {}
        self.socket: Socket | None = None
        self.holding = False

    # What the user does

    def open(self) -> World:
        """Open the client; return the world."""
        self.machine.open()
        self.pump()
        return self

    def close(self) -> None:
        """Close the client."""
        self.machine.close()
        self.pump()

    def ask(self, tool: str = "light", timeout_s: float | None = None, **args: Any) -> int:
        """Ask for a tool; return the handle."""
        return self.call("tool_request", ToolRequest(tool=tool, args=args), timeout_s)

    def collect(self, timeout_s: float | None = None) -> int:
        """Ask for pending results; return the handle."""
        return self.call("get_pending_results", GetPendingResults(), timeout_s)

    def call(self, method: str, params: msgspec.Struct, timeout_s: float | None = None) -> int:
        """Make a call; return the handle."""
        handle = self.machine.call(method, params, timeout_s, self.now)
        self.pump()
        return handle

    def abandon(self, handle: int) -> None:
        """Do not wait for a call any more."""
        self.machine.abandon(handle)
        self.pump()

    # What the test sees

    @property
    def state(self) -> ClientState:
        """The client's state."""
        return self.machine.state

    @property
    def states(self) -> list[StateChanged]:
        """All changes of the state."""
        return [event for event in self.events if isinstance(event, StateChanged)]

    @property
    def pushed(self) -> list[msgspec.Struct]:
        """All notifications."""
        return [event.params for event in self.events if isinstance(event, Pushed)]

    @property
    def calls_asked(self) -> list[CallTool]:
        """All tools that the gateway asked for."""
        return [event.call for event in self.events if isinstance(event, CallAsked)]

    @property
    def calls_stopped(self) -> list[str]:
        """All calls that are to be stopped."""
        return [event.call for event in self.events if isinstance(event, CallStopped)]

    @property
    def hang_ups(self) -> int:
        """How often the client let go of a socket."""
        return sum(isinstance(event, HangUp) for event in self.events)

    @property
    def heard(self) -> list[dict[str, Any]]:
        """What the gateway heard on the newest connection."""
        return self.gateway.links[-1].heard

    def methods(self) -> list[str]:
        """The methods that the gateway heard on the newest connection."""
        return [message["method"] for message in self.heard]

    def result(self, handle: int) -> Any:
        """The result of a call that went well."""
        settled = self.settled[handle]
        assert settled.error is None, settled.error
        return settled.result

    def error(self, handle: int) -> AgentGateError:
        """The error of a call that did not."""
        settled = self.settled[handle]
        assert settled.error is not None
        assert settled.result is None
        return settled.error

    def leftovers(self) -> dict[str, int]:
        """The tables of the call book that are not empty."""
        book = self.machine._book
        names = ("_calls", "_queue", "_by_id", "_internal", "_deadlines", "_unclaimed")
        tables = {name: len(getattr(book, name)) for name in names} | {"bytes": book._bytes}
        return {name: size for name, size in tables.items() if size}

    def rows(self, handle: int) -> list[LooseRow]:
        """What a collection has returned."""
        rows: list[LooseRow] = self.result(handle)
        return rows

    # What happens to the user

    def drop(self, *, reachable: bool | None = True) -> None:
        """Cut the connection; then reconnect, or leave it at that."""
        self.cut()
        self.reachable = reachable
        if reachable:
            self.wait(1.0)

    def drop_before_arrival(self) -> None:
        """Let nothing arrive of what is sent from now on, and break with the first byte."""
        self.cut_after(up=1)

    def late(self) -> int:
        """Let a caller give up and then its outcome come; return the request id."""
        handle = self.ask("stubborn", timeout_s=1.0)
        request_id = self.gateway.arrivals[-1]
        assert isinstance(request_id, int)
        self.wait(1.0 + CANCEL_GRACE_S)
        assert NOT_SETTLED in self.error(handle).message
        self.gateway.resolve(request_id, done(request_id))
        self.pump()
        return request_id

    # What the world does

    def dialed(self) -> None:
        """Let the dial that is under way succeed."""
        self._dialed()
        self.pump()

    def dial_failed(self, message: str = "no such host", *, final: bool = False) -> None:
        """Let the dial that is under way fail."""
        self.dialing = False
        self.machine.dial_failed(message, self.now, final=final)
        self.pump()

    def pump(self) -> None:
        """Move bytes and act on events until everything is at rest at this moment."""
        for _ in range(ROUNDS_MAX):
            if not (self._act() | self._flush() | self._deliver() | self._serve()):
                return
        raise AssertionError("the world never comes to rest")

    def wait(self, seconds: float) -> None:
        """Let time pass, with all that is due in it."""
        until = self.now + seconds
        self.pump()
        for _ in range(ROUNDS_MAX):
            deadline = self.next_deadline()
            if deadline is None or deadline > until:
                self.now = until
                return
            self.jump(deadline)
        raise AssertionError("a timer spins")

    def next_deadline(self) -> float | None:
        """When something is due."""
        times = [self.machine.next_deadline()]
        if self.socket is not None and not self.socket.frozen:
            due = self.socket.link.next_deadline()
            times.append(due.at if due is not None else None)
        return min((time for time in times if time is not None), default=None)

    def jump(self, to: float) -> None:
        """Go to a moment and do what is due."""
        self.now = max(self.now, to)
        deadline = self.machine.next_deadline()
        if deadline is not None and deadline <= self.now:
            self.machine.handle_timer(self.now)
            after = self.machine.next_deadline()
            assert after is None or after > self.now, "a deadline that does not advance"
        if self.socket is not None and not self.socket.frozen:
            self.socket.link.handle_timer(self.now)
        self.pump()

    def cut(self) -> None:
        """Break the socket now."""
        self.cut_after(0, 0)
        self.pump()

    def cut_after(self, up: int | None = None, down: int | None = None) -> None:
        """Break the socket when so many more bytes have passed."""
        assert self.socket is not None
        self.socket.up_left, self.socket.down_left = up, down

    def _connect(self, now: float) -> ClientConnection:
        return ClientConnection(
            "gate.example", "/", self.auth, now, masks=MASKS, limits=self.limits
        )

    def _act(self) -> bool:
        """Take the machine's events."""
        acted = False
        while (event := self.machine.next_event()) is not None:
            acted = True
            self.events.append(event)
            match event:
                case Dial():
                    assert not self.dialing, "one dial at a time"
                    assert not self.holding, "one socket at a time"
                    self.dialing = True
                    self.dials.append(self.now)
                case HangUp():
                    assert self.holding, "hung up twice"
                    self.holding = False
                    self._flush()
                    self._break(by_client=True)
                case Settled(handle=handle):
                    assert handle not in self.settled, "settled twice"
                    assert event.error is None or event.result is None
                    self.settled[handle] = event
                case StateChanged(state=ClientState.CLOSED):
                    self.dialing = False
                case _:
                    pass
        if self.dialing and self.reachable is not None:
            if self.reachable:
                self._dialed()
            else:
                self.dialing = False
                self.machine.dial_failed("refused", self.now, final=self.final)
            return True
        return acted

    def _dialed(self) -> None:
        self.dialing = False
        self.holding = True
        self.socket = Socket(self.gateway.connected(self.now))
        self.machine.dialed(self.now)

    def _flush(self) -> bool:
        data = self.machine.data_to_send()
        if self.socket is not None:
            self.socket.up += data
        return bool(data)

    def _deliver(self) -> bool:
        """Move bytes; break the socket where the test wants it broken."""
        socket = self.socket
        if socket is None or socket.frozen:
            return False
        down = socket.down[: socket.down_left]
        up = socket.up[: socket.up_left]
        socket.down, socket.up = socket.down[len(down) :], socket.up[len(up) :]
        if socket.down_left is not None:
            socket.down_left -= len(down)
        if socket.up_left is not None:
            socket.up_left -= len(up)
        if down:
            self.machine.receive_data(bytes(down), self.now)
        if up:
            socket.link.receive_data(bytes(up), self.now)
            self._listen(socket.link)
        if 0 in (socket.up_left, socket.down_left):
            self._break(by_client=False)
            return True
        return bool(up or down)

    def _serve(self) -> bool:
        socket = self.socket
        if socket is None or socket.frozen:
            return False
        self._listen(socket.link)
        data = socket.link.data_to_send()
        socket.down += data
        if not data and not socket.down and socket.link.state is State.CLOSED:
            self._break(by_client=False)
            return True
        return bool(data)

    def _listen(self, link: Ears) -> None:
        while (event := link.next_event()) is not None:
            self.gateway.handle(link, event)

    def _break(self, *, by_client: bool) -> None:
        """The socket is gone; ``by_client``: after what the client sent last has arrived."""
        socket, self.socket = self.socket, None
        if socket is None or socket.broken:
            return
        socket.broken = True
        if by_client and socket.up_left is None:
            socket.link.receive_data(bytes(socket.up), self.now)
            self._listen(socket.link)
        socket.link.receive_eof(self.now)
        self._listen(socket.link)
        if not by_client:
            self.machine.receive_eof(self.now)


def connected(gateway: Gateway | None = None, **options: Any) -> World:
    """A world with a client that is connected."""
    world = World(gateway, **options).open()
    assert world.state is ClientState.CONNECTED
    return world
