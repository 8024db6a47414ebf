"""The gateway's end of a connection: authentication first, then permitted, well-formed calls.

Everything that can be refused by looking at one message alone is refused here, so that the gate
sees nothing but requests that a known principal may make.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from agentgate_proto.connection import (
    ABNORMAL_CLOSURE,
    AUTH_FAILED,
    TRY_AGAIN_LATER,
    Connection,
    Timer,
)
from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.events import AuthAsked, Called, HttpRequested, Notified, Received
from agentgate_proto.jsonrpc import (
    Invalid,
    Message,
    Notification,
    Request,
    RequestId,
    encode_failure,
    encode_success,
)
from agentgate_proto.limits import LEGACY_MESSAGE_BYTES_MAX, SERVER_LIMITS, Limits
from agentgate_proto.messages import (
    METHODS,
    Ack,
    Auth,
    AuthResult,
    Kind,
    Method,
    ToolRequest,
    decode_params,
)
from agentgate_proto.outcome import Outcome, Status, failed
from agentgate_proto.principal import Principal
from agentgate_proto.receipts import Receipts
from agentgate_proto.record import Record
from agentgate_proto.requests import BatchAnswer, Frame
from agentgate_proto.state import State, Step
from agentgate_proto.websocket import HttpRequest, ServerWire, Upgraded, WireEvent
from agentgate_proto.wire_results import executed_result, failure_data, pending_reply


def refusal_text(code: ErrorCode, detail: str) -> str:
    """The code's own words, then what is wrong with this very message."""
    return f"{ERRORS[code].message}: {detail}"


