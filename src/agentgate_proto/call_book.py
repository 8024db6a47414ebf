"""The call book: every call of a client, and what a new connection means for each (I1).

Reconciliation, when a connection is authenticated again: ask for the pending results, settle what
came back, keep waiting for what the gateway still has, send again under the old id what it does
not know. Calls made meanwhile wait, then go.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import Any

import msgspec

from agentgate_proto.calls import (
    NOT_SENT,
    NOT_SETTLED,
    WITHDRAWN,
    Call,
    LooseReply,
    LooseRow,
    Stage,
    ToolResult,
    error_of,
    seq_of,
    unknown_outcome,
)
from agentgate_proto.client_connection import ClientConnection
from agentgate_proto.client_events import ClientEvent, Settled
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.events import Answered
from agentgate_proto.jsonrpc import ErrorObject
from agentgate_proto.limits import CALLS_MAX, CANCEL_GRACE_S, UNCLAIMED_ROWS_MAX
from agentgate_proto.messages import AuthResult, CancelRequest, GetPendingResults


class CallBook:
    """Calls by handle and by id.

    Args:
        events: the client machine's output queue.

    Attributes:
        ready: reconciliation is over, calls go out.
    """

    def __init__(self, events: deque[ClientEvent]) -> None:
        self.ready = False
        self._events = events
        self._connection: ClientConnection | None = None
        self._calls: dict[int, Call] = {}
        self._by_id: dict[int, Call] = {}
        self._queue: deque[Call] = deque()
        self._deadlines: list[tuple[float, int]] = []
        self._internal: dict[int, Call | None] = {}
        self._unclaimed: deque[LooseRow] = deque(maxlen=UNCLAIMED_ROWS_MAX)
        self._last_handle = 0
        self._last_id = 0
        self._epoch = ""

    # The user's side

    def add(self, method: str, params: msgspec.Struct, timeout_s: float | None, now: float) -> int:
        """Take a call and send it as soon as possible; return its handle.

        Raises:
            AgentGateError: too many calls are waiting (-32006).
        """
        if len(self._calls) >= CALLS_MAX:
            raise exception_for(ErrorCode.LIMIT_EXCEEDED, f"{CALLS_MAX} calls are waiting already")
        self._last_handle += 1
        call = Call(self._last_handle, method, params, timeout_s)
        self._calls[call.handle] = call
        if timeout_s is not None:
            heappush(self._deadlines, (now + timeout_s, call.handle))
        self._queue.append(call)
        self.flush(now)
        return call.handle

    def abandon(self, handle: int) -> None:
        """The caller is gone: withdraw the call if that is possible."""
        call = self._calls.get(handle)
        if call is not None and not call.abandoned:
            call.abandoned = True
            if not call.withdrawn:
                self._withdraw(call)

    def next_deadline(self) -> float | None:
        """Return when the next call runs out of time, or None."""
        return self._deadlines[0][0] if self._deadlines else None

    def handle_timer(self, now: float) -> None:
        """Withdraw the calls whose time is over; give up on those that were withdrawn before."""
        while self._deadlines and self._deadlines[0][0] <= now:
            call = self._calls.get(heappop(self._deadlines)[1])
            if call is None or call.abandoned:
                continue
            if call.withdrawn or call.stage is Stage.QUEUED:
                fate = NOT_SENT if call.stage is Stage.QUEUED else NOT_SETTLED
                self._report(call, None, call.given_up(fate))
                self.abandon(call.handle)
            else:
                heappush(self._deadlines, (now + CANCEL_GRACE_S, call.handle))
                self._withdraw(call)

    def fail_all(self, error: AgentGateError) -> None:
        """Settle every call with an error; one that was sent may have run, and says so."""
        for call in list(self._calls.values()):
            if call.stage is Stage.SENT and call.method == "tool_request":
                text = f"{error.message}; the request was sent and may have run"
                self._settle(call, None, exception_for(error.code, text, {"sent": True}))
            else:
                self._settle(call, None, error)
        self.disconnected()
        self._queue.clear()

    # The connection's side

    def connected(
        self, connection: ClientConnection, auth: AuthResult, now: float, *, again: bool
    ) -> None:
        """A connection is authenticated; ``again``: not the first one."""
        self._connection = connection
        self._last_id = max(self._last_id, auth.highest_id)
        if self._epoch and self._epoch != auth.epoch:
            self._forsake(now, "the gateway has lost its memory")
        elif auth.retention_s:
            self._forsake(now - auth.retention_s, "the gateway does not keep requests so long")
        self._epoch = auth.epoch
        if again:
            self._collect(None)
        else:
            self.ready = True
            self.flush(now)

    def disconnected(self) -> None:
        """The connection is gone; what only asked for information is asked again on the next."""
        self._connection = None
        self.ready = False
        again = [call for call in self._by_id.values() if call.method != "tool_request"]
        again += [a for a in self._internal.values() if a is not None and a.is_collecting]
        self._internal.clear()
        for call in again:
            self._by_id.pop(call.request_id, None)
            call.stage = Stage.QUEUED
        self._queue.extendleft(reversed(again))

    def flush(self, now: float) -> None:
        """Send what is queued, if calls may go out."""
        while self._queue and self.ready:
            call = self._queue.popleft()
            if call.stage is not Stage.QUEUED:
                continue
            call.stage = Stage.SENT
            call.sent_at = now
            if call.is_collecting:
                self._collect(call)
                continue
            call.request_id = self._next_id()
            self._by_id[call.request_id] = call
            self._send(call.request_id, call.method, call.params)

    def answered(self, event: Answered, now: float) -> None:
        """The gateway answered one of our requests."""
        request_id = event.id
        assert isinstance(request_id, int), "our ids are integers"
        if event.method == "get_pending_results":
            self._collected(self._internal.pop(request_id, None), event, now)
        elif event.method == "cancel_request":
            self._cancel_answered(self._internal.pop(request_id, None), event)
        elif event.method == "tool_request":
            self._tool_answered(request_id, event)
        elif request_id in self._by_id:
            error = error_of(event.error) if event.error else None
            result = None if error else msgspec.json.decode(event.result)
            self._settle(self._by_id[request_id], result, error)

    # Reconciliation

    def _forsake(self, sent_before: float, why: str) -> None:
        """Settle calls that the gateway can't know any more: they may have run."""
        for call in list(self._by_id.values()):
            if call.method == "tool_request" and call.sent_at <= sent_before:
                self._settle(call, None, unknown_outcome(why))

    def _collect(self, call: Call | None) -> None:
        """Ask for pending results: for a caller, or after a reconnect for ourselves."""
        request_id = self._next_id()
        self._internal[request_id] = call
        self._send(request_id, "get_pending_results", GetPendingResults())

    def _collected(self, call: Call | None, event: Answered, now: float) -> None:
        reply = LooseReply()
        error = error_of(event.error) if event.error else None
        if error is None:
            try:
                reply = msgspec.json.decode(event.result, type=LooseReply)
            except msgspec.DecodeError as odd:
                error = exception_for(ErrorCode.INTERNAL_ERROR, f"odd answer: {odd}")
        self._saw(reply.seq)
        for row in reply.results:
            mine = self._by_id.get(row.request_id) if isinstance(row.request_id, int) else None
            if mine is not None and mine.method == "tool_request":
                self._settle(mine, row.data, error_of(row.error) if row.error else None)
                if call is not None:
                    call.rows.append(row)
            else:
                self._unclaimed.append(row)
        if call is not None and call.stage is Stage.SETTLED:
            self._unclaimed.extend(call.rows)
        elif reply.more:
            self._collect(call)
        elif call is None:
            self._send_again(reply.pending)
            self.ready = True
            self.flush(now)
        elif error is not None:
            self._settle(call, None, error)
        else:
            rows = [*call.rows, *self._unclaimed]
            self._unclaimed.clear()
            self._settle(call, rows, None)

    def _send_again(self, pending: list[int | str] | None) -> None:
        """Send what the gateway does not know; one that does not say is left to finish."""
        if pending is None:
            return
        known = frozenset(pending)
        for request_id, call in list(self._by_id.items()):
            if request_id not in known and call.withdrawn:
                self._settle(call, None, call.given_up(WITHDRAWN))
            elif request_id not in known:
                self._send(request_id, call.method, call.params)
            elif call.withdrawn:
                self._send_cancel(call)

    # One call

    def _withdraw(self, call: Call) -> None:
        call.withdrawn = True
        if call.stage is Stage.QUEUED or call.method != "tool_request":
            self._settle(call, None, call.given_up(NOT_SENT))
        elif self.ready:
            self._send_cancel(call)

    def _send_cancel(self, call: Call) -> None:
        request_id = self._next_id()
        self._internal[request_id] = call
        self._send(request_id, "cancel_request", CancelRequest(request_id=call.request_id))

    def _cancel_answered(self, call: Call | None, event: Answered) -> None:
        """Only "unknown_request" is news: in every other case the outcome itself tells."""
        if call is not None and event.error is None and b'"unknown_request"' in bytes(event.result):
            self._settle(call, None, call.given_up(WITHDRAWN))

    def _tool_answered(self, request_id: int, event: Answered) -> None:
        call = self._by_id.get(request_id)
        error: AgentGateError | None = None
        answer = ToolResult()
        if event.error is not None:
            self._saw(seq_of(event.error))
            error = error_of(event.error)
            if call is not None and call.withdrawn and error.code == ErrorCode.CANCELLED:
                error = call.given_up(WITHDRAWN)
        else:
            try:
                answer = msgspec.json.decode(event.result, type=ToolResult)
            except msgspec.DecodeError as odd:
                error = exception_for(ErrorCode.INTERNAL_ERROR, f"odd answer: {odd}")
            self._saw(answer.seq)
        if call is None or call.abandoned:
            self._keep(request_id, answer, event.error)
        if call is not None:
            self._settle(call, answer.data, error)

    def _keep(self, request_id: int, answer: ToolResult, error: ErrorObject | None) -> None:
        """Keep an outcome that nobody waits for; a withdrawn request's own end is no news."""
        if error is None or error.code != ErrorCode.CANCELLED:
            status = answer.status if error is None else "failed"
            row = LooseRow(request_id, status=status, data=answer.data, error=error)
            self._unclaimed.append(row)

    def _settle(self, call: Call, result: Any, error: AgentGateError | None) -> None:
        """End a call, once, and tell its caller, if there still is one."""
        if call.stage is Stage.SETTLED:
            return
        call.stage = Stage.SETTLED
        self._calls.pop(call.handle, None)
        self._by_id.pop(call.request_id, None)
        if not call.abandoned:
            self._report(call, result, error)

    def _report(self, call: Call, result: Any, error: AgentGateError | None) -> None:
        self._events.append(Settled(call.handle, None if error else result, error))

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _send(self, request_id: int, method: str, params: Any) -> None:
        assert self._connection is not None, "nothing is sent without a connection"
        self._connection.send_request(request_id, method, params)

    def _saw(self, seq: int) -> None:
        assert self._connection is not None
        self._connection.saw(seq)
