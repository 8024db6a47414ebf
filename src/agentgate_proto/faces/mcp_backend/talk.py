"""The talk with one server of MCP, from its start to its end, whatever carries the messages.

It begins (``opening``), is asked for its lists (``lists``), takes calls (``calls``). Drive it so:
``open``; then for each thing that happens one verb, then all of ``next_event``, then all of
``next_message``, which counts as sent; ``handle_timer`` when ``next_deadline`` is reached. Times
are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp.lines import read
from agentgate_proto.faces.mcp.messages import CancelledParams
from agentgate_proto.faces.mcp_backend import statuses
from agentgate_proto.faces.mcp_backend.calls import ASKABLE, UNANSWERED, Calls
from agentgate_proto.faces.mcp_backend.channel import Channel
from agentgate_proto.faces.mcp_backend.events import End, Event, Kind, Noise, Outgoing, Over
from agentgate_proto.faces.mcp_backend.lists import Lists
from agentgate_proto.faces.mcp_backend.opening import Opening, Phase
from agentgate_proto.faces.mcp_backend.pending import Call, Pending, Purpose
from agentgate_proto.faces.mcp_backend.reading import UNREADABLE, ServerCapabilities, Uri
from agentgate_proto.rpc import jsonrpc
from agentgate_proto.rpc.jsonrpc import Batch, Failure, Message, Notification, Request, Success

NOISE_MAX: Final = 10_000
"""Things in one talk that are no messages; a server that prints more is broken."""

NO_HEADERS: Final[Mapping[str, str]] = {}

uri_decoder = msgspec.json.Decoder(Uri)
cancelled_decoder = msgspec.json.Decoder(CancelledParams)


class ServerTalk:
    """See the module.

    Args:
        name, version: ours.
        is_http: each request has a stream of its own, on which it is answered.
        wanted: which lists somebody has a use for.
        only: the era to speak; None: whichever the server does.
    """

    def __init__(
        self,
        name: str,
        version: str,
        *,
        is_http: bool = False,
        wanted: frozenset[Kind] = frozenset({Kind.TOOLS}),
        only: Era | None = None,
    ) -> None:
        self._channel = Channel({"name": name, "version": version}, is_http=is_http)
        self._opening = Opening(self._channel, only)
        self._calls = Calls(self._channel)
        self._lists = Lists(self._channel, wanted)
        self._repeats: list[Pending] = []
        self._noise = 0

    # What there is to do

    def next_event(self) -> Event | None:
        """Return what has happened next."""
        if self._channel.overflowed:
            self.close("it does not read what it is sent")
        events = self._channel.events
        return events.popleft() if events else None

    def next_message(self) -> Outgoing | None:
        """Return what is to be sent next; from here on it may have been."""
        return self._channel.next_message()

    @property
    def has_messages(self) -> bool:
        """Whether something is to be sent."""
        return self._channel.has_messages()

    def next_deadline(self) -> float | None:
        """When ``handle_timer`` is due, or None."""
        return self._lists.deadline() if self.is_ready else self._opening.deadline

    def awaits(self, request: int) -> bool:
        """Whether a request is under way: sent or not, it has no answer."""
        return request in self._channel.pending

    def stream_headers(self) -> Mapping[str, str]:
        """See ``Channel.stream_headers``."""
        return self._channel.stream_headers()

    def handle_timer(self, now: float) -> None:
        """Time has passed."""
        part = self._lists if self.is_ready else self._opening
        self._look(part.handle_timer(now))

    # Its life

    @property
    def is_ready(self) -> bool:
        """Whether calls are taken."""
        return self._opening.phase is Phase.READY

    @property
    def era(self) -> Era | None:
        """What is spoken; None: nobody knows yet."""
        return self._channel.era

    @property
    def capabilities(self) -> ServerCapabilities:
        """What the server says it can do, as soon as it is ready."""
        return self._opening.capabilities

    def open(self, now: float) -> None:
        """Begin; once."""
        self._opening.probe(now)

    def close(self, reason: str) -> None:
        """End the talk; without effect if it is over. All calls end."""
        if self._opening.phase is Phase.OVER:
            return
        self._opening.phase, self._opening.deadline = Phase.OVER, None
        self._calls.close(reason)
        self._channel.clear()
        self._channel.events.append(Over(reason=reason))

    def joined(self, session: str) -> None:
        """The server names a session (HTTP), which means something with the answer to the greeting;
        say so before that."""
        if self._opening.phase is Phase.GREETING:
            self._channel.session = session

    # Calls

    def call(
        self,
        method: str,
        params: Mapping[str, Any],
        can: frozenset[str] = frozenset(),
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> int | None:
        """Ask the server for something; ``Ended`` follows.

        Args:
            method: ``tools/call``, ``resources/read``, ``prompts/get`` or ``completion/complete``.
            params: its parameters, without ``_meta``; values are anything that encodes to JSON.
            can: what those who want it can be asked for.
            headers: see ``saying.headers_of``.

        Returns:
            Its number; None: too much is under way, or the server is not ready.
        """
        return self._calls.begin(method, params, can, headers) if self.is_ready else None

    def cancel(self, call: int, reason: str) -> bool:
        """Nobody waits for a call any more; nothing is said of it from now on.

        Returns:
            Whether the server may have it; False: it certainly has not, or had ended.
        """
        return self._calls.cancel(call, reason)

    def was_sent(self, call: int) -> bool:
        """Whether the server may have a call that is under way."""
        found = self._calls.calls.get(call)
        return found is not None and found.was_sent

    def answer(self, question: int, result: msgspec.Raw) -> None:
        """Answer a question by a result; without effect if nobody wants to know any more."""
        self._calls.answer(question, result)

    def unanswered(self, question: int, why: str) -> None:
        """Say that nobody answers a question; the server is told so in its own terms."""
        self._calls.unanswered(question, why)

    def watch(self, uri: str) -> bool:
        """Subscribe to a resource; return whether the server tells of its changes."""
        return self.is_ready and self._lists.watch(uri)

    def unwatch(self, uri: str) -> None:
        """Subscribe to a resource no longer."""
        self._lists.unwatch(uri)

    # What comes

    def receive(self, data: bytes, now: float, stream: int | None = None) -> None:
        """Take the JSON of one message; see ``take``."""
        message = read(data)
        if message is None:
            self.noted()
        else:
            self.take(message, now, stream)

    def take(self, message: Message | Batch, now: float, stream: int | None = None) -> None:
        """Take one message, or several in an array.

        Args:
            message: it.
            now: the time.
            stream: the request on whose stream it came (HTTP); None: on none of its own.
        """
        for each in message.messages if isinstance(message, Batch) else (message,):
            if self._opening.phase in (Phase.NEW, Phase.OVER):
                return
            match each:
                case Success(id=int(number), result=result):
                    self._succeeded(number, result, now)
                case Failure(id=int(number), error=error):
                    self._failed(number, error, now)
                case Request():
                    self._requested(each, stream)
                case Notification():
                    self._notified(each, now, stream)
                case _:
                    self.noted()

    def noted(self) -> None:
        """Something came that is no message."""
        self._noise += 1
        self._channel.events.append(Noise(count=self._noise))
        if self._noise >= NOISE_MAX:
            self.close("it says too much that is no message")

    def not_sent(self, request: int, why: str, now: float) -> None:
        """A request has certainly not reached the server, though it was to be sent."""
        self._without_answer(request, End.NOT_SENT, why, now)

    def broken(self, request: int, why: str, now: float) -> None:
        """A request was sent, and will have no answer."""
        self._without_answer(request, End.LOST, why, now)

    def refused(self, request: int, status: int, body: bytes, now: float) -> None:
        """A request was answered by a status of HTTP that says that it failed."""
        pending = self._channel.pending.get(request)
        if pending is None:
            return
        if status == statuses.GONE and pending.session:
            self._session_lost(pending, now)
            return
        message = read(body)
        if isinstance(message, Failure) and message.id == request:
            self._failed(request, message.error, now)
        else:
            self._refused(pending, status, now)

    # Inside

    def _succeeded(self, number: int, result: msgspec.Raw, now: float) -> None:
        pending = self._channel.pending.pop(number, None)
        if pending is None:
            return  # of what nobody waits for any more
        was_ready = self.is_ready
        match pending.purpose:
            case Purpose.DISCOVER:
                self._look(self._opening.discovered(result, now))
            case Purpose.INITIALIZE:
                self._look(self._opening.greeted(result))
            case Purpose.LIST:
                self._lists.page(pending, result, now)
            case Purpose.LISTEN:
                self._lists.listened(now, is_known=True)
            case Purpose.CALL:
                self._calls.succeeded(call_of(pending), result)
            case _:
                pass
        if self.is_ready and not was_ready:
            self._begin(now)

    def _failed(self, number: int, error: jsonrpc.ErrorObject, now: float) -> None:
        pending = self._channel.pending.pop(number, None)
        if pending is None:
            return
        is_known = error.code != ErrorCode.METHOD_NOT_FOUND
        match pending.purpose:
            case Purpose.DISCOVER:
                self._look(self._opening.undiscovered(now, error))
            case Purpose.INITIALIZE:
                self._look(self._opening.not_greeted(error))
            case Purpose.LIST:
                self._lists.failed(pending, now, is_known=is_known)
            case Purpose.LISTEN:
                self._lists.listened(now, is_known=is_known)
            case Purpose.CALL:
                self._calls.failed(call_of(pending), error)
            case _:
                pass

    def _without_answer(self, request: int, end: End, why: str, now: float) -> None:
        pending = self._channel.pending.pop(request, None)
        if pending is None:
            return
        match pending.purpose:
            case Purpose.DISCOVER | Purpose.INITIALIZE:
                if self._opening.waits_for(pending.purpose):
                    self.close(why)
            case Purpose.LIST:
                self._lists.failed(pending, now)
            case Purpose.LISTEN:
                self._lists.listened(now, is_known=True)
            case Purpose.CALL:
                self._calls.lost(call_of(pending), end, why)
            case _:
                pass

    def _refused(self, pending: Pending, status: int, now: float) -> None:
        """A status is all there is."""
        end, why = statuses.end_of(status), statuses.words(status)
        if pending.purpose is Purpose.DISCOVER and status not in statuses.UNRELATED:
            del self._channel.pending[pending.id]
            self._look(self._opening.undiscovered(now))
        elif end is End.ERROR and pending.call is not None:
            self._failed(pending.id, jsonrpc.ErrorObject(ErrorCode.INTERNAL_ERROR, why), now)
        else:
            self._without_answer(pending.id, end, why, now)

    def _look(self, problem: str) -> None:
        """See whether the talk can go on."""
        if problem:
            self.close(problem)

    def _begin(self, now: float) -> None:
        """The server is ready, for the first time or again."""
        self._lists.begin(self._opening.capabilities, now)
        self._send_again()

    def _send_again(self) -> None:
        for pending in self._repeats:
            if call_of(pending).number in self._calls.calls:
                self._channel.repeat(pending)
        self._repeats.clear()

    def _session_lost(self, pending: Pending, now: float) -> None:
        """The server does not know our session any more: begin again, and send again what it has
        not read."""
        del self._channel.pending[pending.id]
        if (call := pending.call) is not None:
            if self._calls.may_repeat(call):
                call.was_sent = False
                self._repeats.append(pending)
            else:
                self._calls.lost(call, End.NOT_SENT, "it forgets our session again and again")
        if self.is_ready and pending.session == self._channel.session:
            self._repeats += self._channel.set_aside()
            self._opening.greet(now)
        elif self.is_ready:
            self._send_again()

    def _requested(self, request: Request, stream: int | None) -> None:
        """The server wants something of us (legacy)."""
        channel = self._channel
        if request.method == "ping":
            channel.respond(jsonrpc.encode_success(request.id, {}))
        elif request.method not in ASKABLE:
            channel.respond(jsonrpc.encode_failure(request.id, ErrorCode.METHOD_NOT_FOUND))
        elif (call := self._about(stream)) is not None:
            self._calls.asked(request, call)
        elif (instead := UNANSWERED.get(request.method)) is not None:
            channel.respond(jsonrpc.encode_success(request.id, instead))
        else:
            why = "it is not clear for which call this is asked"
            code = ErrorCode.INTERNAL_ERROR
            channel.respond(jsonrpc.encode_failure(request.id, code, why))

    def _notified(self, said: Notification, now: float, stream: int | None) -> None:
        try:
            match said.method:
                case "notifications/progress":
                    self._calls.progressed(said.params)
                case "notifications/message":
                    if (call := self._about(stream)) is not None:
                        self._calls.logged(said.params, call)
                case "notifications/cancelled":
                    self._calls.withdrawn(cancelled_decoder.decode(said.params).request_id)
                case "notifications/resources/updated":
                    self._lists.updated(uri_decoder.decode(said.params).uri)
                case "notifications/subscriptions/acknowledged":
                    self._lists.acknowledged()
                case _ if self.is_ready:
                    self._look(self._lists.changed(said.method, now))
                case _:
                    pass
        except UNREADABLE:
            self.noted()

    def _about(self, stream: int | None) -> Call | None:
        """Return the call that something is about."""
        pending = self._channel.pending.get(stream) if stream is not None else None
        if pending is not None and pending.call is not None:
            return pending.call
        return self._calls.only()


def call_of(pending: Pending) -> Call:
    """Return the call that a request is made for."""
    assert pending.call is not None, "it is made for one"
    return pending.call
