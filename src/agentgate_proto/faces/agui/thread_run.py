"""One run of AG-UI: from what the client says, or a person answers, to the events of the answer.

A thread is a session of ours, and each run of AG-UI watches a run of ours: from the message that
began it to its end, or to where it has nothing to do but wait for people. If the principal may
answer, the client's run ends there with interrupts, and ours waits; the next run of AG-UI brings
the answers and goes on where this one stopped. Others see the tool call that waits, and the stream
stays open.

The tools of the gateway are shown; those of the client end the run, and their results come with the
next one's messages. Which of the messages are new the session finds out
(``sessions.client_turns``); a message that comes again for the same run joins it.
"""

from __future__ import annotations

from typing import Any

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.agui import events
from agentgate_proto.faces.agui.interrupts import Interrupts, Stopped, stopped_in, with_stopped
from agentgate_proto.faces.agui.run_input import Wanted
from agentgate_proto.faces.agui.transcript import Transcript
from agentgate_proto.faces.answering import Answering
from agentgate_proto.faces.conversing import Said
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.records.session_views import SessionEvent, SessionView
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    MessageTaken,
    SetMetadata,
)
from agentgate_proto.sessions.client_turns import ClientTurn

FACE = "agui"

NOTHING_NEW = "there is nothing to be answered: the last message must be a user's or a tool's"
NOT_KEPT = "the run of this message is not kept any more"
DELETED = "the session was deleted"