class ServerConnection(Connection[ServerWire]):
    """One client, seen from the gateway.

    Args:
        now: monotonic seconds.
        limits: caps and times.
        origins: browser origins that may connect, besides the gateway's own.

    Attributes:
        principal: who is on the other end, once authenticated.
        auth: what the client said of itself in ``auth``.
    """

    def __init__(
        self,
        now: float,
        limits: Limits = SERVER_LIMITS,
        origins: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(ServerWire(limits, origins), limits, now)
        self.principal: Principal | None = None
        self.auth: Auth | None = None
        self._auth_id: RequestId = None
        self._receipts = Receipts()

    @property
    def is_old_client(self) -> bool:
        """Whether the client named no ``client_id``, so that pongs are its receipts."""
        return self.auth is not None and not self.auth.client_id

    def accept_auth(self, principal: Principal, result: AuthResult) -> None:
        """Answer ``AuthAsked``: the token is good. Drain ``next_event`` again afterwards."""
        if self.state is not State.AUTHENTICATING:
            return
        self.principal = principal
        self._step(Step.AUTHENTICATED)
        self._start_keepalive()
        self._answer(self._auth_id, partial(encode_success, self._auth_id, result))
        self._resume()

    def refuse_auth(self, message: str) -> None:
        """Answer ``AuthAsked``: the token is not good. The connection closes with 4401."""
        if self.state is State.AUTHENTICATING:
            self.send_error(self._auth_id, ErrorCode.AUTHENTICATION, message)
            self.close(AUTH_FAILED, message)

    def turn_away(self, message: str, retry_after_s: float) -> None:
        """Answer ``AuthAsked``: not now, whatever the token is. The connection closes with 1013."""
        if self.state is State.AUTHENTICATING:
            data = {"retry_after_s": retry_after_s}
            self.send_error(self._auth_id, ErrorCode.LIMIT_EXCEEDED, message, data)
            self.close(TRY_AGAIN_LATER, message)

    def send_result(self, request_id: RequestId, result: Any) -> None:
        """Answer a request that went well; late answers on a closed connection are dropped."""
        self._answer(request_id, partial(encode_success, request_id, result))

    def send_error(
        self, request_id: RequestId, code: ErrorCode, message: str = "", data: Any = None
    ) -> None:
        """Answer a request that went wrong; without a message the code's own text is used."""
        self._answer(request_id, partial(encode_failure, request_id, code, message, data))

    def send_outcome(self, request_id: RequestId, outcome: Outcome, rid: str) -> None:
        """Answer a tool request. ``Received`` will name the rid when the client has it.

        On a connection that did not make the request (it was made on an earlier one), this is an
        ordinary response with the original id.
        """
        if self.is_old_client and len(bytes(outcome.data)) > LEGACY_MESSAGE_BYTES_MAX - 1_024:
            outcome = failed(
                f"the tool ran, but its result of {len(bytes(outcome.data))} bytes is larger than "
                "a client without client_id is taken to accept (1 MiB)"
            )
        frame = partial(self._outcome_frame, request_id, outcome, rid)
        if request_id in self._in_flight:
            self._answer(request_id, frame)
        elif self.state is State.OPEN:
            self._send_text(frame())

    def send_pending_results(
        self,
        request_id: RequestId,
        records: Sequence[Record],
        pending: Sequence[int | str],
        *,
        more: bool,
    ) -> None:
        """Answer ``get_pending_results``; ``Received`` will name the rids of the records."""

        def frame() -> bytes:
            seq = self._receipts.sent([record.rid for record in records])
            return encode_success(request_id, pending_reply(records, pending, more=more, seq=seq))

        self._answer(request_id, frame)

    def send_http(
        self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None
    ) -> None:
        """Answer ``HttpRequested``."""
        if self.state is not State.OPENING:
            return
        self.wire.send_http(status, body, content_type, headers)
        self.timers.set(Timer.OPENING, self.now + self.limits.http_idle_s)
        if self.wire.http.finished:
            self._cut(ABNORMAL_CLOSURE, "plain HTTP is done", by_peer=False)

    def data_to_send(self) -> bytes:
        """Take all queued output; for an old client a ping follows what must be receipted."""
        if self.is_old_client and self.state is State.OPEN:
            payload = self._receipts.ping_due()
            if payload is not None:
                self.wire.send_ping(payload)
        return super().data_to_send()

    # Input

    def _on_opening(self, event: WireEvent) -> None:
        match event:
            case Upgraded():
                self._step(Step.UPGRADED)
                self.timers.clear()
                self.timers.set(Timer.AUTH, self.now + self.limits.auth_s)
            case HttpRequest(method, target, headers, body):
                self._events.append(
                    HttpRequested(method=method, target=target, headers=headers, body=body)
                )

    def _on_own_timer(self, timer: Timer) -> None:
        if timer is Timer.AUTH:
            self._send_text(
                encode_failure(None, ErrorCode.AUTHENTICATION, "Authentication timeout")
            )
            self._paused = False
            self.close(AUTH_FAILED, "Authentication timeout")
        else:
            self._cut(ABNORMAL_CLOSURE, "no whole request in time", by_peer=False)

    def _on_pong(self, payload: bytes) -> None:
        self._received(self._receipts.ponged(payload))

    def _on_message(self, message: Message, batch: BatchAnswer | None) -> None:
        """Take one message; ``batch`` is given for the elements of a batch."""
        if batch is not None and isinstance(message, Request | Invalid):
            batch.waiting += 1
        match message:
            case Request():
                self._on_request(message, batch)
            case Notification():
                self._on_notification(message)
            case Invalid(code, detail):
                self._refuse(None, batch, code, detail)
                if self.state is State.AUTHENTICATING:
                    self.close(AUTH_FAILED, "auth must be the first message")
            case _:
                self._on_answer(message)

    def _on_request(self, request: Request, batch: BatchAnswer | None) -> None:
        if self.state is State.CLOSING:
            return
        method = METHODS.get(request.method)
        if self.state is State.AUTHENTICATING and (method is None or not method.before_auth):
            self._refuse(request.id, batch, ErrorCode.AUTHENTICATION, "send auth first")
            self.close(AUTH_FAILED, "auth must be the first message")
            return
        if method is None or not method.roles:
            self._refuse(request.id, batch, ErrorCode.METHOD_NOT_FOUND, repr(request.method))
            return
        refusal = self._objection(request, method)
        if refusal is not None:
            self._refuse(request.id, batch, *refusal)
            return
        try:
            params = decode_params(method, request.params)
        except (msgspec.DecodeError, RecursionError) as error:
            self._refuse(request.id, batch, ErrorCode.INVALID_PARAMS, str(error))
            return
        self._take(request.id, params, batch)

    def _objection(self, request: Request, method: Method) -> tuple[ErrorCode, str] | None:
        """Say why the request cannot be taken, whatever its parameters are."""
        if method.kind is not Kind.REQUEST:
            return ErrorCode.INVALID_REQUEST, f"{method.name} is a notification: leave out the id"
        if self.state is State.OPEN:
            if method.before_auth:
                return ErrorCode.INVALID_REQUEST, "already authenticated"
            assert self.principal is not None
            if self.principal.role not in method.roles:
                role = self.principal.role.value
                return ErrorCode.FORBIDDEN, f"{method.name} is not for the role {role}"
        is_tool_request = method.params is ToolRequest
        if request.id in self._in_flight and not is_tool_request:
            return ErrorCode.INVALID_REQUEST, f"id {request.id!r} is in flight already"
        if request.id is None and is_tool_request:
            return ErrorCode.INVALID_REQUEST, "tool_request needs an id: a string or an integer"
        if self._in_flight.full:
            limit = self._in_flight.requests_max
            return ErrorCode.LIMIT_EXCEEDED, f"{limit} requests are in flight on this connection"
        return None

    def _take(
        self, request_id: RequestId, params: msgspec.Struct, batch: BatchAnswer | None
    ) -> None:
        """Hand a good request on."""
        repeated = request_id in self._in_flight
        if repeated and batch is not None:
            batch.waiting -= 1
        if not repeated:
            self._in_flight.add(request_id, batch)
        if isinstance(params, Auth):
            self.auth = params
            self._auth_id = request_id
            self._pause()
            self._events.append(AuthAsked(auth=params))
        else:
            self._events.append(Called(id=request_id, params=params, repeated=repeated))

    def _on_notification(self, notification: Notification) -> None:
        """Take a notification; what is wrong with one must not be answered (JSON-RPC 2.0)."""
        if self.state is State.AUTHENTICATING:
            self.close(AUTH_FAILED, "auth must be the first message")
            return
        method = METHODS.get(notification.method)
        if method is None or method.kind is not Kind.NOTIFICATION or self.principal is None:
            return
        if self.principal.role not in method.roles:
            return
        try:
            params = decode_params(method, notification.params)
        except (msgspec.DecodeError, RecursionError):
            return
        if isinstance(params, Ack):
            self._received(self._receipts.acked(params.seq))
        else:
            self._events.append(Notified(params=params))

    def _received(self, rids: tuple[str, ...]) -> None:
        if rids:
            self._events.append(Received(rids=rids))

    # Output

    def _answer(self, request_id: RequestId, frame: Frame) -> None:
        if self.state in (State.AUTHENTICATING, State.OPEN):
            text = self._in_flight.answer(request_id, frame)
            if text is not None:
                self._send_text(text)

    def _refuse(
        self, request_id: RequestId, batch: BatchAnswer | None, code: ErrorCode, detail: str
    ) -> None:
        """Answer with an error before the request was taken."""
        frame = partial(encode_failure, request_id, code, refusal_text(code, detail))
        text = frame() if batch is None else self._in_flight.answer_in(batch, frame)
        if text is not None:
            self._send_text(text)

    def _outcome_frame(self, request_id: RequestId, outcome: Outcome, rid: str) -> bytes:
        seq = self._receipts.sent([rid]) if rid else 0
        numbered = 0 if self.is_old_client else seq
        if outcome.status is Status.EXECUTED:
            return encode_success(request_id, executed_result(outcome, numbered))
        return encode_failure(
            request_id, outcome.code, outcome.message, failure_data(outcome, numbered)
        )
