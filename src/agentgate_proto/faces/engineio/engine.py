"""All Engine.IO sessions of a gateway: the machine above its connections.

What comes on connections goes in, as what it is: a plain request, an ask for a WebSocket, a message
on one, its end. What is to be done to them comes out of ``next_effect``, and what is spoken on top
of the sessions out of ``next_event``. After every call drain both, events first: acting on them
adds effects. ``next_deadline`` says when ``handle_timer`` wants to be called.

A WebSocket on which only its frames show that somebody is there (a long message under way, the
answer to a ping of its own) is told of by ``heard``: before ``handle_timer``, for those that
``overdue`` names.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

import msgspec

from agentgate_proto.faces.engineio.events import (
    Belongs,
    Effect,
    Ending,
    Event,
    Refuse,
    Respond,
)
from agentgate_proto.faces.engineio.session import (
    HTML,
    JSON,
    POLLING,
    WEBSOCKET,
    Session,
)
from agentgate_proto.faces.engineio.settings import EngineSettings
from agentgate_proto.faces.queries import query_fields

PROTOCOL = "4"

OK = b"ok"

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
"""What a route has to let through: others than the first two are answered as the protocol says."""


class Fault(msgspec.Struct, frozen=True):
    """Why a request is refused, as the protocol says it."""

    code: int
    message: str
    status: int = 400

    @property
    def body(self) -> bytes:
        """As it is answered."""
        return msgspec.json.encode({"code": self.code, "message": self.message})


UNKNOWN_TRANSPORT = Fault(0, "Transport unknown")
UNKNOWN_SID = Fault(1, "Session ID unknown")
BAD_METHOD = Fault(2, "Bad handshake method")
BAD_REQUEST = Fault(3, "Bad request")
UNSUPPORTED = Fault(5, "Unsupported protocol version")
BUSY = Fault(4, "Too many sessions; try again later", status=503)


class Engine:
    """See the module. ``now`` is monotonic seconds, and connections are numbers of the owner's.

    Args:
        new_sid: makes an unguessable text that was never used before, of letters, digits, ``-`` and
            ``_``.
        settings: times and caps.
    """

    def __init__(self, new_sid: Callable[[], str], settings: EngineSettings | None = None) -> None:
        self.settings = settings or EngineSettings()
        self._new_sid = new_sid
        self._sessions: dict[int, Session] = {}
        self._by_sid: dict[str, Session] = {}
        self._by_connection: dict[int, Session] = {}
        self._strangers: OrderedDict[int, None] = OrderedDict()  # the oldest first
        self._strangers_of: dict[str, OrderedDict[int, None]] = {}  # the same, by address
        self._numbers = 0
        self._alarms: list[tuple[float, int]] = []  # a heap; a session's own ``armed_at`` counts
        self._effects: deque[Effect] = deque()
        self._events: deque[Event] = deque()

    @property
    def count(self) -> int:
        """How many sessions there are."""
        return len(self._sessions)

    # Input

    def request(
        self, connection: int, method: str, target: str, body: bytes, address: str, now: float
    ) -> None:
        """Take a plain HTTP request. ``Respond`` follows, now or later.

        Args:
            connection: on which it came.
            method: GET, POST or another.
            target: the path with its query.
            body: whole.
            address: where the client is.
            now: monotonic seconds.
        """
        asked = self._read(target, POLLING, now)
        if isinstance(asked, Session):
            self._used(connection, asked)
            fault = self._polled(connection, asked, method, body, now)
            self._after(asked)
        elif isinstance(asked, Fault):
            fault = asked
        elif method != "GET":
            fault = BAD_METHOD
        else:
            fault = self._objection(asked)
            if fault is None:
                session = self._open(connection, address, now)
                session.open_by_poll(connection)
        if fault is not None:
            self._effects.append(Respond(connection, fault.status, fault.body, JSON))

    def ask_websocket(self, connection: int, target: str, address: str, now: float) -> None:
        """Take an ask for a WebSocket. ``Accept`` or ``Refuse`` follows. Arguments as above."""
        asked = self._read(target, WEBSOCKET, now)
        if isinstance(asked, Session):
            self._used(connection, asked)
            asked.probe(connection, now)
            self._after(asked)
            return
        fault = asked if isinstance(asked, Fault) else self._objection(asked)
        if fault is None:
            session = self._open(connection, address, now)
            session.open_by_websocket(connection)
        else:
            self._effects.append(Refuse(connection, fault.status, fault.message))

    def message(self, connection: int, data: str | bytes, now: float) -> None:
        """Take a message of a WebSocket."""
        session = self._by_connection.get(connection)
        if session is not None and not session.is_over:
            session.message(connection, data, now)
            self._after(session)

    def lost(self, connection: int, now: float) -> None:
        """Take note that a connection is over, whoever ended it."""
        session = self._by_connection.pop(connection, None)
        if session is not None and not session.is_over:
            session.lost(connection)
            self._after(session)

    def made_room(self, connection: int) -> None:
        """Answer ``AwaitRoom``: the WebSocket's peer has taken most of what was sent."""
        session = self._by_connection.get(connection)
        if session is not None:
            session.made_room()

    def overdue(self, now: float) -> list[int]:
        """Return the WebSockets that have to have shown life by now."""
        found: list[int] = []
        places = [0]
        for place in places:  # what is due stands together at the top of the heap
            if place < len(self._alarms) and self._alarms[place][0] <= now:
                session = self._sessions.get(self._alarms[place][1])
                connection = None if session is None else session.silent_websocket
                if connection is not None:
                    found.append(connection)
                places += (2 * place + 1, 2 * place + 2)
        return found

    def heard(self, connection: int, at: float) -> None:
        """Take note of when the last bytes came on a WebSocket."""
        session = self._by_connection.get(connection)
        if session is not None:
            session.heard_at = max(session.heard_at, at)

    def handle_timer(self, now: float) -> None:
        """Do what is due."""
        while self._alarms and self._alarms[0][0] <= now:
            at, number = heapq.heappop(self._alarms)
            session = self._sessions.get(number)
            if session is not None and session.armed_at == at:
                session.armed_at = math.inf
                if session.next_at <= now:  # it may have been put off
                    session.handle_timer(now)
                self._after(session)
        deadline = self.next_deadline()
        assert deadline is None or deadline > now, "a timer that does not advance"

    # What is spoken on top

    def send(self, session: int, messages: Iterable[str | bytes]) -> None:
        """Send messages, with nothing between them. To a session that is over, nothing is sent."""
        found = self._sessions.get(session)
        if found is not None:
            found.send(messages)
            self._after(found)

    def has_room(self, session: int) -> bool:
        """Whether little waits for the client; ``RoomMade`` says when it is so again."""
        found = self._sessions.get(session)
        return found is None or found.has_room

    def know(self, session: int, *, is_known: bool = True) -> None:
        """Take note of whether it is known whose session it is: else it counts as a stranger's."""
        found = self._sessions.get(session)
        if found is not None and found.is_known is not is_known:
            found.is_known = is_known
            self._note_stranger(found)

    def end(self, session: int, ending: Ending) -> None:
        """End a session, if it is not over."""
        found = self._sessions.get(session)
        if found is not None:
            found.end(ending)
            self._after(found)

    def end_all(self, ending: Ending) -> None:
        """End all sessions."""
        for session in list(self._sessions):
            self.end(session, ending)

    # Output

    def next_effect(self) -> Effect | None:
        """Return what is to be done next; None: nothing for now."""
        return self._effects.popleft() if self._effects else None

    def next_event(self) -> Event | None:
        """Return what happened next on the sessions; None: nothing more."""
        return self._events.popleft() if self._events else None

    def next_deadline(self) -> float | None:
        """Return when ``handle_timer`` wants to be called, or None. Changes nothing."""
        return self._alarms[0][0] if self._alarms else None

    # The work

    def session_in(self, target: str) -> int | None:
        """Return the number of the session that a request is for, if there is such a one."""
        try:
            sid = query_fields(target.partition("?")[2]).get("sid", "")
        except ValueError:
            return None
        session = self._by_sid.get(sid)
        return None if session is None else session.number

    def _read(self, target: str, transport: str, now: float) -> Session | Fault | dict[str, str]:
        """Find the session that is meant, or what is wrong; of one to be begun return the query."""
        try:
            query = query_fields(target.partition("?")[2])
        except ValueError:
            return BAD_REQUEST
        wanted = query.get("transport")
        if wanted not in (POLLING, WEBSOCKET):
            return UNKNOWN_TRANSPORT
        if wanted != transport:
            return BAD_REQUEST
        if "sid" not in query:
            return query
        session = self._by_sid.get(query["sid"])
        if session is not None and session.next_at <= now:
            session.handle_timer(now)  # it may be over, and nobody has looked
            self._after(session)
        return UNKNOWN_SID if session is None or session.is_over else session

    def _objection(self, query: dict[str, str]) -> Fault | None:
        """Say why no session can begin."""
        if query.get("EIO") != PROTOCOL:
            return UNSUPPORTED
        return BUSY if len(self._sessions) >= self.settings.sessions_max else None

    def _polled(
        self, connection: int, session: Session, method: str, body: bytes, now: float
    ) -> Fault | None:
        if session.transport != POLLING or method not in ("GET", "POST"):
            return BAD_REQUEST
        if method == "GET":
            return None if session.poll(connection, now) else BAD_REQUEST
        if not session.post(connection, body, now):
            return BAD_REQUEST
        self._effects.append(Respond(connection, 200, OK, HTML))
        return None

    def _open(self, connection: int, address: str, now: float) -> Session:
        self._make_room(address)
        self._numbers += 1
        sid = self._new_sid()
        session = Session(
            self._numbers, sid, address, self.settings, self._effects, self._events, now
        )
        self._sessions[session.number] = session
        self._by_sid[sid] = session
        self._note_stranger(session)
        self._used(connection, session)
        self._after(session)
        return session

    def _used(self, connection: int, session: Session) -> None:
        self._by_connection[connection] = session
        if session.is_known:
            self._effects.append(Belongs(connection, session.number))

    def _after(self, session: Session) -> None:
        """Forget a session that is over; let the alarm of another be early enough."""
        if session.is_over:
            del self._sessions[session.number]
            del self._by_sid[session.sid]
            self._note_stranger(session)
        elif session.next_at < session.armed_at:
            session.armed_at = session.next_at
            heapq.heappush(self._alarms, (session.armed_at, session.number))

    def _make_room(self, address: str) -> None:
        """End the oldest session of strangers if there are as many as may be: who is somebody says
        so at once, and has become known long before a flood of others has pushed it out. Were the
        new one refused instead, a few strangers could keep everybody out."""
        for strangers, most in (
            (self._strangers_of.get(address, ()), self.settings.strangers_of_address_max),
            (self._strangers, self.settings.strangers_max),
        ):
            if len(strangers) >= most:
                self.end(next(iter(strangers)), Ending.BUSY)

    def _note_stranger(self, session: Session) -> None:
        """Take note of whether a session is a stranger's, or is no more."""
        number, of_address = session.number, self._strangers_of.get(session.address)
        if not (session.is_known or session.is_over):
            if of_address is None:
                of_address = self._strangers_of[session.address] = OrderedDict()
            self._strangers[number] = of_address[number] = None
        elif of_address is not None and of_address.pop(number, self) is None:
            del self._strangers[number]
            if not of_address:
                del self._strangers_of[session.address]
