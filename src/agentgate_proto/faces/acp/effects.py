"""What an editor's connection wants done: as other conversations (``conversing``), and more."""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.acp.messages import ERROR_CODES
from agentgate_proto.faces.conversing import CALLS_MAX, Call, Send, Watch, shown
from agentgate_proto.rpc import jsonrpc
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.messages import DecideApproval
from agentgate_proto.rpc.session_methods import AttachSession


class Leave(msgspec.Struct, frozen=True):
    """What follows in this session is not wanted any more."""

    session: str


class Decide(msgspec.Struct, frozen=True):
    """A person has answered an approval; report what came of it as for ``Call``."""

    about: Any
    params: DecideApproval


Effect = Send | Call | Watch | Leave | Decide


class Step(Enum):
    """What a call is for."""

    CREATE = "create"
    FIND = "find"
    MODELS = "models"
    USAGE = "usage"
    LIST = "list"
    DELETE = "delete"
    SEND = "send"
    CANCEL = "cancel"
    KEEP = "keep"
    ATTACH = "attach"
    DECIDE = "decide"


class About(msgspec.Struct, frozen=True):
    """What a call is about.

    Attributes:
        step: what it is for.
        session: whose; "" as long as nobody knows.
        what: whatever goes on when it is answered.
    """

    step: Step
    session: str = ""
    what: Any = None


class Outbox:
    """What is to be done, in order."""

    def __init__(self) -> None:
        self._effects: deque[Effect] = deque()
        self._asked = 0  # calls that are not answered yet

    def next_effect(self) -> Effect | None:
        """Return what is to be done next; None: nothing for now."""
        return self._effects.popleft() if self._effects else None

    @property
    def may_ask(self) -> bool:
        """Whether the client may ask for more before it has had answers."""
        return self._asked < CALLS_MAX

    def answered(self) -> None:
        """A call is over."""
        self._asked -= 1

    def call(self, about: About, params: msgspec.Struct) -> None:
        """Make a call."""
        self._asked += 1
        self._effects.append(Call(about, params))

    def watch(self, about: About, params: AttachSession) -> None:
        """Watch a session, from another place if it is watched already."""
        self._asked += 1
        self._effects.append(Watch(about, params))

    def leave(self, session: str) -> None:
        """Watch a session no more."""
        self._effects.append(Leave(session))

    def decide(self, about: About, params: DecideApproval) -> None:
        """Hand on a person's answer."""
        self._asked += 1
        self._effects.append(Decide(about, params))

    # Messages

    def request(self, request_id: str, method: str, params: dict[str, Any]) -> None:
        """Ask the client."""
        self._send(jsonrpc.encode_request(request_id, method, params))

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Tell the client."""
        self._send(jsonrpc.encode_notification(method, params))

    def answer(self, request_id: RequestId, result: dict[str, Any]) -> None:
        """Answer a request of the client."""
        self._send(jsonrpc.encode_success(request_id, result))

    def refuse(self, request_id: RequestId, code: int, text: str, data: Any = None) -> None:
        """Answer a request of the client with an error of the format's own."""
        self._send(jsonrpc.encode_failure(request_id, code, shown(text), data))

    def refuse_native(self, request_id: RequestId, code: ErrorCode, text: str) -> None:
        """Answer a request of the client with what came of a native call."""
        told = ERROR_CODES.get(code, int(ErrorCode.INTERNAL_ERROR))
        self.refuse(request_id, told, text, {"code": code.name})

    def _send(self, frame: bytes) -> None:
        self._effects.append(Send(frame.decode()))
