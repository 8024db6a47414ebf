"""The client's end of a connection: upgrade, authenticate at once, then calls."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from agentgate_proto.connection.base import ABNORMAL_CLOSURE, Connection
from agentgate_proto.connection.events import Authenticated, Notified, Refused, ToolAsked
from agentgate_proto.connection.requests import BatchAnswer
from agentgate_proto.connection.state import State, Step
from agentgate_proto.connection.timers import Timer
from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.limits import (
    ACK_COUNT_MAX,
    ACK_DELAY_S,
    CLIENT_LIMITS,
    NAME_CHARS_MAX,
    RETRY_AFTER_MAX_S,
    Limits,
)
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
    encode_request,
    encode_success,
)
from agentgate_proto.rpc.messages import METHODS, Ack, Auth, AuthResult, Kind
from agentgate_proto.rpc.tool_methods import CallTool
from agentgate_proto.wire.client import ClientWire
from agentgate_proto.wire.events import Rejected, Upgraded, WireEvent
from agentgate_proto.wire.websocket import NORMAL_CLOSURE

AUTH_ID = "auth-1"
"""Seed 001 fixes it."""

FINAL_STATUSES = frozenset({400, 401, 403, 404, 405, 426})
"""HTTP statuses that say: this is not a gateway, or it does not want us; waiting won't help."""


TOKEN_REFUSED = frozenset(
    {
        ErrorCode.AUTHENTICATION,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.METHOD_NOT_FOUND,
        ErrorCode.INVALID_PARAMS,
    }
)
"""Errors that the same ``auth`` will meet again."""


