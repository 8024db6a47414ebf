"""One session on the connection of an editor: where it is read, what waits for its runs' ends.

Theory of operation. A session is watched from its opening on, so all that happens in it is told,
whoever makes it happen; a prompt is answered when the end of its run is read. Who opens it wants
what comes from some offset on (``show_from``). It is read from further back if need be: what waits
for a person, and how the client's own prompts ended, is in what is not shown. What was there when
it was opened (up to ``known_until``) is told as past, and nobody is asked before its end: it may
have been answered long ago.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.acp.effects import About, Outbox, Step
from agentgate_proto.faces.acp.messages import CURSOR, MESSAGE_IDS_MAX, REQUEST_CANCELLED
from agentgate_proto.faces.acp.permissions import Permissions
from agentgate_proto.faces.acp.telling import (
    Placed,
    Teller,
    Told,
    Update,
    going_update,
    lost_update,
    noted_update,
    since,
    told_by,
)
from agentgate_proto.faces.acp.turns import CANCELLED, NOT_KEPT, STOP_REASONS, Turn, View
from agentgate_proto.faces.conversing import BROKEN
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.session import EventKind, RunStatus
from agentgate_proto.records.session_views import BEHIND, SessionEvent
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.session_methods import Attached, AttachSession, CancelRun, MessageTaken
from agentgate_proto.rpc.usage_methods import ModelRow

MODEL = "model"
"""The option by which a client chooses the model."""

CLOSED = "the session was closed meanwhile"


class Thread:
    """See the module.

    Args:
        session: the session's id.
        out: where everything goes.
        may_decide: the client may answer approvals.
        cursors: the client wants a cursor with each update.

    Attributes:
        cwd, title: what the client calls it; see ``opening.Kept``.
        metadata: of the session.
        models, model: that may be asked, by name, and the one that is.
        teller: tells its events.
        permissions: the approvals that it waits for.
        turns: the prompts that are not answered yet.
    """

    def __init__(self, session: str, out: Outbox, *, may_decide: bool, cursors: bool) -> None:
        self.session = session
        self.cwd = self.title = self.model = ""
        self.metadata: dict[str, Any] = {}
        self.models: Mapping[str, ModelRow] = {}
        self.teller = Teller({}, None)
        self.permissions = Permissions(out, session, may_decide=may_decide)
        self.turns: list[Turn] = []
        self._out = out
        self._cursors = cursors
        self._own: dict[str, str] = {}  # runs of the client's prompts, "" unknown, by message id
        self._ends: dict[str, Told] = {}  # of these runs
        self._view: View | None = None  # that is being opened
        self._attaching = 0  # places that are asked for, and not known yet
        self._epoch = ""
        self._position = 0
        self._show_from = 0
        self._known_until = 0
        self._is_whole = False

    # Opening

    @property
    def is_opening(self) -> bool:
        """Whether somebody who opens it waits for the answer."""
        return self._view is not None and self._view.answer is not None

    def open(self, view: View) -> None:
        """Read the session from somewhere; :meth:`attached` follows."""
        for turn in self.turns:
            turn.is_sought = False  # what was looked for is looked for again afterwards
        self._view = view
        self._attach(view.epoch, view.read_from)

    def attached(self, result: Attached) -> None:
        """It is read from there on. Events follow, unless another place is asked for already."""
        self._attaching -= 1
        if self._attaching:
            return
        view = self._view
        assert view is not None, "it was opened, or is looked through"
        if view.read_from is None and view.epoch == result.epoch and view.base < result.offset:
            view.read_from = view.base
            self._attach(view.epoch, view.read_from)
            return
        is_other = bool(view.epoch) and view.epoch != result.epoch
        self._epoch, self._position, self._known_until = result.epoch, result.offset, result.next
        show_from = result.next if view.show_from is None else view.show_from
        self._show_from = 0 if is_other else show_from
        self._is_whole = is_other or view.is_whole
        if view.answer is not None:
            self.teller.counted = result.next
        if result.gap and view.show_from is not None:
            self._update(lost_update(), self._position)
        self._catch_up()

    def own(self, message_ids: Sequence[str]) -> None:
        """These messages are the client's own, which has said them on a former connection."""
        for name in message_ids[:MESSAGE_IDS_MAX]:
            self._own.setdefault(name, "")

    def _attach(self, epoch: str, offset: int | None) -> None:
        self._attaching += 1
        known = epoch if offset is not None else ""
        params = AttachSession(session=self.session, epoch=known, offset=offset)
        self._out.watch(About(Step.ATTACH, self.session), params)

    def _catch_up(self) -> None:
        """Answer whoever opens the session, if all is read that there was."""
        view = self._view
        if view is None or self._position < self._known_until:
            return
        self._view = None
        self._tell(self.teller.settle())
        if view.answer is not None:
            for update in self.teller.usage():
                self._update(update, self._position)
            if self._cursors:
                meta = {**view.answer.get("_meta", {}), CURSOR: self._cursor(self._position)}
                view.answer["_meta"] = meta
            self._out.answer(view.opening, view.answer)
        for turn in [turn for turn in self.turns if turn.is_sought]:
            self._refuse(turn, NOT_KEPT)
        self._look_back()
        if self._view is None:
            self.permissions.ask()

    def _look_back(self) -> None:
        """Look for the ends of runs that were over when their messages were sent again."""
        sought = [turn for turn in self.turns if turn.offset is not None]
        if sought and self._view is None:
            first = min(turn.offset or 0 for turn in sought)
            self.open(View(epoch=self._epoch, read_from=first, show_from=self._position))
            for turn in sought:
                turn.is_sought = True

    # Options

    def options(self) -> list[dict[str, Any]]:
        """Return what the client may choose: the model."""
        return [
            {
                "id": MODEL,
                "name": "Model",
                "category": "model",
                "type": "select",
                "currentValue": self.model,
                "options": [{"value": name, "name": name} for name in self.models],
            }
        ]

    def choose(self, option: str, value: Any) -> bool:
        """Choose a value; return whether there is that."""
        if option != MODEL or not isinstance(value, str) or value not in self.models:
            return False
        self.model = value
        return True

    # Prompts

    def known(self, turn: Turn) -> bool:
        """Take a prompt; return whether it was sent before, and need not be sent again."""
        self.turns.append(turn)
        run = self._own.get(turn.message_id, "")
        self._own.setdefault(turn.message_id, "")
        while len(self._own) > 2 * MESSAGE_IDS_MAX:
            self._ends.pop(self._own.pop(next(iter(self._own))), None)
        if run:
            turn.run = run
            end = self._ends.pop(run, None)
            if end is not None:
                self._end(turn, end)
        return bool(run)

    def taken(self, turn: Turn, result: MessageTaken) -> None:
        """A prompt is in the log."""
        turn.run = self._own[turn.message_id] = result.run
        end = self._ends.pop(result.run, None)
        if turn in self.turns and end is not None:
            self._end(turn, end)
        elif turn in self.turns and result.ended:
            turn.offset = result.offset  # its end is behind us
            self._look_back()
        elif turn.is_cancelled:
            self._cancel_run(turn)

    def not_taken(self, turn: Turn, code: ErrorCode, text: str) -> None:
        """A prompt was refused."""
        if turn in self.turns:
            self.turns.remove(turn)
            if turn.is_cancelled:
                self._out.answer(turn.id, CANCELLED)
            else:
                self._out.refuse_native(turn.id, code, text)

    def cancel(self, request_id: RequestId = None) -> None:
        """End the runs of all prompts, or of this one. Without one, end the run under way."""
        turns = [turn for turn in self.turns if request_id in (None, turn.id)]
        for turn in turns:
            if not turn.is_cancelled:
                turn.is_cancelled = True
                if turn.run:
                    self._cancel_run(turn)
        if not turns and self._out.may_ask:
            about = About(Step.CANCEL, self.session)
            self._out.call(about, CancelRun(session=self.session))

    def close(self) -> None:
        """The client wants no more of this session."""
        if self.turns:
            self.cancel()
        for turn in self.turns:
            self._out.answer(turn.id, CANCELLED)
        self.turns.clear()
        if self._view is not None and self._view.answer is not None:
            self._out.refuse(self._view.opening, REQUEST_CANCELLED, CLOSED)
        self.permissions.clear()

    def gone(self, code: ErrorCode, text: str) -> None:
        """The session was deleted, or can't be watched."""
        turns, self.turns = self.turns, []
        for turn in turns:
            self._out.refuse_native(turn.id, code, text)
        if self._view is not None and self._view.answer is not None:
            self._out.refuse_native(self._view.opening, code, text)
        self.permissions.clear()

    def _cancel_run(self, turn: Turn) -> None:
        about = About(Step.CANCEL, self.session)
        self._out.call(about, CancelRun(session=self.session, run=turn.run))

    # The log

    def take(self, events: Sequence[SessionEvent]) -> None:
        """Take events, in order."""
        for event in events:
            if self._attaching:
                return  # of a place that was left
            if event.kind == BEHIND:
                continue
            end = event.offset + event.count
            said = since(event, told_by(event.data), self._show_from)
            self._read(event, said, end)
            self._position = end
            self._catch_up()

    def _read(self, event: SessionEvent, said: Told, end: int) -> None:
        is_past = end <= self._known_until
        is_own = event.kind == EventKind.MESSAGE and said.message_id in self._own
        if is_own:
            self._own[said.message_id] = said.run
        is_seen = is_own and not (is_past and self._is_whole)
        told = self.teller.tell(event, said, past=is_past, own=is_seen)
        if end > self._show_from:
            self._tell(told)
        else:
            self.teller.hush()
        match event.kind:
            case EventKind.APPROVAL:
                self.permissions.add(said)
                if self._view is None:
                    self.permissions.ask()
            case EventKind.TOOL_RESULT:
                self.permissions.call_ended(said.call)
            case EventKind.RUN_ENDED:
                self._run_ended(said)
            case _:
                pass

    def _run_ended(self, said: Told) -> None:
        self.permissions.clear(run=said.run)
        turns = [turn for turn in self.turns if turn.run == said.run]
        for turn in turns:
            self._end(turn, said)
        if not turns and said.run in self._own.values():
            self._ends[said.run] = said

    def _end(self, turn: Turn, said: Told) -> None:
        status = RunStatus(said.status)
        if turn.is_cancelled and status in BROKEN:
            status = RunStatus.CANCELLED
        if status in BROKEN:
            self._refuse(turn, said.reason or f"the run is {status}", status=status.value)
            return
        self.turns.remove(turn)
        self._out.answer(turn.id, {"stopReason": STOP_REASONS[status]})

    def _refuse(self, turn: Turn, text: str, **more: Any) -> None:
        self.turns.remove(turn)
        data = {"run": turn.run, **more}
        self._out.refuse(turn.id, ErrorCode.INTERNAL_ERROR, text, data)

    # Approvals

    def approval_changed(self, view: ApprovalView) -> None:
        """An approval has changed; perhaps it is one of this session's."""
        if view.status == "waiting":
            return
        call = self.permissions.over(view.id)
        if call and view.status == "approved":
            by = f" by {view.decided_by} ({view.channel})" if view.decided_by else ""
            self._update(going_update(call, f"Approved{by}."), self._position)

    def decided(self, call: str, view: ApprovalView) -> None:
        """The client's answer was taken."""
        if view.status == "waiting":
            text = f"{len(view.approved_by)} of {view.approvers_needed} people have said yes."
            self._update(noted_update(call, text), self._position)

    def not_decided(self, call: str, code: ErrorCode, text: str) -> None:
        """The client's answer was not taken."""
        if code not in (ErrorCode.ALREADY_SETTLED, ErrorCode.NOT_FOUND):
            words = f"Not taken: {text}. Answer it elsewhere."
            self._update(noted_update(call, words), self._position)

    # Updates

    def _tell(self, updates: Sequence[Placed]) -> None:
        for update, end in updates:
            self._update(update, end)

    def _update(self, update: Update, end: int) -> None:
        params: dict[str, Any] = {"sessionId": self.session, "update": update}
        if self._cursors:
            params["_meta"] = {CURSOR: self._cursor(end)}
        self._out.notify("session/update", params)

    def _cursor(self, offset: int) -> str:
        return f"{self._epoch}:{offset}"

    def tell(self, update: Update) -> None:
        """Tell something that is no event of the log."""
        self._update(update, self._position)
