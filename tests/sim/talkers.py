"""What agents on our SDK do with sessions: they create, send, watch, cancel, and come back.

As ``agentgate_client`` does: a message is sent again under its id, a watch attaches again after a
reconnect, and a process that comes after another goes on from the cursors that it had kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from tests.sim.models import NAMES
from tests.sim.readers import Reader
from tests.sim.session_desk import FORBIDDEN
from tests.sim.talks import Talk

from agentgate_proto.client.events import Settled
from agentgate_proto.client.session_feed import Cursor, SessionFeed
from agentgate_proto.client.session_watch import SessionWatch
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    CreateSession,
    DeleteSession,
    GetSession,
    Inspection,
    InspectSession,
    ListSessions,
    MessageTaken,
    SendMessage,
    SessionEvents,
    SessionList,
)
from agentgate_proto.rpc.usage_methods import ListModels, ReportUsage, UsageReport

if TYPE_CHECKING:
    from tests.sim.agents import SdkProcess

Answered = Callable[[Any, AgentGateError | None], None]
FAR = 1_000_000_000
READERS_MAX = 4


class Talker:
    """What one process does with sessions.

    Attributes:
        calls: what happens when each of its calls is answered, by handle.
        readers: that read now, by session.
    """

    def __init__(self, process: SdkProcess) -> None:
        self.process = process
        self.world = process.world
        self.memory = process.agent.memory
        self.calls: dict[int, Answered] = {}
        self.readers: dict[str, list[Reader]] = {}
        self._watches: dict[str, SessionWatch] = {}

    # From the plan, and from the process

    def act(self, talk: Talk) -> None:
        """Do something."""
        self.world.tell(self.process.name, "talks:", talk.act, talk.number)
        self.world.count(f"talk {talk.act}")
        getattr(self, f"_{talk.act}")(talk)
        self.process.turn()

    def resume(self) -> None:
        """A process goes on where the one before was."""
        for session, cursor in list(self.memory.cursors.items())[-READERS_MAX:]:
            self._open(session, cursor)
        for message in list(self.memory.unanswered.values()):
            self._say(message)

    def report(self) -> None:
        """At rest, what is told of the usage is what is on disk."""
        self.call("report_usage", ReportUsage(), self._reported)

    def settled(self, event: Settled) -> None:
        """A call is answered."""
        self.calls.pop(event.handle)(event.result, event.error)

    def pushed(self, events: SessionEvents) -> None:
        """Events have come."""
        watch = self._watches.get(events.session)
        if watch is not None:
            watch.take(events)
            self._turn(events.session)

    def reconnected(self) -> None:
        """There is a new connection."""
        for session, watch in list(self._watches.items()):
            watch.reconnected()
            self._turn(session)

    def closed(self, error: AgentGateError | None) -> None:
        """The client has come to its end."""
        for session, watch in list(self._watches.items()):
            watch.closed(error)
            self._turn(session)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is waited for."""
        readers = [one for those in self.readers.values() for one in those]
        return not self.calls and all(reader.is_idle for reader in readers)

    def rest(self) -> None:
        """I11: whoever watches has seen all that there is."""
        for session, readers in self.readers.items():
            one = self.world.oracle.sessions.books.all[session]
            for reader in readers:
                wanted = reader.feed.wanted
                if not reader.feed.ended and wanted is not None and wanted.offset < one.end:
                    self.world.fail(
                        f"I11: {self.process.name} waits for {wanted.offset} of {session}, "
                        f"which ends at {one.end}"
                    )

    # Calls

    def call(self, method: str, params: msgspec.Struct, answered: Answered) -> None:
        """Make a call; the process turns afterwards."""
        try:
            handle = self.process.machine.call(method, params, None, self.process.clock.now())
        except AgentGateError as error:
            answered(None, error)
        else:
            self.calls[handle] = answered

    def _mine(self, pick: int) -> str:
        names = list(self.memory.sessions)
        return names[pick % len(names)] if names else ""

    def _looks(self, session: str) -> Answered:
        """Take an answer that says nothing new, if it is no wrong refusal."""

        def answered(result: Any, error: AgentGateError | None) -> None:
            self._check(session, error)

        return answered

    def _check(self, session: str, error: AgentGateError | None) -> None:
        if error is None:
            return
        code = ErrorCode(error.code)
        self.world.count(f"session call {code.name.lower()}")
        may_be_gone = session in self.memory.going | self.world.oracle.sessions.expired
        if code == ErrorCode.SESSION_NOT_FOUND and not may_be_gone:
            self.world.fail(f"I11: {session} of {self.process.name} is not found")
        if code == ErrorCode.SESSION_NOT_FOUND and session in self.memory.sessions:
            self._forget(session)
        if code in (ErrorCode.INVALID_REQUEST, ErrorCode.METHOD_NOT_FOUND):
            self.world.fail(f"a call about {session} is refused: {error}")

    def _create(self, talk: Talk) -> None:
        workspace = FORBIDDEN if talk.pick % 10 == 0 else ""
        model = NAMES[1] if talk.pick % 3 == 0 else ""

        def answered(result: Any, error: AgentGateError | None) -> None:
            self._check("", error)
            if error is None:
                view = as_type(result, SessionView)
                self.memory.sessions[view.id] = view.epoch
                self._begin(view.id, talk)

        self.call("create_session", CreateSession(model=model, workspace=workspace), answered)

    def _send(self, talk: Talk) -> None:
        session = self._mine(talk.pick)
        if not session:
            self._create(talk)
            return
        self._begin(session, talk)

    def _begin(self, session: str, talk: Talk) -> None:
        message = SendMessage(
            session=session,
            text=f"say {talk.number}",
            message_id=f"m{talk.number}",
            model=NAMES[0] if talk.pick % 7 == 0 else "",
            max_iterations=talk.rounds,
            queue=talk.pick % 5 < 2,
        )
        self.memory.messages[message.message_id] = message
        self._say(message)

    def _again(self, talk: Talk) -> None:
        messages = list(self.memory.messages.values())
        if messages:
            self._say(messages[talk.pick % len(messages)])

    def _say(self, message: SendMessage) -> None:
        self.memory.unanswered[message.message_id] = message

        def answered(result: Any, error: AgentGateError | None) -> None:
            self._check(message.session, error)
            if error is None or error.code != ErrorCode.CONNECTION_LOST:
                self.memory.unanswered.pop(message.message_id, None)
            if error is not None:
                return
            taken = as_type(result, MessageTaken)
            one = self.world.oracle.sessions.books.all[message.session]
            if one.messages.get(message.message_id) != taken.run:
                self.world.fail(f"I12: {message.message_id} is said to have begun {taken.run}")
            if taken.waits:
                self.world.count("messages that wait")
            self._open(message.session, Cursor(taken.epoch, taken.offset), taken.run)

        self.call("send_message", message, answered)

    def _cancel(self, talk: Talk) -> None:
        session = self._mine(talk.pick)
        if not session:
            return
        one = self.world.oracle.sessions.books.all.get(session)
        waiting = one.waiting if one is not None and talk.pick % 2 else []
        run = waiting[talk.pick % len(waiting)] if waiting else ""
        self.call("cancel_run", CancelRun(session=session, run=run), self._looks(session))

    def _delete(self, talk: Talk) -> None:
        session = self._mine(talk.pick)
        if not session:
            return
        self.memory.going.add(session)

        def answered(result: Any, error: AgentGateError | None) -> None:
            self._check(session, error)
            if error is None or error.code == ErrorCode.SESSION_NOT_FOUND:
                self._forget(session)

        self.call("delete_session", DeleteSession(session=session), answered)

    def _forget(self, session: str) -> None:
        memory = self.memory
        memory.sessions.pop(session, None)
        memory.cursors.pop(session, None)
        memory.messages = {
            name: message for name, message in memory.messages.items() if message.session != session
        }
        watch = self._watches.get(session)
        if watch is not None:
            watch.end(exception_for(ErrorCode.SESSION_NOT_FOUND, "it was deleted"))
            self._turn(session)

    def _inspect(self, talk: Talk) -> None:
        session = self._mine(talk.pick)
        if not session:
            return
        text = "and now?" if talk.pick % 2 else ""

        def answered(result: Any, error: AgentGateError | None) -> None:
            self._check(session, error)
            if error is None:
                shown = as_type(result, Inspection)
                parts = shown.envelope_bytes + sum(part.bytes for part in shown.sections)
                if not parts == shown.bytes == len(shown.body.encode()):
                    self.world.fail(f"the parts of the context of {session} are not all of it")

        self.call("inspect_session", InspectSession(session=session, text=text), answered)

    def _look(self, talk: Talk) -> None:
        session = self._mine(talk.pick)
        match talk.pick % 4:
            case 0 if session:
                self.call("get_session", GetSession(session=session), self._looks(session))
            case 1:
                self.call("report_usage", ReportUsage(session=session), self._looks(session))
            case 2:
                self.call("list_models", ListModels(), self._looks(""))
            case _:
                self.call("list_sessions", ListSessions(), self._listed)

    def _listed(self, result: Any, error: AgentGateError | None) -> None:
        self._check("", error)
        if error is not None:
            return
        for view in as_type(result, SessionList).sessions:
            if view.principal != self.process.agent.plan.principal:
                self.world.fail(f"I8: {self.process.name} is told of {view.key}")

    def _reported(self, result: Any, error: AgentGateError | None) -> None:
        self._check("", error)
        if error is None:
            told = as_type(result, UsageReport).total.cost_micros
            spent = self.world.oracle.sessions.money.of(self.process.agent.plan.principal)
            if told != spent:
                self.world.fail(f"I13: {spent} were spent, and {told} are told")

    def _foreign(self, talk: Talk) -> None:
        """Try somebody else's session."""
        mine = self.process.agent.plan.principal
        books = self.world.oracle.sessions.books.all
        others = [name for name, one in books.items() if one.record.principal != mine]
        session = others[talk.pick % len(others)] if others else "nobody's"
        calls: tuple[tuple[str, msgspec.Struct], ...] = (
            ("get_session", GetSession(session=session)),
            ("cancel_run", CancelRun(session=session)),
            ("delete_session", DeleteSession(session=session)),
            ("inspect_session", InspectSession(session=session)),
            ("attach_session", AttachSession(session=session)),
            ("send_message", SendMessage(session=session, text="x", message_id="x")),
        )
        method, params = calls[talk.pick % len(calls)]

        def answered(result: Any, error: AgentGateError | None) -> None:
            if error is None:
                self.world.fail(f"I8: {self.process.name} may {method} in {session}")

        self.call(method, params, answered)

    # Watching

    def _attach(self, talk: Talk) -> None:
        session = self._mine(talk.pick)
        if not session or len(self.readers.get(session, ())) >= READERS_MAX:
            return
        epoch = self.memory.sessions[session]
        cursors: tuple[tuple[Cursor | None, str], ...] = (
            (self.memory.cursors.get(session), ""),
            (Cursor(epoch, 0), ""),
            (None, ""),
            (Cursor(epoch, FAR), "ahead"),
            (Cursor("another", 3), "epoch"),
        )
        cursor, lie = cursors[talk.number % len(cursors)]
        self._open(session, cursor, lie=lie)

    def _leave(self, talk: Talk) -> None:
        session = self._mine(talk.pick)
        readers = self.readers.get(session)
        if readers:
            readers.pop(talk.pick % len(readers)).feed.close()
            self._turn(session)

    def _open(self, session: str, cursor: Cursor | None, run: str = "", lie: str = "") -> None:
        watch = self._watches.setdefault(session, SessionWatch(session))
        feed = SessionFeed(cursor, run)
        self.readers.setdefault(session, []).append(Reader(self, session, feed, lie))
        watch.add(feed)
        self._turn(session)

    def _turn(self, session: str) -> None:
        """Do what a watch asks for. Must follow everything that changes it."""
        watch = self._watches.get(session)
        if watch is None:
            return
        for reader in self.readers.get(session, ()):
            reader.read()
        call = watch.next_call()
        if isinstance(call, AttachSession):
            self.call("attach_session", call, self._attached(session, watch))
        elif call is not None:
            self.call("detach_session", call, lambda result, error: None)
        readers = [one for one in self.readers.get(session, ()) if not one.feed.ended]
        self.readers[session] = readers
        if watch.is_over:
            self._watches.pop(session, None)
            self.readers.pop(session, None)

    def _attached(self, session: str, watch: SessionWatch) -> Answered:
        def answered(result: Any, error: AgentGateError | None) -> None:
            if self.process.is_closed:
                return  # ``closed`` follows
            if error is not None:
                self._check(session, error)
                watch.refused(error)
            else:
                watch.attached(as_type(result, Attached))
            self._turn(session)

        return answered


def as_type(result: Any, kind: type[Any]) -> Any:
    """Read decoded JSON as a type."""
    return msgspec.json.decode(msgspec.json.encode(result), type=kind)
