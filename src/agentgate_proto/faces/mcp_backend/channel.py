"""The way to a server: what waits to be sent, and what was sent and has no answer.

What waits can be taken back, and is certainly not sent; what ``next_message`` has returned may have
reached the server, whatever happens then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp_backend import saying
from agentgate_proto.faces.mcp_backend.events import Abort, Event, Outgoing, Send
from agentgate_proto.faces.mcp_backend.pending import Call, Pending, Purpose
from agentgate_proto.rpc import jsonrpc

WAITING_MAX: Final = 4_096
"""Messages that wait to be sent: a server that reads none fills it, and is given up then."""

WAITING_BYTES_MAX: Final = 67_108_864
"""Of those among them that want no answer. A server brings them about, by asking; an answer repeats
its question's id, and some are long."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A message that wants no answer.

    Attributes:
        method: "" of an answer.
    """

    method: str
    body: bytes


class Channel:
    """See the module.

    Args:
        client: our name and version.
        is_http: whether each request has a stream of its own, on which it is answered.

    Attributes:
        era, version, session: what is spoken; None and "" as long as nobody knows.
        pending: requests that have no answer, by id.
        events: what has happened and nobody has heard of.
        overflowed: more was to wait than may; what came last was dropped.
    """

    def __init__(self, client: Mapping[str, str], *, is_http: bool) -> None:
        self.client = client
        self.is_http = is_http
        self.era: Era | None = None
        self.version = ""
        self.session = ""
        self.pending: dict[int, Pending] = {}
        self.events: deque[Event] = deque()
        self.overflowed = False
        self._queue: deque[Pending | Plain | Abort] = deque()
        self._bytes = 0
        self._ids = 0

    @property
    def is_full(self) -> bool:
        """Whether the server does not read what it is sent."""
        return len(self._queue) >= WAITING_MAX

    def request(
        self, purpose: Purpose, method: str, params: Mapping[str, Any], call: Call | None = None
    ) -> Pending:
        """Queue a request."""
        self._ids += 1
        made = Pending(id=self._ids, purpose=purpose, method=method, params=params, call=call)
        self.pending[made.id] = made
        self._put(made)
        return made

    def repeat(self, pending: Pending) -> None:
        """Queue a request once more that has certainly not been read."""
        self.pending[pending.id] = pending
        self._put(pending)

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Queue a notification."""
        self._put(Plain(method, jsonrpc.encode_notification(method, params)))

    def respond(self, body: bytes) -> None:
        """Queue an answer to a request of the server."""
        self._put(Plain("", body))

    def abort(self, request: int) -> None:
        """Have the stream of a request closed."""
        self._put(Abort(request=request))

    def take_back(self, pending: Pending) -> bool:
        """Take a request back that still waits; return whether it did."""
        self.pending.pop(pending.id, None)
        if pending not in self._queue:
            return False
        self._queue.remove(pending)
        return True

    def next_message(self) -> Outgoing | None:
        """Return the next message; from now on it may have been sent."""
        if not self._queue:
            return None
        found = self._queue.popleft()
        match found:
            case Abort():
                return found
            case Plain(method, body):
                self._bytes -= len(body)
                is_first = method == "notifications/initialized"
                headers = self._headers(method, {})
                return Send(body=body, headers=headers, goes_first=is_first)
        found.session = self.session
        if found.call is not None:
            found.call.was_sent = True
        headers = self._headers(found.method, found.params)
        if found.call is not None and self.is_http and self.era is Era.MODERN:
            headers = {**headers, **found.call.headers}
        return Send(
            body=jsonrpc.encode_request(found.id, found.method, found.params),
            request=found.id,
            headers=headers,
            stays=found.purpose is Purpose.LISTEN,
        )

    def has_messages(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._queue)

    def set_aside(self) -> list[Pending]:
        """Forget all but the calls; return those that have not been sent."""
        waiting = [each for each in self._queue if isinstance(each, Pending)]
        self._empty()
        kept = {each.id: each for each in self.pending.values() if each.call is not None}
        self.pending = kept
        return [each for each in waiting if each.call is not None]

    def stream_headers(self) -> Mapping[str, str]:
        """Headers of a stream that brings what is about no request (HTTP, legacy)."""
        return self._headers("", {})

    def clear(self) -> None:
        """Forget all that waits, or has no answer."""
        self._empty()
        self.pending.clear()

    def _put(self, what: Pending | Plain | Abort) -> None:
        size = len(what.body) if isinstance(what, Plain) else 0
        if self.is_full or self._bytes + size > WAITING_BYTES_MAX:
            self.overflowed = True
            return
        self._bytes += size
        self._queue.append(what)

    def _empty(self) -> None:
        self._queue.clear()
        self._bytes = 0

    def _headers(self, method: str, params: Mapping[str, Any]) -> Mapping[str, str]:
        if not self.is_http:
            return {}
        is_probe = method == "server/discover"
        era = Era.MODERN if is_probe else self.era
        version = saying.PROBED if is_probe else self.version
        return saying.headers(era, version, self.session, method, params)