class ThreadRun(Answering):
    """See the module.

    Args:
        wanted: what the client wants.
        may_decide: the principal may answer approvals.
    """

    def __init__(self, wanted: Wanted, *, may_decide: bool) -> None:
        super().__init__(FACE, wanted.thread, wanted.model)
        self._wanted = wanted
        self._may_decide = may_decide
        self._transcript = Transcript()
        self._interrupts = Interrupts([each.id for each in wanted.decisions])
        self._undecided = 0  # answers of a person that are not taken yet
        self._stopped: Stopped | None = None
        self._epoch = ""
        self._next = 0  # what comes from here on was not told
        self._due: list[events.Event] = []  # interrupts that are being noted

    def start(self, now: float) -> None:
        """See :class:`Answering`."""
        self._begin({})
        self._send(events.started(self._wanted.thread, self._wanted.run))
        super().start(now)

    def leave(self, now: float) -> None:
        """See :class:`Answering`."""
        self._has_left = True
        if not self._run:
            return  # it is on its way
        if not self._due:
            self._cancel()
        self._over()

    def gone(self, now: float) -> None:
        """See :class:`Conversation`."""
        if self._run:
            self._fail(DELETED, "session_deleted")

    # Before the run

    def _on_session(self, session: SessionView, now: float) -> None:
        wanted, self._epoch = self._wanted, session.epoch
        if self._has_left:
            self._over()
        elif wanted.decisions:
            self._stopped = stopped_in(session.metadata)
            self._undecided = len(wanted.decisions)
            for decision in wanted.decisions:
                self._call("decide", decision)
        elif wanted.said is None:
            self._resume(session, session.run)
        else:
            turn = ClientTurn(
                session=session.id,
                text=wanted.said.text,
                message_id=f"{FACE}-{wanted.message_id}",
                model=wanted.model,
                past=wanted.said.past,
                system=wanted.said.system,
                tools=wanted.tools,
            )
            self._call("say", turn)

    def _resume(self, session: SessionView, run: str) -> None:
        """Go on where a run was interrupted, or show the one that is under way."""
        self._joined = True
        stopped = self._stopped
        if stopped is not None and run in ("", stopped.run):
            self._awaited = stopped.run
            self._interrupts.go_on(stopped)
            cursor = AttachSession(session=session.id, epoch=stopped.epoch, offset=stopped.offset)
            self._watch("run", cursor)
        elif run:
            self._awaited = run
            self._watch("run", AttachSession(session=session.id))
        else:
            self._fail(NOTHING_NEW, "nothing_new")

    def _on_answer(self, about: Any, result: Any, now: float) -> None:
        assert self._session is not None, "it is there"
        match about, result:
            case "decide", _:
                self._decided()
            case _, MessageTaken():
                self._watch_message(self._session.id, result)
            case _, Attached():
                self._on_attached(result)
            case "note", _:
                self._interrupt()
            case _:
                pass  # that it was cancelled nobody is told

    def _decided(self) -> None:
        """A person's answer is taken, or another one was before."""
        assert self._session is not None, "it is there"
        self._undecided -= 1
        if not self._undecided:
            self._resume(self._session, self._session.run)

    def _on_attached(self, attached: Attached) -> None:
        self._epoch, self._next = attached.epoch, attached.offset
        if self._has_left:
            self._cancel()
            self._over()
        elif not self._watch_from(self._awaited, attached):
            self._fail(NOT_KEPT, "not_kept")

    def _on_refusal(self, about: Any, code: ErrorCode, message: str, data: Any, now: float) -> None:
        if about == "cancel":
            return  # nobody waits for that
        if about == "decide" and code is ErrorCode.ALREADY_SETTLED:
            self._decided()
        elif about == "note":
            self._interrupt()  # the next run begins at the beginning of ours
        else:
            waits = data.get("approvals") if isinstance(data, dict) else None
            more = f"; it waits for a person: {', '.join(map(str, waits))}" if waits else ""
            self._fail(f"{message}{more}", code.name.lower())

    # The run

    def _on_event(self, event: SessionEvent, said: Said) -> None:
        self._next = event.offset + event.count
        match event.kind:
            case EventKind.MODEL_STARTED:
                self._interrupts.step()
            case EventKind.TOOL_CALL if not said.client:
                self._has_used_tools = True
                self._interrupts.called(said.call)
            case EventKind.APPROVAL:
                self._interrupts.asked(said)
            case EventKind.TOOL_RESULT:
                self._interrupts.ended(said.call)
            case _:
                pass
        self._transcript.take(said, event.kind, event.offset)
        self._flush()
        if event.kind == EventKind.RUN_ENDED:
            self._on_ended(said)

    def _caught_up(self) -> None:
        due = self._interrupts.due() if self._may_decide and self._run else []
        if not due or self._due:
            return
        assert self._session is not None, "it is there"
        self._due = due
        stopped = Stopped(
            run=self._run,
            epoch=self._epoch,
            offset=self._next,
            open=dict(self._interrupts.open),
        )
        metadata = with_stopped(self._session.metadata, stopped)
        self._call("note", SetMetadata(session=self._session.id, metadata=metadata))

    def _interrupt(self) -> None:
        """It stands in the session's metadata where the next run goes on."""
        if not self._run:
            return  # it was answered elsewhere meanwhile, and the run is over
        due = self._interrupts.due()
        self._due = []
        if due:
            self._finish({"type": "interrupt", "interrupts": due})

    def _on_ended(self, said: Said) -> None:
        transcript = self._transcript
        transcript.close()
        self._flush()
        if said.status in events.DONE:
            is_whole = said.status == RunStatus.COMPLETED
            result = None if is_whole else {"status": said.status, "reason": said.reason}
            self._finish(events.success(transcript.pending), result)
        elif said.status == RunStatus.CANCELLED:
            self._finish({"type": "cancelled"})
        else:
            self._fail(said.reason or f"the run is {said.status}", said.status)

    # Endings

    def _finish(self, outcome: events.Event, result: events.Event | None = None) -> None:
        self._transcript.close()
        self._flush()
        wanted, usage = self._wanted, self._transcript.usage
        self._send(events.finished(wanted.thread, wanted.run, outcome, usage, result))
        self._over()

    def _fail(self, message: str, code: str) -> None:
        self._transcript.close()
        self._flush()
        self._send(events.failed(message, code, self._transcript.usage))
        self._over()

    def _flush(self) -> None:
        told, self._transcript.events = self._transcript.events, []
        for each in told:
            self._send(each)
