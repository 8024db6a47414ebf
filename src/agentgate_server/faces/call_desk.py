"""The call desk: how a face that is no native one asks for tools, and hears what comes of it.

A face is a client of the ledger, with a client id of its own for each principal (``CLIENT``). So
policy, approvals, audit and I1 to I7 hold for its calls as for any other request, and they outlive
the face's connections: a call that was left goes on, and can be found again, by this process or the
next one.

Nothing here waits. A listener is called on the event loop and must not raise; no method of it is
called before the verb that it was given to has returned. It hears ``taken`` first, if at all, then
perhaps ``waiting``, and then one of ``settled`` and ``refused``, once; nothing after ``leave``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal
from agentgate_proto.records.outcome import Outcome
from agentgate_proto.records.request import Phase, Record
from agentgate_proto.rpc.messages import ToolRequest
from agentgate_proto.rpc.results import CancelStatus, ToolRow
from agentgate_server.tools.dialogue import Asker

CLIENT = "mcp:"
"""The client id of the calls of the MCP face. Ids that begin so are nobody else's."""


class Told(NamedTuple):
    """Which request an outcome is that of.

    Attributes:
        rid: its id in the gateway's memory; it is found again by that. "": an idempotency key
            has led to it.
        joined_at: 0.0: the outcome came of this call, or of one that was under way when it came;
            else when the request had ended that this one was a repeat of, UTC seconds: then nothing
            was run again.
        tool: what was asked for.
    """

    rid: str
    joined_at: float
    tool: str


class CallListener(Protocol):
    """Hears what becomes of one call. See the module."""

    def taken(self) -> None:
        """The ledger has it, under ``FaceCall.number``. It may not be on the disk yet, and it may
        still be refused."""
        ...

    def waiting(self, record: Record) -> None:
        """A person is asked, and a crash changes nothing about that.

        Args:
            record: of the call, as it stands; ``expires_at`` and ``rid`` are the approval's.
        """
        ...

    def settled(self, outcome: Outcome, told: Told) -> None:
        """It is over. ``FaceCall.received`` or ``FaceCall.leave`` must follow, now or later: until
        then it counts as on its way, and there is a cap on that."""
        ...

    def refused(self, code: ErrorCode, message: str, retry_after_s: float | None) -> None:
        """It was not taken, or is not to be found (-32011): nothing of it ran."""
        ...

    def withdrawn(self, status: CancelStatus) -> None:
        """What came of ``FaceCall.withdraw``; ``settled`` follows unless there was no such call
        any more."""
        ...


class FaceCall(Protocol):
    """One call, or one view of a call that others look at, too."""

    @property
    def number(self) -> int:
        """Its id among those of the principal's calls by this face; 0: it has none yet."""
        ...

    @property
    def digest(self) -> str:
        """Of its tool and arguments; "": it was looked for by rid and is not found yet."""
        ...

    @property
    def rid(self) -> str:
        """That of the request under way that it waits for, be it its own or one that it has
        joined; "": there is none."""
        ...

    @property
    def phase(self) -> Phase | None:
        """How far the request under way is that it waits for; None: there is none."""
        ...

    def withdraw(self) -> None:
        """Withdraw it, for whoever waits for it by this face; ``withdrawn`` follows. While it is
        looked for that is remembered: it is withdrawn when it is found, unless its tool runs."""
        ...

    def leave(self) -> None:
        """Hear no more. The call goes on; an outcome that was not received is kept for who finds
        it."""
        ...

    def received(self) -> None:
        """The client has the outcome for certain: it need not be kept for it (I6)."""
        ...


class CallDesk(Protocol):
    """Takes calls. See the module."""

    @property
    def seal(self) -> bytes:
        """32 secret bytes, the same for as long as the gateway keeps its memory."""
        ...

    def ask(
        self,
        principal: Principal,
        request: ToolRequest,
        listener: CallListener,
        asker: Asker | None = None,
    ) -> FaceCall:
        """Ask for a tool.

        Args:
            principal: an agent.
            request: what for; with ``join_s``, an identical request may be the same one.
            listener: hears what becomes of it.
            asker: the client's end, for what the tool may want to know of it while it runs.
        """
        ...

    def find(
        self,
        principal: Principal,
        number: int,
        digest: str,
        listener: CallListener,
        asker: Asker | None = None,
    ) -> FaceCall:
        """Find a call that was made before, by this process or a former one.

        That of this number, if it has the digest; else the principal's newest request with that
        digest which is under way, or ended not longer ago than a join may reach back.

        Args:
            principal: whose.
            number: as ``FaceCall.number`` had it.
            digest: as ``FaceCall.digest`` had it.
            listener: hears of it as of any call: ``waiting``, ``settled``, or ``refused`` (-32011).
            asker: see ``ask``.
        """
        ...

    def find_rid(self, principal: Principal, rid: str, listener: CallListener) -> FaceCall:
        """Find one of the principal's requests by the gateway's own id of it."""
        ...

    def tools(self, principal: Principal) -> list[ToolRow]:
        """What a principal may ask for, as ``list_tools`` says it; without what has a method of its
        own in MCP (``Tool.listed``)."""
        ...

    def tool_names(self) -> list[str]:
        """The names of all tools that can be in ``tools``, for whomever."""
        ...

    def objection_to_listing(self, principal: Principal) -> tuple[str, float] | None:
        """Count a listing against a principal's rate; say why it may not list now, and for how many
        seconds."""
        ...

    def on_tools_changed(self, look: Callable[[], None]) -> None:
        """Let it be called when ``tools`` may have become another list, for whomever."""
        ...
