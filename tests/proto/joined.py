"""A client's and a server's machine joined byte to byte in memory, on one virtual clock.

Nothing here waits: ``pump`` moves bytes until both ends are at rest, ``jump`` goes to the next
moment at which something is due. Any machine with the verbs of the core can be an end, so the same
pair serves bare connections and the machines that own one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from tests.proto.support import MASKS

from agentgate_proto.client.events import HangUp
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.events import AuthAsked, Closed
from agentgate_proto.connection.server import ServerConnection
from agentgate_proto.connection.timers import Deadline
from agentgate_proto.limits import CLIENT_LIMITS, SERVER_LIMITS, Limits
from agentgate_proto.principal import Principal, Role
from agentgate_proto.rpc.messages import Auth, AuthResult

ROUNDS_MAX = 10_000
"""Rounds of ``pump`` or jumps of ``wait`` after which two ends are taken to go on for ever."""


class Machine(Protocol):
    """The verbs that a pair needs."""

    def receive_data(self, data: bytes, now: float) -> None: ...
    def receive_eof(self, now: float) -> None: ...
    def send_failed(self, reason: str, now: float) -> None: ...
    def handle_timer(self, now: float) -> None: ...
    def next_event(self) -> Any: ...
    def data_to_send(self) -> bytes: ...
    def next_deadline(self) -> Deadline[Any] | float | None: ...


SomeClient = TypeVar("SomeClient", bound=Machine)
SomeServer = TypeVar("SomeServer", bound=Machine)


class Lane:
    """One direction of the socket.

    Attributes:
        delay_s: how long bytes are under way.
        black_hole: what is sent vanishes, and nobody is told.
        sent: every byte that was ever sent: the transcript.
    """

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.black_hole = False
        self.sent = bytearray()
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._ended = False

    def put(self, data: bytes, now: float) -> bool:
        """Send; False: the socket is broken."""
        if self._ended:
            return False
        self.sent += data
        if not self.black_hole:
            self._under_way.append((now + self.delay_s, data))
        return True

    def cut(self, now: float) -> None:
        """End the direction: the receiver reads an end of file, the sender's next send fails."""
        if not self._ended and not self.black_hole:
            self._under_way.append((now + self.delay_s, b""))
        self._ended = True

    def due_at(self) -> float | None:
        """When the next bytes arrive, or None."""
        return self._under_way[0][0] if self._under_way else None

    def take(self, now: float) -> bytes | None:
        """Return bytes that have arrived, b"" for the end of file, or None: there is nothing."""
        if self._under_way and self._under_way[0][0] <= now:
            return self._under_way.popleft()[1]
        return None


class End:
    """One machine with its socket.

    Attributes:
        events: all events so far.
        handle: acts on each event before the next one is asked for, as an adapter does.
        hung_up: the socket is closed from this side.
    """

    def __init__(self, machine: Machine, out: Lane, into: Lane) -> None:
        self.machine = machine
        self.events: list[Any] = []
        self.handle: Callable[[Any], None] = ignore
        self.hung_up = False
        self.out = out
        self.into = into

    def drain(self, now: float) -> bool:
        """Take all events, send all output; return whether there was any."""
        moved = False
        while (event := self.machine.next_event()) is not None:
            moved = True
            self.events.append(event)
            self.handle(event)
            self.hung_up = self.hung_up or isinstance(event, Closed | HangUp)
        data = self.machine.data_to_send()
        if data and not self.out.put(data, now) and not self.hung_up:
            self.machine.send_failed("the socket is broken", now)
            return self.drain(now)
        if self.hung_up:
            self.out.cut(now)
        return moved or bool(data)

    def read(self, now: float, chunk_bytes: int | None) -> bool:
        """Take what has arrived; return whether anything had."""
        data = self.into.take(now)
        if data is None or self.hung_up:
            return data is not None
        if not data:
            self.machine.receive_eof(now)
            self.drain(now)
        for at in range(0, len(data), chunk_bytes or len(data) or 1):
            self.machine.receive_data(data[at : at + (chunk_bytes or len(data))], now)
            self.drain(now)
        return True

    def deadline(self) -> float | None:
        """When the machine wants to be woken, or None."""
        deadline = self.machine.next_deadline()
        return deadline.at if isinstance(deadline, Deadline) else deadline

    def wake(self, now: float) -> None:
        """Call ``handle_timer`` if it is due; afterwards it must not be due any more."""
        deadline = self.deadline()
        if deadline is not None and deadline <= now:
            self.machine.handle_timer(now)
            after = self.deadline()
            assert after is None or after > now, "a timer spins"


