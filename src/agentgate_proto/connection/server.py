"""The gateway's end of a connection: authentication first, then permitted, well-formed calls.

Everything that can be refused by looking at one message alone is refused here, so that the gate
sees nothing but requests that a known principal may make.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from agentgate_proto.connection.base import AUTH_FAILED, TRY_AGAIN_LATER
from agentgate_proto.connection.events import AuthAsked, Called, Received, Unread
from agentgate_proto.connection.face import FaceConnection
from agentgate_proto.connection.old_clients import LateAnswers, fitting
from agentgate_proto.connection.receipts import Receipts
from agentgate_proto.connection.requests import BatchAnswer, Frame
from agentgate_proto.connection.state import State, Step
from agentgate_proto.connection.timers import Timer
from agentgate_proto.errors import ERRORS, SEND_LESS, ErrorCode, LocalProtocolError
from agentgate_proto.limits import ANSWER_BYTES_MAX, NAME_CHARS_MAX, SERVER_LIMITS, Limits
from agentgate_proto.principal import Principal
from agentgate_proto.records.outcome import Outcome, Status
from agentgate_proto.records.request import Record
from agentgate_proto.rpc.decoding import decode_params
from agentgate_proto.rpc.jsonrpc import (
    Failure,
    Invalid,
    Message,
    Notification,
    Request,
    RequestId,
    Success,
    encode_failure,
    encode_success,
)
from agentgate_proto.rpc.messages import (
    METHODS,
    Ack,
    Auth,
    AuthResult,
    Kind,
    Method,
    ToolRequest,
)
from agentgate_proto.rpc.wire_results import executed_result, failure_data, pending_reply
from agentgate_proto.wire.doors import OPEN_DOORS, Doors

FIRST = "auth must be the first message"

BUSY_S = 1.0
"""What ``retry_after_s`` says where only other answers can make room: come back soon."""


SMALL_BYTES = 65_536
"""Answers of this size are always queued, and for errors there is as much room behind all others:
what is larger is refused before it would end the connection."""


def refusal_text(code: ErrorCode, detail: str) -> str:
    """The code's own words, then what is wrong with this very message."""
    return f"{ERRORS[code].message}: {detail}"


