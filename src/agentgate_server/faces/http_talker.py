"""A talker on plain HTTP: one request whose answer is a run, as a stream of events or whole.

A client that goes before the end is told nothing more, but its conversation still says what is to
become of the run, and that is done.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from agentgate_proto.errors import ConnectionClosedError
from agentgate_proto.faces.answering import Answering, Begin, Found, Whole
from agentgate_proto.faces.conversing import Call, Close, Effect, Send, Tell
from agentgate_proto.faces.http_api import Reply as Response
from agentgate_proto.faces.sse import ALIVE, CONTENT_TYPE, encode_event
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.messages import DecideApproval
from agentgate_server.faces.event_stream import HEADERS
from agentgate_server.faces.talker import CallReply, Talker
from agentgate_server.sessions.door import SessionDoor
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import Reply

Asker = tuple[Principal, str]
"""Who asks, and the hash of their token."""

Decide = Callable[[Principal, DecideApproval, Reply], None]


class HttpTalker(Talker):
    """See the module. ``start`` it.

    Args:
        peer: the connection, whose request waits for its answer.
        principal: whose sessions are meant.
        who: who asks, by which token; "": by none.
        conversation: knows what the request means.
        sessions: whom it is about.
        spawn: starts an async function with its arguments, in a task.
        found: called when it is known which session is meant.
        decide: takes a person's answer to an approval; None: the face takes none.
        utc: the clock, UTC seconds.

    Attributes:
        is_over: there is nothing to be done any more.
    """

    def __init__(
        self,
        peer: Peer,
        principal: Principal,
        who: Asker,
        conversation: Answering,
        sessions: SessionDoor,
        spawn: Callable[..., None],
        found: Callable[[], None],
        decide: Decide | None = None,
        utc: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(peer, principal, conversation, sessions, spawn, utc)
        self.who = who
        self._answering = conversation
        self._found = found
        self._decide = decide
        self._has_started = False
        self._has_begun = False
        self._is_answered = False

    @property
    def is_over(self) -> bool:
        """See the class."""
        return self._is_over

    @property
    def has_room(self) -> bool:
        """See :class:`Talker`; who is gone takes anything."""
        return self._is_answered or super().has_room

    def start(self) -> None:
        """Begin, unless the client is gone by now."""
        if self._is_answered:
            self.close()
            self._found()
            return
        self._has_started = True
        self._answering.start(self._utc())
        self._drain()

    def leave(self) -> None:
        """The client is gone."""
        self._is_answered = True
        if self._has_started and not self._is_over:
            self._answering.leave(self._utc())
            self._drain()

    def turn_away(self, reply: Response) -> None:
        """The client may not ask any more: it gets this, or an answer that breaks off."""
        if not self._is_answered:
            self._whole(reply)
        self.leave()

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(text):
                self._send(text)
            case Tell(Begin(headers)):
                self._begin(headers)
            case Tell(Whole(reply)):
                if not self._is_answered:
                    self._whole(reply)
            case Tell(Found()):
                self._found()
            case Call(params=DecideApproval() as params):
                assert self._decide is not None, "this face takes answers"
                self._decide(self.who[0], params, CallReply(self, effect))
            case Close():
                self._end()
                self.close()
            case _:
                super()._do(effect)

    def _send(self, text: str) -> None:
        if self._is_answered:
            return
        try:
            self._peer.connection.send_http_body(encode_event(text))
        except ConnectionClosedError:
            self._is_answered = True  # we are told of it soon

    def _begin(self, headers: dict[str, str]) -> None:
        if not self._is_answered:
            self._has_begun = True
            lines = [*HEADERS, *headers.items()]
            self._peer.connection.start_http(200, CONTENT_TYPE, lines, alive=ALIVE)

    def _whole(self, reply: Response) -> None:
        if self._has_begun:
            self._end()
        else:
            self._is_answered = True
            connection = self._peer.connection
            connection.send_http(reply.status, reply.body, reply.content_type, reply.headers)

    def _end(self) -> None:
        if self._has_begun and not self._is_answered:
            self._is_answered = True
            self._peer.connection.end_http()


class Turns:
    """Lets one after the other look for the same thing, so that it is not made twice."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[Callable[[], None]]] = {}
        self._acting: dict[Hashable, bool] = {}  # who is let look just now, and: has left at once

    def __len__(self) -> int:
        """How many things are being looked for."""
        return len(self._waiting)

    def take(self, thing: Hashable, act: Callable[[], None]) -> None:
        """Act now, or when it is one's turn; then ``leave``."""
        waiting = self._waiting.get(thing)
        if waiting is None:
            self._waiting[thing] = deque([act])
            self._go_on(thing)
        else:
            waiting.append(act)

    def leave(self, thing: Hashable) -> None:
        """It was found: let the next one look."""
        if thing in self._acting:
            self._acting[thing] = True
        else:
            self._go_on(thing)

    def _go_on(self, thing: Hashable) -> None:
        """Let one after the other look, until one of them has to wait for what it finds. Many may
        have gone by the time it is their turn."""
        waiting = self._waiting[thing]
        try:
            while waiting:
                self._acting[thing] = False
                waiting.popleft()()
                if not self._acting[thing]:
                    return
            del self._waiting[thing]
        finally:
            self._acting.pop(thing, None)


class HttpTalkers:
    """All talkers of a face that answers by HTTP.

    Args:
        sessions: whom they are about.
        spawn: starts an async function with its arguments, in a task.
        counts: whether what let somebody in still does.
        decide: takes a person's answer to an approval; None: the face takes none.
    """

    def __init__(
        self,
        sessions: SessionDoor,
        spawn: Callable[..., None],
        counts: Callable[[Principal, str], bool],
        decide: Decide | None = None,
    ) -> None:
        self._decide = decide
        self._sessions = sessions
        self._spawn = spawn
        self._counts = counts
        self._talkers: dict[int, HttpTalker] = {}  # the last of each connection, by its number
        self._turns = Turns()
        self._is_closing = False

    @property
    def count(self) -> int:
        """How many requests are being answered."""
        return sum(not talker.is_over for talker in self._talkers.values())

    def answer(self, peer: Peer, principal: Principal, who: Asker, conversation: Answering) -> None:
        """Answer a request, in the sessions of a principal."""
        thing: Any = (principal.name, conversation.name or peer.number)

        def found() -> None:
            self._turns.leave(thing)

        talker = HttpTalker(
            peer, principal, who, conversation, self._sessions, self._spawn, found, self._decide
        )
        self._talkers[peer.number] = talker
        self._turns.take(thing, talker.start)

    def leave(self, peer: Peer) -> None:
        """A connection is over. What it asked for goes on while the gateway ends: what becomes of
        that is for the next process to say."""
        talker = self._talkers.pop(peer.number, None)
        if talker is not None and not self._is_closing:
            talker.leave()

    def close(self) -> None:
        """The gateway begins to shut down."""
        self._is_closing = True

    def look(self, reply: Response) -> None:
        """Turn away all whose tokens count no more."""
        for talker in list(self._talkers.values()):
            if not talker.is_over and not self._counts(*talker.who):
                talker.turn_away(reply)
