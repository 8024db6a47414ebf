"""The calls of one talk with a server, and what the server asks in their midst.

A call is one request in the legacy era, in whose midst the server may send requests of its own. In
the modern era the server answers instead that it needs something; then the call goes on as another
request, with the answers. Outside it is the same: a call, questions, one end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.eras import Era
from agentgate_proto.faces.mcp_backend import saying
from agentgate_proto.faces.mcp_backend.channel import Channel
from agentgate_proto.faces.mcp_backend.events import Asked, End, Ended, Told, Withdrawn
from agentgate_proto.faces.mcp_backend.pending import Call, Purpose, Question
from agentgate_proto.faces.mcp_backend.reading import (
    UNREADABLE,
    InputRequired,
    ProgressToken,
    ResultKind,
    shown,
)
from agentgate_proto.rpc import jsonrpc
from agentgate_proto.rpc.jsonrpc import ErrorObject

CALLS_MAX: Final = 256
"""Calls of one server at once; a further one is refused, and nothing of it is sent."""

QUESTIONS_MAX: Final = 32
"""Questions of one server that have no answer yet."""

ROUNDS_MAX: Final = 10
"""How often a server may answer that it needs something before it goes on."""

REPEATS_MAX: Final = 1
"""How often a call is sent again that was certainly not read."""

ELICITATION: Final = "elicitation/create"
SAMPLING: Final = "sampling/createMessage"
ROOTS: Final = "roots/list"
ASKABLE: Final = frozenset({ELICITATION, SAMPLING, ROOTS})

UNANSWERED: Final = {
    ELICITATION: msgspec.Raw(b'{"action":"cancel"}'),
    ROOTS: msgspec.Raw(b'{"roots":[]}'),
}
"""What a server gets that can't be told: nobody has said no, and there is no folder. For what is
not here there is only an error."""

kind_decoder = msgspec.json.Decoder(ResultKind)
needs_decoder = msgspec.json.Decoder(InputRequired)
progress_decoder = msgspec.json.Decoder(ProgressToken)
members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Calls:
    """See the module."""

    def __init__(self, channel: Channel) -> None:
        self.calls: dict[int, Call] = {}
        self.questions: dict[int, Question] = {}
        self._channel = channel
        self._numbers = 0
        self._questions = 0

    # Verbs of whoever calls

    def begin(
        self,
        method: str,
        params: Mapping[str, Any],
        can: frozenset[str],
        headers: Mapping[str, str],
    ) -> int | None:
        """Begin a call; see ``ServerTalk.call``."""
        if len(self.calls) >= CALLS_MAX or self._channel.is_full:
            return None
        self._numbers += 1
        call = Call(number=self._numbers, method=method, params=params, can=can, headers=headers)
        self.calls[call.number] = call
        self._request(call, {})
        return call.number

    def cancel(self, number: int, reason: str) -> bool:
        """Nobody waits for a call any more; see ``ServerTalk.cancel``."""
        call = self.calls.get(number)
        if call is None:
            return False
        self._forget(call)
        channel = self._channel
        pending = channel.pending.get(call.request) if call.request is not None else None
        if pending is not None and not channel.take_back(pending) and call.was_sent:
            if channel.era is Era.LEGACY or not channel.is_http:
                cancelled = {"requestId": pending.id, "reason": reason}
                channel.notify("notifications/cancelled", cancelled)
            if channel.is_http:
                channel.abort(pending.id)
        return call.was_sent

    def answer(self, number: int, result: msgspec.Raw) -> None:
        """Answer a question; without effect if nobody wants to know any more."""
        question = self.questions.pop(number, None)
        if question is None:
            return
        if question.key is None:
            self._channel.respond(jsonrpc.encode_success(question.request, result))
            return
        call = question.call
        call.answers[question.key] = result
        self._go_on(call)

    def unanswered(self, number: int, why: str) -> None:
        """Say that a question can't be answered; without effect if nobody wants to know."""
        question = self.questions.get(number)
        if question is None:
            return
        instead = UNANSWERED.get(question.method)
        if instead is not None:
            self.answer(number, instead)
            return
        del self.questions[number]
        if question.key is None:
            code = ErrorCode.INTERNAL_ERROR
            self._channel.respond(jsonrpc.encode_failure(question.request, code, why))
            return
        self._end(question.call, End.ERROR, message=f"it asks for {question.method}: {why}")

    # What the server says

    def succeeded(self, call: Call, result: msgspec.Raw) -> None:
        """A request for a call has a result."""
        call.request = None
        if self._channel.era is Era.MODERN:
            try:
                kind = kind_decoder.decode(result).result_type
            except UNREADABLE:
                kind = "complete"  # whatever it is, the tool has run
            if kind == "input_required":
                self._needs(call, result)
                return
            if kind == "task":
                self._end(call, End.LOST, message="it made a task of it, which was not wanted")
                return
        self._end(call, End.RESULT, result=result.copy())

    def failed(self, call: Call, error: ErrorObject) -> None:
        """A request for a call has an error."""
        self._end(call, End.ERROR, code=error.code, message=error.message, data=error.data)

    def lost(self, call: Call, end: End, why: str) -> None:
        """A request for a call will have no answer."""
        sent_before = call.rounds > 0
        self._end(call, End.LOST if sent_before and end is End.NOT_SENT else end, message=why)

    def may_repeat(self, call: Call) -> bool:
        """Whether a call that was not read may be sent again; counts it."""
        call.repeats += 1
        return call.repeats <= REPEATS_MAX

    def asked(self, request: jsonrpc.Request, call: Call) -> None:
        """The server asks something (legacy)."""
        self._ask(call, request.method, request.params, request=request.id)

    def withdrawn(self, request: int | str) -> None:
        """The server does not want to know something any more (legacy)."""
        for question in list(self.questions.values()):
            if question.request == request and question.key is None:
                self._drop(question)

    def progressed(self, params: msgspec.Raw) -> None:
        """A call has got further. Raises: ValueError: that can't be read."""
        said = progress_decoder.decode(params)
        members = members_decoder.decode(params)
        call = self.calls.get(said.token) if isinstance(said.token, int) else None
        if call is None or said.progress <= call.progress:
            return
        call.progress = said.progress
        del members["progressToken"]
        rest = msgspec.Raw(msgspec.json.encode(members))
        told = Told(call=call.number, method="notifications/progress", params=rest)
        self._channel.events.append(told)

    def logged(self, params: msgspec.Raw, call: Call) -> None:
        """The server says something of a call that is for people."""
        told = Told(call=call.number, method="notifications/message", params=params.copy())
        self._channel.events.append(told)

    def only(self) -> Call | None:
        """Return the call that is under way if there is just one: what the server says without a
        word of which call can be about that alone."""
        return next(iter(self.calls.values())) if len(self.calls) == 1 else None

    def close(self, why: str) -> None:
        """End all calls."""
        for call in list(self.calls.values()):
            self._end(call, End.LOST if call.was_sent else End.NOT_SENT, message=why)

    # Inside

    def _request(self, call: Call, more: Mapping[str, Any]) -> None:
        channel = self._channel
        era = channel.era
        assert era is not None, "calls are made when it is known what is spoken"
        meta = saying.call_meta(era, channel.version, channel.client, call.can, call.number)
        params = {**call.params, **more, "_meta": meta}
        call.request = channel.request(Purpose.CALL, call.method, params, call).id

    def _needs(self, call: Call, result: msgspec.Raw) -> None:
        """The server needs something before it goes on (modern)."""
        try:
            needs = needs_decoder.decode(result)
        except UNREADABLE:
            self._end(call, End.LOST, message="what it needs to go on can't be read")
            return
        call.rounds += 1
        asked = needs.input_requests
        if call.rounds > ROUNDS_MAX or len(asked) > QUESTIONS_MAX:
            self._end(call, End.LOST, message="it asks for more and more before it goes on")
            return
        call.state = needs.request_state
        call.answers = dict.fromkeys(asked)
        for each in asked.values():
            if each.method not in ASKABLE:
                text = f"it asks for {shown(each.method)}, which is not known here"
                self._end(call, End.ERROR, message=text)
                return
        for key, each in asked.items():
            if call.number in self.calls:
                self._ask(call, each.method, each.params, key=key)
        if not asked:  # else the last answer, which may have been given by now, goes on
            self._go_on(call)

    def _ask(
        self,
        call: Call,
        method: str,
        params: msgspec.Raw,
        *,
        request: int | str | None = None,
        key: str | None = None,
    ) -> None:
        self._questions += 1
        number = self._questions
        question = Question(number=number, call=call, method=method, request=request, key=key)
        self.questions[number] = question
        if len(self.questions) > QUESTIONS_MAX:
            self.unanswered(number, "it has too many questions at once")
            return
        plain = msgspec.Raw(without_meta(params))
        asked = Asked(question=number, call=call.number, method=method, params=plain, key=key or "")
        self._channel.events.append(asked)

    def _go_on(self, call: Call) -> None:
        """Call again, if all that was asked is answered (modern)."""
        if call.number not in self.calls or None in call.answers.values():
            return
        more: dict[str, Any] = {"inputResponses": call.answers} if call.answers else {}
        if call.state is not msgspec.UNSET:
            more["requestState"] = call.state
        self._request(call, more)

    def _end(self, call: Call, end: End, **fields: Any) -> None:
        self._forget(call)
        self._channel.events.append(Ended(call=call.number, end=end, **fields))

    def _forget(self, call: Call) -> None:
        del self.calls[call.number]
        for question in list(self.questions.values()):
            if question.call is call:
                self._drop(question)

    def _drop(self, question: Question) -> None:
        del self.questions[question.number]
        withdrawn = Withdrawn(question=question.number, call=question.call.number)
        self._channel.events.append(withdrawn)


def without_meta(params: msgspec.Raw) -> bytes:
    """Return parameters without what is between us and the server."""
    try:
        members = members_decoder.decode(params or b"{}")
    except UNREADABLE:
        return b"{}"
    if members.pop("_meta", None) is None:
        return bytes(params) or b"{}"
    return msgspec.json.encode(members)