class ServerConnection(FaceConnection):
    """One client, seen from the gateway.

    Args:
        now: monotonic seconds.
        limits: caps and times.
        doors: who may come in, and where to.
        peer: the address at the other end of the socket, or "".

    Attributes:
        principal: who is on the other end, once authenticated.
        auth: what the client said of itself in ``auth``.
    """

    def __init__(
        self,
        now: float,
        limits: Limits = SERVER_LIMITS,
        doors: Doors = OPEN_DOORS,
        peer: str = "",
    ) -> None:
        super().__init__(now, limits, doors, peer)
        self.principal: Principal | None = None
        self.auth: Auth | None = None
        self._auth_id: RequestId = None
        self._tool_ids: set[RequestId] = set()
        self._receipts = Receipts()
        self._late = LateAnswers(limits.queued_bytes_max)

    @property
    def is_old_client(self) -> bool:
        """Whether the client named no ``client_id``, so that pongs are its receipts."""
        return self.auth is not None and not self.auth.client_id

    def accept_auth(self, principal: Principal, result: AuthResult) -> None:
        """Answer ``AuthAsked``: the token is good. Drain ``next_event`` again afterwards.

        Raises:
            LocalProtocolError: nothing was asked, or it was answered before.
        """
        if self._decides_auth():
            self.principal = principal
            self.recognise()
            self._step(Step.AUTHENTICATED)
            self._start_keepalive()
            self._send_text(encode_success(self._auth_id, result))
            self._resume()

    def refuse_auth(self, message: str) -> None:
        """Answer ``AuthAsked``: the token is not good. The connection closes with 4401.

        Raises as ``accept_auth``.
        """
        if self._decides_auth():
            self._send_text(encode_failure(self._auth_id, ErrorCode.AUTHENTICATION, message))
            self.close(AUTH_FAILED, message)

    def turn_away(self, message: str, retry_after_s: float) -> None:
        """Answer ``AuthAsked``: not now, whatever the token is. The connection closes with 1013.

        Raises as ``accept_auth``.
        """
        if self._decides_auth():
            data = {"retry_after_s": retry_after_s}
            code = ErrorCode.LIMIT_EXCEEDED
            self._send_text(encode_failure(self._auth_id, code, message, data))
            self.close(TRY_AGAIN_LATER, message)

    def send_result(self, request_id: RequestId, result: Any) -> None:
        """Answer a request that went well; late answers on an ending connection are dropped.

        A result that is too large, or finds no room, becomes an error, which says so.

        Raises:
            LocalProtocolError: the request is not in flight on this connection.
        """
        text = encode_success(request_id, result)
        detail, data, most = "", None, self.limits.queued_bytes_max
        if len(text) > min(ANSWER_BYTES_MAX, most // 2):
            detail = f"the answer has {len(text)} bytes, which is too much for one; ask for less"
        elif len(text) > SMALL_BYTES and self.queued_bytes + len(text) > most - SMALL_BYTES:
            detail = f"{self.queued_bytes} bytes of answers before it wait to be read; ask again"
            data = {"retry_after_s": BUSY_S}
        if detail:
            code = ErrorCode.LIMIT_EXCEEDED
            text = encode_failure(request_id, code, refusal_text(code, detail), data)
        self._answer(request_id, lambda: text)

    def send_error(
        self, request_id: RequestId, code: ErrorCode, message: str = "", data: Any = None
    ) -> None:
        """Answer a request that went wrong; without a message the code's own text is used.

        On a connection that did not make the request (it was made on an earlier one), this is an
        ordinary response with the original id. Late answers are dropped as by ``send_result``.
        """
        text = encode_failure(request_id, code, message, data)
        self._answer(request_id, lambda: text, from_earlier=True)

    def send_outcome(
        self, request_id: RequestId, outcome: Outcome, rid: str, joined_at: float = 0.0
    ) -> None:
        """Answer a tool request, as ``send_error`` does; see ``Answer`` of the ledger.

        ``Received`` will name the rid when the client has it. Where the id is that of another call
        which this very connection waits for, nothing is sent: it would be taken for its answer.
        """
        if request_id in self._in_flight and request_id not in self._tool_ids:
            return
        outcome = self._fitting(outcome)
        frame = partial(self._outcome_frame, request_id, outcome, rid, joined_at)
        if not self._late.wait or request_id in self._in_flight:
            self._answer(request_id, frame, from_earlier=True)
        elif not self._ending and not self._late.hold(frame, outcome):
            self._fail_slow()

    def send_pending_results(
        self,
        request_id: RequestId,
        records: Sequence[Record],
        pending: Sequence[int | str],
        *,
        more: bool,
    ) -> None:
        """Answer ``get_pending_results``; ``Received`` will name the rids of the records.

        If it came in a batch, an old client's late answers follow the batch's array. Raises as
        ``send_result``.
        """
        rows = [
            msgspec.structs.replace(record, outcome=self._fitting(record.outcome))
            for record in records
            if record.outcome is not None
        ]

        def frame() -> bytes:
            seq = self._receipts.sent([record.rid for record in rows])
            numbered = 0 if self.is_old_client else seq
            reply = pending_reply(rows, pending, more=more, seq=numbered)
            return encode_success(request_id, reply)

        batch = self._in_flight.batch_of(request_id)
        if batch is not None and self.is_old_client and not self._ending:
            self._late.follow(batch)
        self._answer(request_id, frame)

    def data_to_send(self, bytes_max: int | None = None) -> bytes:
        """Take all queued output; for an old client a ping follows what must be receipted."""
        if self.is_old_client and self.state is State.OPEN:
            payload = self._receipts.ping_due()
            if payload is not None:
                self.wire.send_ping(payload)
        return super().data_to_send(bytes_max)

    # Input

    def _on_upgraded(self) -> None:
        self.timers.set(Timer.AUTH, self.now + self.limits.auth_s)

    def _on_own_timer(self, timer: Timer) -> None:
        if timer is Timer.AUTH:
            self._send_text(
                encode_failure(None, ErrorCode.AUTHENTICATION, "Authentication timeout")
            )
            self.close(AUTH_FAILED, "Authentication timeout")
        else:
            super()._on_own_timer(timer)

    def _on_pong(self, payload: bytes) -> None:
        self._received(self._receipts.ponged(payload))

    def _on_message(self, message: Message, batch: BatchAnswer | None) -> None:
        """Take one message; ``batch`` is given for the elements of a batch."""
        if self.state is State.AUTHENTICATING:
            self._on_first_message(message, batch)
            return
        match message:
            case Notification():
                self._on_notification(message)
            case Success() | Failure():
                self._on_answer(message)
            case _ if self._ending:
                pass  # it could not be answered any more
            case Invalid(code, detail, request_id):
                self._refuse(request_id, batch, code, detail)
            case _:
                self._on_request(message, batch)

    def _on_first_message(self, message: Message, batch: BatchAnswer | None) -> None:
        """Take ``auth``; whoever begins with anything else does not get a second try."""
        request = message if isinstance(message, Request) and batch is None else None
        code, detail = ErrorCode.AUTHENTICATION, FIRST
        if request is not None and request.method == "auth":
            try:
                params = decode_params(METHODS["auth"], request.params)
            except msgspec.DecodeError as error:
                code, detail = ErrorCode.INVALID_PARAMS, str(error)
            else:
                assert isinstance(params, Auth)
                self.auth = params
                self._auth_id = request.id
                self._pause()
                self._events.append(AuthAsked(auth=params))
                return
        elif batch is not None:
            detail = f"{FIRST}, by itself and not in a batch"
        elif isinstance(message, Invalid):
            what = ERRORS[message.code].message.lower()
            detail = f"{FIRST}, and this is none ({what}: {message.detail})"
        self._refuse(request.id if request is not None else None, None, code, detail)
        self.close(AUTH_FAILED, FIRST if code is ErrorCode.AUTHENTICATION else detail)

    def _on_request(self, request: Request, batch: BatchAnswer | None) -> None:
        method = METHODS.get(request.method)
        if method is None or not method.roles:
            detail = repr(request.method[:NAME_CHARS_MAX])
            self._refuse(request.id, batch, ErrorCode.METHOD_NOT_FOUND, detail)
            return
        # The same tool request again (the ledger tells) is answered together with the first
        repeated = method.name == "tool_request" and batch is None and request.id in self._tool_ids
        alone = method.name if method.alone else ""
        refusal = self._objection(request, method)
        if refusal is None and not repeated:
            refusal = self._in_flight.no_room(request.id, alone)
        if refusal is not None:
            self._refuse(request.id, batch, *refusal)
            return
        try:
            params = decode_params(method, request.params)
        except msgspec.DecodeError as error:
            self._refuse(request.id, batch, ErrorCode.INVALID_PARAMS, str(error))
            return
        if not repeated:
            self._in_flight.add(request.id, batch, alone)
        if isinstance(params, ToolRequest):
            self._tool_ids.add(request.id)
        size = len(memoryview(request.params))
        self._events.append(Called(id=request.id, params=params, repeated=repeated, size=size))

    def _objection(self, request: Request, method: Method) -> tuple[ErrorCode, str] | None:
        """Say why the request cannot be taken, whatever its parameters are."""
        assert self.principal is not None, "there is one in every state in which calls are taken"
        role = self.principal.role
        if method.kind is not Kind.REQUEST:
            return ErrorCode.INVALID_REQUEST, f"{method.name} is a notification: leave out the id"
        if method.before_auth:
            return ErrorCode.INVALID_REQUEST, "already authenticated"
        if role not in method.roles:
            return ErrorCode.FORBIDDEN, method.not_for(role)
        if method.name == "tool_request":
            if request.id is None:
                return ErrorCode.INVALID_REQUEST, "tool_request needs an id: a string or an integer"
            size = len(memoryview(request.params))
            if size > self.limits.request_bytes_max:
                self._events.append(Unread(size=size))
                return ErrorCode.INVALID_PARAMS, (
                    f"{size:,} bytes are more than any tool here takes: {SEND_LESS}, or have "
                    "the operator raise args_bytes_max, of the tool or under tools:"
                )
        return None

    def _on_notification(self, notification: Notification) -> None:
        """Take an ``ack``, the only notification that a client may send.

        What is wrong with a notification must not be answered (JSON-RPC 2.0 section 4.1).
        """
        role = self.principal.role if self.principal is not None else None
        if notification.method != "ack" or role not in METHODS["ack"].roles:
            return
        try:
            params = decode_params(METHODS["ack"], notification.params)
        except msgspec.DecodeError:
            return
        assert isinstance(params, Ack)
        self._received(self._receipts.acked(params.seq))

    def _received(self, rids: tuple[str, ...]) -> None:
        if rids:
            self._events.append(Received(rids=rids))

    # Output

    def _decides_auth(self) -> bool:
        """Whether there is still somebody to tell; raises if nothing was asked."""
        if self.state is State.AUTHENTICATING and self._paused:
            return True
        if self._ending:
            return False
        raise LocalProtocolError("no auth waits to be decided")

    def _answer(self, request_id: RequestId, frame: Frame, *, from_earlier: bool = False) -> None:
        """Settle a request, or answer one ``from_earlier``: made on an earlier connection."""
        if self._ending:
            return
        if from_earlier and self.state is State.OPEN and request_id not in self._in_flight:
            self._send_text(frame())
            return
        text = self._in_flight.answer(request_id, frame)
        self._tool_ids.discard(request_id)
        if text is not None:
            self._send_answer(text)

    def _send_answer(self, text: bytes) -> None:
        """Send the answer to a request or to a batch, and what was to follow it."""
        self._send_text(text)
        for frame in self._late.take() if self._late.wait else ():
            if self._ending:
                return
            self._send_text(frame())

    def _refuse(
        self, request_id: RequestId, batch: BatchAnswer | None, code: ErrorCode, detail: str
    ) -> None:
        """Answer with an error before the request was taken."""
        data = {"retry_after_s": BUSY_S} if code is ErrorCode.LIMIT_EXCEEDED else None
        error = encode_failure(request_id, code, refusal_text(code, detail), data)
        text = error if batch is None else self._in_flight.answer_in(batch, lambda: error)
        if text is not None:
            self._send_answer(text)

    def _fitting(self, outcome: Outcome) -> Outcome:
        return fitting(outcome) if self.is_old_client else outcome

    def _outcome_frame(
        self, request_id: RequestId, outcome: Outcome, rid: str, joined_at: float
    ) -> bytes:
        # To an old client a row that came before is no answer: this is what it has to have
        seq = self._receipts.sent([rid], anew=self.is_old_client) if rid else 0
        numbered = 0 if self.is_old_client else seq
        if outcome.status is Status.EXECUTED:
            return encode_success(request_id, executed_result(outcome, numbered, joined_at))
        data = failure_data(outcome, numbered, joined_at)
        return encode_failure(request_id, outcome.code, outcome.message, data)