class Pair(Generic[SomeClient, SomeServer]):
    """See the module.

    Args:
        client, server: the machines.
        now: the time at which they were made.
        chunk_bytes: bytes arrive in pieces of this size; None: as they were sent.

    Attributes:
        now: the clock, monotonic seconds.
        client_end, server_end: with the events and the handlers.
        to_server, to_client: the two directions.
    """

    def __init__(
        self,
        client: SomeClient,
        server: SomeServer,
        *,
        now: float = 0.0,
        chunk_bytes: int | None = None,
    ) -> None:
        self.now = now
        self.chunk_bytes = chunk_bytes
        self.client = client
        self.server = server
        self.to_server = Lane()
        self.to_client = Lane()
        self.client_end = End(client, self.to_server, self.to_client)
        self.server_end = End(server, self.to_client, self.to_server)

    def pump(self) -> None:
        """Move bytes and handle events until both ends are at rest at this moment."""
        for _ in range(ROUNDS_MAX):
            moved = False
            for end in (self.client_end, self.server_end):
                moved |= end.drain(self.now)
                moved |= end.read(self.now, self.chunk_bytes)
            if not moved:
                return
        raise AssertionError("the two ends never come to rest")

    def next_deadline(self) -> float | None:
        """When something happens next: a timer, or bytes that arrive."""
        times = (
            self.client_end.deadline(),
            self.server_end.deadline(),
            self.to_server.due_at(),
            self.to_client.due_at(),
        )
        return min((time for time in times if time is not None), default=None)

    def jump(self) -> float:
        """Go to the next deadline and do what is due; return the time."""
        deadline = self.next_deadline()
        assert deadline is not None, "nothing will ever happen again"
        self.now = max(self.now, deadline)
        self.client_end.wake(self.now)
        self.server_end.wake(self.now)
        self.pump()
        return self.now

    def wait(self, seconds: float) -> None:
        """Let time pass, with all that is due in it."""
        until = self.now + seconds
        self.pump()
        for _ in range(ROUNDS_MAX):
            deadline = self.next_deadline()
            if deadline is None or deadline > until:
                self.now = until
                return
            self.jump()
        raise AssertionError("the two ends never come to rest")

    def cut(self) -> None:
        """Break the socket: both ends learn of it."""
        self.to_server.cut(self.now)
        self.to_client.cut(self.now)
        self.pump()


def ignore(event: Any) -> None:
    """Let an event pass."""


AGENT = Principal(name="hub", role=Role.AGENT)
TOKEN = "a token of the hub"


def welcome(role: Role = Role.AGENT) -> tuple[Principal, AuthResult]:
    """What a gateway says to a good token: the arguments of ``accept_auth``."""
    principal = Principal(name=AGENT.name, role=role)
    return principal, AuthResult(
        status="authenticated", principal=principal.name, role=role, epoch="e1", retention_s=60.0
    )


def unopened_pair(
    *,
    client_id: str = "sdk-1",
    role: Role = Role.AGENT,
    client_limits: Limits = CLIENT_LIMITS,
    server_limits: Limits = SERVER_LIMITS,
    chunk_bytes: int | None = None,
) -> Pair[ClientConnection, ServerConnection]:
    """Join two connections; the gateway will take any token for a principal of the role."""
    auth = Auth(token=TOKEN, client_id=client_id)
    pair = Pair(
        ClientConnection("gate.example", "/", auth, 0.0, masks=MASKS, limits=client_limits),
        ServerConnection(0.0, server_limits),
        chunk_bytes=chunk_bytes,
    )

    def accept(event: Any) -> None:
        if isinstance(event, AuthAsked):
            pair.server.accept_auth(*welcome(role))

    pair.server_end.handle = accept
    return pair


def open_pair(**options: Any) -> Pair[ClientConnection, ServerConnection]:
    """Join two connections and authenticate; options as for ``unopened_pair``."""
    pair = unopened_pair(**options)
    pair.pump()
    pair.client_end.events.clear()
    pair.server_end.events.clear()
    return pair
