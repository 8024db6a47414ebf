"""What the sessions tell their adapter to do. Each effect is done in order, and none twice."""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.models.request import Encoded
from agentgate_proto.records.session import DropSession, PutSession
from agentgate_proto.records.storage import SessionQuery


class Write(msgspec.Struct, frozen=True):
    """Commit this change; report ``durable`` or ``write_failed`` with its number.

    Attributes:
        urgent: somebody waits for it. Text that is shown already is not.
    """

    number: int
    change: PutSession | DropSession
    urgent: bool = True


class Question(msgspec.Struct, frozen=True):
    """Answer this query after all writes before it; report ``answered`` with the token."""

    query: SessionQuery
    token: Any


class Prepare(msgspec.Struct, frozen=True):
    """Find out what the context of a session is made of: memory, skills, tools; report ``prepared``
    with the token, or ``not_prepared``."""

    session: str
    principal: str
    workspace: str
    model: str
    token: Any


class MakeWorkspace(msgspec.Struct, frozen=True):
    """Make the folder of a session that is to be created, or see that the one that was named lies
    within the roots; report ``workspace_made`` or ``workspace_refused`` with the token."""

    session: str
    principal: str
    wanted: str
    token: Any


class CallModel(msgspec.Struct, frozen=True, kw_only=True):
    """Ask a model; report what it says by ``model_said``, with ``call``, up to its end.

    Attributes:
        call: names this attempt; never used twice.
        session: whose it is.
        model: its name in the configuration.
        request: what to send.
        after_s: wait so long before.
    """

    call: str
    session: str
    model: str
    request: Encoded
    after_s: float = 0.0


class StopModel(msgspec.Struct, frozen=True):
    """Stop asking; nothing more is reported of this call, and the model's server is told."""

    call: str


class OpenTools(msgspec.Struct, frozen=True):
    """A run begins, or is taken up after a restart: let the session ask for tools in the name of
    its principal (as the client ``session``), and report ``tools_open`` with what is known."""

    session: str
    principal: str


class CloseTools(msgspec.Struct, frozen=True):
    """The session asks for no more tools for now."""

    session: str


class AskTool(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the gate for a tool; report ``tool_waiting`` and ``tool_ended``.

    Attributes:
        session: who asks.
        call: id of the request: unique within the session.
        tool: its name in the catalogue.
        args: JSON, an object.
    """

    session: str
    call: str
    tool: str
    args: msgspec.Raw


class CancelTool(msgspec.Struct, frozen=True):
    """Withdraw a request; report ``tool_cancelled``."""

    session: str
    call: str


class AckTool(msgspec.Struct, frozen=True):
    """The outcome of a request is in the log, durably: the gate need not keep it for us."""

    session: str
    call: str


class Grew(msgspec.Struct, frozen=True):
    """There is something new for whoever watches this session."""

    session: str


class Gone(msgspec.Struct, frozen=True):
    """A session was deleted: whoever watches it is told."""

    session: str


class Done(msgspec.Struct, frozen=True):
    """Answer a call: it went well.

    Attributes:
        ticket: what the adapter called it.
        result: of the method's type.
    """

    ticket: Any
    result: Any


class Refused(msgspec.Struct, frozen=True):
    """Answer a call: it went wrong."""

    ticket: Any
    code: ErrorCode
    message: str
    data: Any = None


class Capped(msgspec.Struct, frozen=True):
    """Count that something was refused, or ended, because a principal had its share.

    Attributes:
        principal: whose sessions it is about.
        cap: what it was too much of, for metrics.
    """

    principal: str
    cap: str


Effect = (
    Write
    | Question
    | Prepare
    | MakeWorkspace
    | CallModel
    | StopModel
    | OpenTools
    | CloseTools
    | AskTool
    | CancelTool
    | AckTool
    | Grew
    | Gone
    | Done
    | Refused
    | Capped
)
