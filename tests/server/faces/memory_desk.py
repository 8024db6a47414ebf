"""A call desk in memory: what becomes of each request is up to the test."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from agentgate_proto.digest import canonical_args, digest_of
from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal
from agentgate_proto.records.outcome import Outcome, Status, ended, executed, failed
from agentgate_proto.records.request import Effects, Phase, Record
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_proto.rpc.results import CancelStatus, ToolRow
from agentgate_server.faces.call_desk import CallListener, Told
from agentgate_server.tools.dialogue import Asker

CANCELLED = ended(Status.CANCELLED, ErrorCode.CANCELLED)


def tool_row(name: str, effects: Effects = Effects.WRITE, **members: Any) -> ToolRow:
    """A tool."""
    given = {"name": name, "description": "", "effects": effects, "args": {}, "decision": "ask"}
    return msgspec.convert(given | members, ToolRow)


@dataclass(eq=False)
class MemoryRequest:
    """One request.

    Attributes:
        views: who listens.
    """

    number: int
    who: Principal
    request: ToolRequest
    digest: str
    phase: Phase = Phase.RUNNING
    outcome: Outcome | None = None
    views: list[MemoryCall] = field(default_factory=list)

    @property
    def rid(self) -> str:
        return f"rid-{self.number}"

    def record(self) -> Record:
        return Record(
            rid=self.rid,
            principal=self.who.name,
            client_id="mcp:",
            request_id=self.number,
            tool=self.request.tool,
            args=msgspec.Raw(b"{}"),
            signature=self.request.tool,
            digest=self.digest,
            effects=Effects.WRITE,
            phase=self.phase,
            created_at=time.time(),
            expires_at=time.time() + 60,
        )


@dataclass(eq=False)
class MemoryCall:
    """See ``FaceCall``."""

    desk: MemoryDesk
    request: MemoryRequest | None
    listener: CallListener
    asker: Asker | None
    left: bool = False
    was_received: bool = False

    @property
    def number(self) -> int:
        return 0 if self.request is None else self.request.number

    @property
    def digest(self) -> str:
        return "" if self.request is None else self.request.digest

    @property
    def rid(self) -> str:
        request = self.request
        return request.rid if request is not None and request.outcome is None else ""

    @property
    def phase(self) -> Phase | None:
        request = self.request
        return request.phase if request is not None and request.outcome is None else None

    def withdraw(self) -> None:
        self.desk.soon(self._withdraw)

    def _withdraw(self) -> None:
        assert self.request is not None
        self.desk.withdrawn.append(self.request)
        if self.request.phase is Phase.WAITING:
            self.listener.withdrawn(CancelStatus.CANCELLED)
            self.desk.settle(self.request, CANCELLED)
        else:
            self.listener.withdrawn(CancelStatus.TOO_LATE)

    def leave(self) -> None:
        self.left = True
        if self.request is not None and self in self.request.views:
            self.request.views.remove(self)

    def received(self) -> None:
        self.was_received = True


class MemoryDesk:
    """See ``CallDesk``. Tools that begin with ``echo`` are allowed and return their arguments,
    those that begin with ``ask`` wait for a person, those with ``hang`` run until the test says
    what they come to, those with ``fail`` fail, those with
    ``never`` are refused, and there is none that begins with ``nothing``.

    Args:
        spawn: starts an async function.
        rows: the tools.
    """

    def __init__(self, spawn: Callable[..., None], rows: list[ToolRow]) -> None:
        self.rows = rows
        self.denied: list[str] = []
        self.requests: list[MemoryRequest] = []
        self.calls: list[MemoryCall] = []
        self.withdrawn: list[MemoryRequest] = []
        self.is_silent = False  # nothing can be found, and nobody says so
        self.problem = ""  # why nothing can be found at present
        self.too_often: tuple[str, float] | None = None  # why nothing may be listed at present
        self._spawn = spawn
        self._looks: list[Callable[[], None]] = []

    # See ``CallDesk``

    @property
    def seal(self) -> bytes:
        return b"k" * 32

    def ask(
        self,
        principal: Principal,
        request: ToolRequest,
        listener: CallListener,
        asker: Asker | None = None,
    ) -> MemoryCall:
        digest = digest_of(request.tool, canonical_args(request.args))
        if request.tool.startswith("nothing"):
            self.soon(lambda: listener.refused(ErrorCode.TOOL_FAILED, "Unknown tool", None))
            return self._made(None, listener, asker)
        for known in self.requests:
            if (known.who, known.digest, known.outcome) == (principal, digest, None):
                return self._view(known, listener, asker)
        made = MemoryRequest(len(self.requests) + 1, principal, request, digest)
        self.requests.append(made)
        if request.tool.startswith("ask"):
            made.phase = Phase.WAITING
        if request.tool.startswith("never"):
            made.outcome = CANCELLED
            self.soon(lambda: listener.refused(ErrorCode.LIMIT_EXCEEDED, "Too many", 3.0))
            return self._made(made, listener, asker)
        call = self._view(made, listener, asker)
        if request.tool.startswith("echo"):
            self.soon(lambda: self.settle(made, executed(msgspec.json.encode(request.args))))
        if request.tool.startswith("fail"):
            self.soon(lambda: self.settle(made, failed("it broke")))
        return call

    def find(
        self,
        principal: Principal,
        number: int,
        digest: str,
        listener: CallListener,
        asker: Asker | None = None,
    ) -> MemoryCall:
        if self.is_silent:
            return self._made(None, listener, asker)
        if problem := self.problem:
            self.soon(lambda: listener.refused(ErrorCode.INTERNAL_ERROR, problem, 1.0))
            return self._made(None, listener, asker)
        for known in self.requests:
            if (known.who, known.digest) == (principal, digest):
                return self._view(known, listener, asker)
        return self._nothing(listener)

    def find_rid(self, principal: Principal, rid: str, listener: CallListener) -> MemoryCall:
        for known in self.requests:
            if (known.who, known.rid) == (principal, rid):
                return self._view(known, listener, None)
        return self._nothing(listener)

    def objection_to_listing(self, principal: Principal) -> tuple[str, float] | None:
        return self.too_often

    def tools(self, principal: Principal) -> list[ToolRow]:
        return self.rows

    def tool_names(self) -> list[str]:
        return [*(row.name for row in self.rows), *self.denied]

    def on_tools_changed(self, look: Callable[[], None]) -> None:
        self._looks.append(look)

    # What the test does

    def soon(self, act: Callable[[], None]) -> None:
        """Do something when the verb has returned."""

        async def run() -> None:
            act()

        self._spawn(run)

    def settle(self, request: MemoryRequest, outcome: Outcome) -> None:
        """The request comes to this."""
        request.outcome = outcome
        told = Told(request.rid, 0.0, request.request.tool)
        for view in list(request.views):
            view.listener.settled(outcome, told)

    def approve(self, request: MemoryRequest) -> None:
        """A person says yes: the tool runs."""
        request.phase = Phase.RUNNING

    def change_tools(self, rows: list[ToolRow]) -> None:
        """There are others now."""
        self.rows = rows
        for look in self._looks:
            look()

    def _nothing(self, listener: CallListener) -> MemoryCall:
        self.soon(lambda: listener.refused(ErrorCode.NOT_FOUND, "Not found", None))
        return self._made(None, listener, None)

    def _made(
        self, request: MemoryRequest | None, listener: CallListener, asker: Asker | None
    ) -> MemoryCall:
        call = MemoryCall(self, request, listener, asker)
        self.calls.append(call)
        return call

    def _view(
        self, request: MemoryRequest, listener: CallListener, asker: Asker | None
    ) -> MemoryCall:
        call = self._made(request, listener, asker)
        request.views.append(call)
        self.soon(lambda: self._tell(call))
        return call

    def _tell(self, call: MemoryCall) -> None:
        """How it stands, to who has just come."""
        request = call.request
        if call.left or request is None:
            return
        if request.outcome is not None:
            call.listener.settled(request.outcome, Told(request.rid, 0.0, request.request.tool))
            return
        call.listener.taken()
        if request.phase is Phase.WAITING:
            call.listener.waiting(request.record())
