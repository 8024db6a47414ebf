"""The call book: every call of a client, and what a new connection means for each (I1).

Reconciliation, when a connection is authenticated again: ask for the pending results, settle what
came back, keep waiting for what the gateway still has, send again under the old id what it does
not know, make the standing calls. Calls made meanwhile wait, then go.

An outcome is told once: to its caller, or, if that has given up, to the next
``get_pending_results``. It may come twice, because what was not acknowledged is sent again.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

import msgspec

from agentgate_proto.client.calls import (
    NOT_SETTLED,
    WITHDRAWN,
    Call,
    LooseReply,
    LooseRow,
    Stage,
    error_of,
    result_of,
    row_of,
    status_of,
    unknown_outcome,
)
from agentgate_proto.client.events import ClientEvent, Settled
from agentgate_proto.client.own_decision import was_taken
from agentgate_proto.client.patience import Patience
from agentgate_proto.client.reconciliation import NOT_OFFERED, Reconciliation, Verdict
from agentgate_proto.client.request_ids import RequestIds
from agentgate_proto.client.standing import StandingCalls
from agentgate_proto.client.unclaimed import Unclaimed
from agentgate_proto.connection.client import ClientConnection
from agentgate_proto.connection.events import Answered
from agentgate_proto.connection.state import State
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.limits import CALLS_BYTES_MAX, CALLS_IN_FLIGHT_MAX, CALLS_MAX, CANCEL_GRACE_S
from agentgate_proto.rpc.messages import AuthResult, CancelRequest, GetPendingResults
from agentgate_proto.rpc.results import CancelStatus


class CallBook:
    """Calls by handle and by id.

    Args:
        events: the client machine's output queue.
        instance, kept_max: see :class:`.machine.ClientMachine`.

    Attributes:
        standing: the calls that are made first.
        ready: reconciliation is over, the standing calls are made, calls go out.
    """

    def __init__(self, events: deque[ClientEvent], instance: str, kept_max: int) -> None:
        self.ready = False
        self._events = events
        self.standing = StandingCalls(events)
        self._connection: ClientConnection | None = None
        self._calls: dict[int, Call] = {}
        self._bytes = 0
        self._queue: OrderedDict[int, Call] = OrderedDict()
        self._by_id: dict[int | str, Call] = {}
        self._internal: dict[int | str, Call | None] = {}
        self._deadlines = Patience()
        self._unclaimed = Unclaimed(kept_max)
        self._last_handle = 0
        self._ids = RequestIds(instance)
        self._known = Reconciliation()
        self._principal, self._epoch, self._now = "", "", 0.0

    # The user's side

    def add(self, method: str, params: msgspec.Struct, timeout_s: float | None, now: float) -> int:
        """Take a call and send it as soon as possible; return its handle.

        Raises:
            AgentGateError: too many calls are waiting (-32006), or the parameters cannot be sent.
        """
        call = Call(self._last_handle + 1, method, params, timeout_s)
        if len(self._calls) >= CALLS_MAX:
            raise exception_for(ErrorCode.LIMIT_EXCEEDED, f"{CALLS_MAX} calls are waiting already")
        if self._bytes + len(call.params) > CALLS_BYTES_MAX:
            text = f"the calls that are waiting take {self._bytes} of {CALLS_BYTES_MAX} bytes"
            raise exception_for(ErrorCode.LIMIT_EXCEEDED, text)
        self._now = now
        self._last_handle = call.handle
        self._calls[call.handle] = self._queue[call.handle] = call
        self._bytes += len(call.params)
        if timeout_s is not None:
            self._deadlines.add(now + timeout_s, call.handle)
        self._flush()
        return call.handle

    def abandon(self, handle: int) -> None:
        """The caller is gone: withdraw the call if that is possible."""
        call = self._calls.get(handle)
        if call is not None and not call.abandoned:
            call.abandoned = True
            if not call.withdrawn:
                self._withdraw(call)

    def handle_of(self, request_id: int | str) -> int | None:
        """Return the handle of a call that was sent under this id and is not settled, or None."""
        return call.handle if (call := self._by_id.get(request_id)) is not None else None

    def next_deadline(self) -> float | None:
        """Return when the next call runs out of time, or None."""
        own = (self._deadlines.next_deadline(), self.standing.due_at, self._known.due_at)
        return min((at for at in own if at is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Withdraw the calls whose time is over; give up on those that were withdrawn before. Let
        no others wait any longer for a standing call, nor for what the gateway has pending."""
        self._now = max(self._now, now)
        partial = self._connection.wire.partial_bytes if self._connection is not None else 0
        if self._known.is_overdue(now, partial):
            self._abort("the gateway did not say in time what is pending")
        if self.standing.handle_timer(now):
            self.go_on()
        while (handle := self._deadlines.take(now)) is not None:
            call = self._calls.get(handle)
            if call is None or call.abandoned:
                continue
            if call.withdrawn:
                self._give_up(call)
            else:
                self._deadlines.add(now + CANCEL_GRACE_S, handle)
                self._withdraw(call)

    def fail_all(self, error: AgentGateError) -> None:
        """Settle every call with an error; one that was sent may have run, and says so."""
        self.disconnected()
        self.standing.end(error)
        for call in list(self._calls.values()):
            if call.stage is Stage.SENT or call.is_repeat:
                text = f"{error.message}; the request was sent and may have run"
                self._settle(call, None, exception_for(error.code, text, {"sent": True}))
            else:
                self._settle(call, None, error_of(error))

    # The connection's side

    def connected(self, connection: ClientConnection, auth: AuthResult, *, again: bool) -> None:
        """A connection is authenticated; ``again``: not the first one."""
        self._connection = connection
        self._unclaimed.is_overfull = False
        self._ids.follow(auth.highest_id)
        self._principal = auth.principal
        self._known.begin(auth.retention_s)
        if self._epoch != auth.epoch:
            for call in list(self._by_id.values()):
                self._conclude(call, unknown_outcome("the gateway has lost its memory"))
        self._epoch = auth.epoch
        if again:
            self._collect(None)
        else:
            self.standing.connected()
            self.go_on()

    def disconnected(self) -> None:
        """The connection is gone; what runs no tool is asked again on the next."""
        self._connection = None
        self._known.refused()
        self.ready = False
        self.standing.disconnected()
        for call in [call for call in self._queue.values() if call.request_id]:
            del self._queue[call.handle]  # it was to go out again, and is judged anew
            self._by_id[call.request_id], call.stage = call, Stage.SENT
        again = [call for call in self._by_id.values() if not call.is_tool_request]
        again += [a for a in self._internal.values() if a is not None and a.is_collecting]
        self._internal.clear()
        sent = (call for call in again if call.stage is Stage.SENT)
        self._requeue(sorted(sent, key=lambda call: call.handle))  # as they were made

    def answered(self, event: Answered) -> None:
        """The gateway answered one of our requests."""
        request_id = event.id
        assert request_id is not None, "our ids are integers and texts"
        if self.standing.answered(event):
            self.go_on()
        elif request_id in self._internal:
            call = self._internal.pop(request_id)
            if event.method == "cancel_request":
                self._cancel_answered(call, event)
            else:
                self._collected(call, event)
        elif event.method == "tool_request":
            self._tool_answered(request_id, event)
        elif (call := self._by_id.get(request_id)) is not None:
            answer = result_of(event, object)
            error = answer if isinstance(answer, AgentGateError) else None
            if error is not None and was_taken(call, error, self._principal):
                answer, error = error.data, None
            self._settle(call, answer, error)

    def go_on(self) -> None:
        """Make the next standing call; once all are answered, all others."""
        call = self.standing.next_call(self._ids.upcoming, None if self.ready else self._clock())
        if call is not None:
            self._send(self._ids.take(), call.method, msgspec.Raw(call.params))
        elif self.standing.are_made:
            self.ready = True
            self._flush()

    # Sending

    def _flush(self) -> None:
        """Send what is queued, as far as calls may go out."""
        connection = self._connection
        while (
            self._queue
            and self.ready
            and connection is not None
            and connection.state is State.OPEN
            and len(self._by_id) < CALLS_IN_FLIGHT_MAX
        ):
            call = self._queue.popitem(last=False)[1]
            call.stage = Stage.SENT
            if call.is_collecting:
                self._collect(call)
                continue
            if not call.request_id:
                call.request_id = self._ids.take()
                call.sent_at = self._clock()
            self._by_id[call.request_id] = call
            self._send(call.request_id, call.method, msgspec.Raw(call.params))

    def _requeue(self, calls: list[Call]) -> None:
        """Send these again, before all others, in this order."""
        for call in reversed(calls):
            self._by_id.pop(call.request_id, None)
            if not call.is_tool_request:
                call.request_id, call.is_repeat = 0, True
            call.stage = Stage.QUEUED
            self._queue[call.handle] = call
            self._queue.move_to_end(call.handle, last=False)

    def _clock(self) -> float:
        """The time: a connection is told of what comes, and commands tell none."""
        return self._now if self._connection is None else max(self._now, self._connection.now)

    def _send(self, request_id: int | str, method: str, params: Any) -> None:
        """Send on a connection that may have come to its end meanwhile; then the next one tells."""
        assert self._connection is not None
        if method != "tool_request":
            self._unclaimed.tell(request_id)  # a second answer to it is no outcome
        if self._connection.state is State.OPEN:
            self._connection.send_request(request_id, method, params)

    # Collecting and reconciliation

    def _collect(self, call: Call | None) -> None:
        """Ask for pending results: for a caller, or after a reconnect for ourselves."""
        request_id = self._ids.take()
        self._internal[request_id] = call
        if call is not None:
            call.request_id = request_id
        else:
            self._known.asked(self._clock())
        self._send(request_id, "get_pending_results", GetPendingResults())

    def _collected(self, call: Call | None, event: Answered) -> None:
        reply = result_of(event, LooseReply)
        if isinstance(reply, AgentGateError):
            if call is not None:
                self._settle(call, None, reply)
            elif reply.code in NOT_OFFERED:
                self._known.refused()
                self._reconcile()
            else:
                self._abort(reply.message)
            return
        for row in reply.rows():
            self._take(row, call)
        self._saw(reply.seq)
        if call is None:
            self._known.answered(reply.pending)
        elif call.stage is Stage.SETTLED:
            return
        if reply.more and reply.results and not self._unclaimed.is_overfull:
            self._collect(call)
        elif call is None:
            self._reconcile()
        else:
            self._hand_over(call)

    def _hand_over(self, call: Call) -> None:
        """Give a caller all that it asked for."""
        self._settle(call, [*call.rows, *self._unclaimed.hand_over()], None)
        if self._unclaimed.is_overfull:
            self._abort("there is room again for outcomes that were not acknowledged")

    def _reconcile(self) -> None:
        """Send again what the gateway does not know; end what it will never tell of."""
        lost, now = [], self._clock()
        for call in sorted(self._by_id.values(), key=lambda call: call.handle):  # as first sent
            verdict = self._known.verdict(call, now)
            if isinstance(verdict, AgentGateError):
                self._conclude(call, verdict)
            elif verdict is Verdict.WITHDRAW:
                self._cancel(call)
            elif verdict is Verdict.SEND:
                lost.append(call)
        self._requeue(lost)
        self.standing.connected()
        self.go_on()

    # Outcomes

    def _tool_answered(self, request_id: int | str, event: Answered) -> None:
        call = self._by_id.get(request_id)
        row, seq = row_of(request_id, call.tool if call is not None else "", event)
        if call is not None or seq:
            self._take(row, None)
        self._saw(seq)

    def _take(self, row: LooseRow, collector: Call | None) -> None:
        """Tell an outcome to its caller, or keep it for one who asks."""
        call = self._by_id.get(row.request_id)
        error = row.fault
        if call is not None and call.is_tool_request:
            cancelled = error is not None and error.code == ErrorCode.CANCELLED
            if cancelled and call.withdrawn:
                error = call.given_up(WITHDRAWN)
            if collector is not None and not call.abandoned:
                collector.rows.append(row)
            if not call.abandoned or (cancelled and not call.promised):
                self._unclaimed.tell(row.request_id)
            self._settle(call.heard(row), row.data, error)
        self._unclaimed.keep(row)

    def _saw(self, seq: int) -> None:
        """Acknowledge what came, unless something before it was not kept."""
        assert self._connection is not None
        if not self._unclaimed.is_overfull:
            self._connection.saw(seq)

    def _abort(self, reason: str) -> None:
        assert self._connection is not None
        self._connection.abort(reason)

    # One call

    def _withdraw(self, call: Call) -> None:
        call.withdrawn = True
        if call.stage is Stage.QUEUED or not call.is_tool_request:
            self._settle(call, None, call.given_up(call.fate))
        elif self.standing.is_open:  # before that, reconciliation sees to it
            self._cancel(call)

    def _cancel(self, call: Call) -> None:
        request_id = self._ids.take()
        self._internal[request_id] = call
        self._send(request_id, "cancel_request", CancelRequest(request_id=call.request_id))

    def _cancel_answered(self, call: Call | None, event: Answered) -> None:
        """Tell what needs no waiting for. In every other case the outcome itself tells."""
        if call is None or call.stage is Stage.SETTLED:
            return
        status = status_of(event)
        if status == CancelStatus.UNKNOWN_REQUEST:
            self._conclude(call, call.given_up(WITHDRAWN))
        elif status == CancelStatus.CANCELLED and not call.promised:
            self._unclaimed.tell(call.request_id)
            self._settle(call, None, call.given_up(WITHDRAWN))
        elif event.error is not None and not call.abandoned:
            self._give_up(call)

    def _give_up(self, call: Call) -> None:
        """Let a caller wait no more; the outcome is for its next ``get_pending_results``."""
        self._report(call, None, call.given_up(NOT_SETTLED))
        call.abandoned = call.promised = True

    def _conclude(self, call: Call, error: AgentGateError) -> None:
        """End a call of which the gateway will not say anything any more."""
        if call.promised:
            self._unclaimed.keep(call.row(error))
        self._settle(call, None, error)

    def _settle(self, call: Call, result: Any, error: AgentGateError | None) -> None:
        """End a call, once, and tell its caller, if there still is one."""
        if call.stage is Stage.SETTLED:
            return
        call.stage = Stage.SETTLED
        del self._calls[call.handle]
        self._bytes -= len(call.params)
        self._queue.pop(call.handle, None)
        self._by_id.pop(call.request_id, None)
        if not call.abandoned:
            self._report(call, result, error)
        self._deadlines.prune(self._calls, len(self._calls))
        self._flush()

    def _report(self, call: Call, result: Any, error: AgentGateError | None) -> None:
        more = call.joined_at, call.word, call.edited
        self._events.append(Settled(call.handle, None if error else result, error, *more))