class ClientConnection(Connection[ClientWire]):
    """One gateway, seen from the client.

    Args:
        host: the Host header.
        target: path and query.
        auth: what to send as ``auth``.
        now: monotonic seconds.
        masks: where the masks of frames come from; see :class:`.client_wire.ClientWire`.
        headers: further headers for the upgrade request.
        limits: caps and times.
        scheme: of the gateway's URL: "ws" or "wss".
    """

    def __init__(
        self,
        host: str,
        target: str,
        auth: Auth,
        now: float,
        *,
        masks: Random,
        headers: list[tuple[str, str]] | None = None,
        limits: Limits = CLIENT_LIMITS,
        scheme: str = "ws",
    ) -> None:
        wire = ClientWire(host, target, headers or [], limits, masks, scheme)
        super().__init__(wire, limits, now)
        self._scheme = scheme
        self._auth = auth
        self._seen_seq = 0
        self._acked_seq = 0

    def saw(self, seq: int) -> None:
        """Note an outcome's sequence number; it is acknowledged soon, together with others."""
        if seq <= self._seen_seq or self.state is not State.OPEN:
            return
        self._seen_seq = seq
        if seq - self._acked_seq >= ACK_COUNT_MAX:
            self.send_ack()
        elif Timer.ACK not in self.timers.deadlines:
            self.timers.set(Timer.ACK, self.now + ACK_DELAY_S)

    def send_ack(self) -> None:
        """Acknowledge now what has been seen; without effect if there is nothing new."""
        self.timers.cancel(Timer.ACK)
        if self._seen_seq > self._acked_seq and self.state is State.OPEN:
            self._acked_seq = self._seen_seq
            self.send_notification("ack", Ack(seq=self._seen_seq))

    def send_result(self, request_id: RequestId, result: Any) -> None:
        """Answer ``ToolAsked``: the tool has returned.

        Raises:
            LocalProtocolError: the request is not in flight on this connection.
        """
        self._answer(request_id, encode_success(request_id, result))

    def send_error(self, request_id: RequestId, code: ErrorCode, message: str) -> None:
        """Answer ``ToolAsked``: it went wrong. Raises as ``send_result``."""
        self._answer(request_id, encode_failure(request_id, code, message))

    def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Acknowledge what has been seen, then begin the closing handshake."""
        self.send_ack()
        super().close(code, reason)

    def receive_eof(self, now: float) -> None:
        """Take note that the gateway will send nothing more."""
        self._clock(now)
        if self.state is not State.OPENING:
            super().receive_eof(now)
        elif not self._rejected_meanwhile():
            hint = "; does it speak TLS there? Then write wss://" if self._scheme == "ws" else ""
            self._cut(ABNORMAL_CLOSURE, f"it hung up without an answer{hint}", by_peer=True)

    def _rejected_meanwhile(self) -> bool:
        """Take what the answer to the upgrade was so far, if nothing more of it comes."""
        rejected = self.wire.give_up()
        if rejected is not None:
            self._on_opening(rejected)
        return rejected is not None

    def _on_opening(self, event: WireEvent) -> None:
        match event:
            case Rejected(status, reason, pause_s, is_final, is_told):
                text = f"HTTP {status}: {reason}" if status else reason
                if not is_final and not is_told:
                    text += "; check the URL, and any proxy on the way"
                final = is_final or status in FINAL_STATUSES
                self._refused(ErrorCode.CONNECTION_LOST, text, final=final, retry_after_s=pause_s)
            case _:
                assert isinstance(event, Upgraded), "a client's wire has no other event here"
                self._step(Step.UPGRADED)
                self.timers.clear()
                self.timers.set(Timer.AUTH, self.now + self.limits.auth_s)
                self.wire.send_text(encode_request(AUTH_ID, "auth", self._auth))

    def _on_own_timer(self, timer: Timer) -> None:
        match timer:
            case Timer.ACK:
                self.send_ack()
            case Timer.AUTH:
                self._refused(
                    ErrorCode.AUTHENTICATION, "the gateway did not answer auth", final=False
                )
            case _ if not self._rejected_meanwhile():
                self._refused(
                    ErrorCode.CONNECTION_LOST, "no opening handshake in time", final=False
                )
            case _:
                pass

    def _on_message(self, message: Message, batch: BatchAnswer | None) -> None:
        if self.state is State.AUTHENTICATING:
            self._on_auth_reply(message)
            return
        match message:
            case Success() | Failure():
                self._on_answer(message)
            case Notification():
                self._on_notification(message)
            case Request() if not self._ending:
                self._on_request(message, batch)
            case _:
                pass  # a gateway's nonsense needs no answer

    def _on_request(self, request: Request, batch: BatchAnswer | None) -> None:
        """Take ``tools.call``, the only request that a gateway makes."""
        code, detail = ErrorCode.METHOD_NOT_FOUND, repr(request.method[:NAME_CHARS_MAX])
        if request.method == "tools.call":
            busy = self._in_flight.no_room(request.id)
            try:
                if busy is None and batch is None:
                    call = decode_params(METHODS["tools.call"], request.params)
                    assert isinstance(call, CallTool)
                    self._in_flight.add(request.id, None)
                    self._events.append(ToolAsked(id=request.id, call=call))
                    return
                code, detail = busy or (ErrorCode.INVALID_REQUEST, "not in a batch, please")
            except msgspec.DecodeError as error:
                code, detail = ErrorCode.INVALID_PARAMS, str(error)
        self._send_text(encode_failure(request.id, code, f"{ERRORS[code].message}: {detail}"))

    def _answer(self, request_id: RequestId, text: bytes) -> None:
        """Answer ``ToolAsked``; on a connection that is ending it is too late."""
        if not self._ending:
            answer = self._in_flight.answer(request_id, lambda: text)
            assert answer is not None, "none of them came in a batch"
            self._send_text(answer)

    def _on_auth_reply(self, message: Message) -> None:
        match message:
            case Success(id=reply_id, result=raw) if reply_id == AUTH_ID:
                try:
                    result = msgspec.json.decode(raw, type=AuthResult)
                except (msgspec.DecodeError, RecursionError) as error:
                    self._refused(ErrorCode.AUTHENTICATION, f"odd auth reply: {error}", final=False)
                    return
                self._step(Step.AUTHENTICATED)
                self._start_keepalive()
                self.ping(self.now)
                self._events.append(Authenticated(result=result))
            case Failure(id=reply_id, error=error):
                later = error.code == ErrorCode.LIMIT_EXCEEDED
                code = ErrorCode.CONNECTION_LOST if later else ErrorCode.AUTHENTICATION
                final = error.code in TOKEN_REFUSED and reply_id == AUTH_ID
                pause_s = pause_of(error.data)
                self._refused(code, error.message, final=final, retry_after_s=pause_s)
            case Invalid(detail=detail):
                self._refused(ErrorCode.AUTHENTICATION, f"odd auth reply: {detail}", final=False)
            case _:
                self._refused(
                    ErrorCode.AUTHENTICATION, "the first message was no auth reply", final=False
                )

    def _unasked(self, answer_id: RequestId) -> str | None:
        """The gateway answers here the tool requests that earlier connections made."""
        return "tool_request" if answer_id not in (None, AUTH_ID) else None

    def _on_notification(self, notification: Notification) -> None:
        method = METHODS.get(notification.method)
        if method is None or method.kind is not Kind.NOTIFICATION or method.roles:
            return
        try:
            params = decode_params(method, notification.params)
        except msgspec.DecodeError:
            return
        self._events.append(Notified(params=params))

    def _refused(self, code: int, message: str, *, final: bool, retry_after_s: float = 0.0) -> None:
        self._events.append(
            Refused(code=code, message=message, final=final, retry_after_s=retry_after_s)
        )
        if self.state is State.AUTHENTICATING:
            self.wire.send_close(NORMAL_CLOSURE, "")
        self._cut(ABNORMAL_CLOSURE, message, by_peer=False)


def pause_of(data: Any) -> float:
    """Return ``retry_after_s`` of an error's data; 0.0: there is none."""
    pause = data.get("retry_after_s") if isinstance(data, dict) else None
    if isinstance(pause, bool) or not isinstance(pause, int | float) or pause < 0:
        return 0.0
    return float(min(pause, RETRY_AFTER_MAX_S))  # an integer may be too large for a float
