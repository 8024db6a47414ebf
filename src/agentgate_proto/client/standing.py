"""Standing calls: what holds for a connection alone, so that a client says it on every one.

That it provides tools, or that it is logged in to an agent. They are made when what was under way
before is settled, and before any other call goes out: what comes after them can count on them. One
at a time, in the order in which they were given: a gateway takes some of them only one by one. An
answer that is an error does not hold up the others, nor does one that does not come; whoever gave
the call is told of what comes, and ``refusals`` says which do not hold at this moment.
"""

from __future__ import annotations

from collections import deque

import msgspec

from agentgate_proto.client.calls import encode_params, error_of, result_of
from agentgate_proto.client.events import ClientEvent, Refusal, Settled, Stood
from agentgate_proto.connection.events import Answered
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.limits import STANDING_BYTES_MAX, STANDING_CALLS_MAX, STANDING_WAIT_S


class StandingCall:
    """One of them.

    Attributes:
        handle: what the adapter knows it by; negative, as no other call's is.
        method: what is called.
        first, later: its parameters until the first answer was told, and after it.
        is_settled: it was.
        error: why it does not hold, or None.
    """

    __slots__ = ("error", "first", "handle", "is_settled", "later", "method")

    def __init__(self, handle: int, method: str, first: bytes, later: bytes) -> None:
        self.handle = handle
        self.method = method
        self.first = first
        self.later = later
        self.is_settled = False
        self.error: AgentGateError | None = None

    @property
    def params(self) -> bytes:
        """What is said now."""
        return self.later if self.is_settled else self.first


class StandingCalls:
    """See the module.

    Args:
        events: the client machine's output queue.

    Attributes:
        is_open: there is a connection on which they can be made.
        due_at: until when others wait for the one that is asked; None: they do not.
    """

    def __init__(self, events: deque[ClientEvent]) -> None:
        self.is_open = False
        self.due_at: float | None = None
        self._events = events
        self._calls: dict[int, StandingCall] = {}
        self._bytes = 0
        self._last_handle = 0
        self._due: deque[StandingCall] = deque()
        self._asked: tuple[int | str, StandingCall] | None = None
        self._late: dict[int | str, StandingCall] = {}  # by the ids of their requests

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Those that the gateway did not take when it was asked last."""
        calls = tuple(self._calls.values())  # may be asked for from any thread
        errors = [(each.method, each.error) for each in calls]
        return tuple(Refusal(method, error) for method, error in errors if error is not None)

    @property
    def are_made(self) -> bool:
        """None is to be waited for on this connection."""
        return self.is_open and not self._due and self._asked is None

    def add(self, method: str, params: msgspec.Struct, later: msgspec.Struct | None = None) -> int:
        """Take a call; return its handle.

        Args:
            method: what to call.
            params: its parameters.
            later: those that are said once it has been answered; None: the same.

        Raises:
            AgentGateError: there are too many (-32006), or the parameters cannot be sent.
        """
        first = encode_params(params)
        then = encode_params(later) if later is not None else first
        size = max(len(first), len(then))
        if len(self._calls) >= STANDING_CALLS_MAX:
            text = f"{STANDING_CALLS_MAX} calls are made on every connection already"
            raise exception_for(ErrorCode.LIMIT_EXCEEDED, text)
        if self._bytes + size > STANDING_BYTES_MAX:
            text = f"those made on every connection take {self._bytes} of {STANDING_BYTES_MAX}"
            raise exception_for(ErrorCode.LIMIT_EXCEEDED, f"{text} bytes")
        self._last_handle -= 1
        call = StandingCall(self._last_handle, method, first, then)
        self._calls[call.handle] = call
        self._bytes += size
        if self.is_open:
            self._due.append(call)
        return call.handle

    def remove(self, handle: int) -> None:
        """Make it no more; what is answered still is not told. Twice is harmless."""
        call = self._calls.pop(handle, None)
        if call is not None:
            self._bytes -= max(len(call.first), len(call.later))

    def connected(self) -> None:
        """They can be made, on a connection where none has been."""
        self.is_open = True
        self._due.extend(self._calls.values())

    def disconnected(self) -> None:
        """What was not answered is made on the next connection, as all are."""
        self.is_open = False
        self._due.clear()
        self._late.clear()
        self._asked = self.due_at = None

    def next_call(self, request_id: int | str, waits_since: float | None) -> StandingCall | None:
        """Return what to send now, or None.

        Args:
            request_id: under which id.
            waits_since: now, if others wait for its answer; None: nobody does.
        """
        if self._asked is not None:
            return None
        while self._due:
            call = self._due.popleft()
            if call.handle in self._calls:
                self._asked = request_id, call
                self.due_at = None if waits_since is None else waits_since + STANDING_WAIT_S
                return call
        return None

    def handle_timer(self, now: float) -> bool:
        """Let others wait no longer for the one that is asked; say whether its time is over. Its
        answer counts when it comes."""
        if self.due_at is None or self.due_at > now:
            return False
        assert self._asked is not None, "one is asked, or nobody would wait"
        request_id, call = self._asked
        self._late[request_id] = call
        self._asked = self.due_at = None
        text = f"the gateway has not answered for {STANDING_WAIT_S:g} s"
        call.error = exception_for(ErrorCode.CANCELLED, text)
        return True

    def answered(self, event: Answered) -> bool:
        """Take an answer; False: it is to none of these calls."""
        if self._asked is not None and self._asked[0] == event.id:
            call = self._asked[1]
            self._asked = self.due_at = None
        elif event.id is not None and event.id in self._late:
            call = self._late.pop(event.id)
        else:
            return False
        if call.handle in self._calls:
            answer = result_of(event, object)
            error = answer if isinstance(answer, AgentGateError) else None
            result = None if error else answer
            kind = Stood if call.is_settled else Settled
            call.is_settled, call.error = True, error
            self._events.append(kind(call.handle, result, error))
        return True

    def end(self, error: AgentGateError) -> None:
        """The client is closed, or has given up: they are forgotten."""
        self.disconnected()
        calls, self._calls, self._bytes = self._calls, {}, 0
        for call in calls.values():
            if not call.is_settled:
                self._events.append(Settled(call.handle, None, error_of(error)))
