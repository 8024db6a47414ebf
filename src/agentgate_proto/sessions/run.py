"""A run under way: what is known of it in memory."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

from msgspec.structs import replace

from agentgate_proto.models.events import CallMade
from agentgate_proto.models.info import ModelInfo
from agentgate_proto.records.session import LogRow, OpenRun, RunSoFar, RunStatus
from agentgate_proto.records.usage import Usage, UsageRow
from agentgate_proto.sessions.client_turns import ClientTurn


class Phase(Enum):
    """Where a run is. From ``TOOLS`` it goes back to ``PREPARING``, as often as the model wants."""

    CLAIMING = auto()
    """Its message is being written."""
    STARTING = auto()
    """Its message has waited for others, and is in the log; its beginning is being written."""
    PREPARING = auto()
    """What its context is made of is being found out."""
    OVER_BUDGET = auto()
    """A person is asked for more money."""
    CALLING = auto()
    """The model is asked, or about to be."""
    TOOLS = auto()
    """Tools are asked for."""
    CLOSING = auto()
    """It is to end, and tools are being withdrawn. When that is done it ends, and is no more."""


class OpenTool:
    """A tool call that has no result yet.

    Attributes:
        tool: its name in the catalogue.
        told: its name as the model was told it.
        approval: the approval that a person is asked for, or "".
        withdrawn: it is being withdrawn.
    """

    __slots__ = ("approval", "told", "tool", "withdrawn")

    def __init__(self, tool: str, told: str) -> None:
        self.tool = tool
        self.told = told
        self.approval = ""
        self.withdrawn = False


class Attempt:
    """One attempt of one model request: what came of it so far.

    Attributes:
        call: its name; see ``effects.CallModel``.
        row: the money that is reserved for it.
        estimate: about how many tokens it has to read.
        first: offset of its first event.
        starts_at: it is not sent before this UTC second.
        texts: what it has said.
        said: characters of text, thinking and calls: what its vendor may count.
        shown: of text and thinking, what was shown and not withdrawn.
        calls: tool calls that are whole.
        usage: what its vendor has counted; None: nothing yet.
        is_over: the adapter has reported its end.
    """

    __slots__ = (
        "call",
        "calls",
        "estimate",
        "first",
        "is_over",
        "row",
        "said",
        "shown",
        "starts_at",
        "texts",
        "usage",
    )

    def __init__(
        self, call: str, row: UsageRow, estimate: int, first: int, starts_at: float = 0.0
    ) -> None:
        self.call = call
        self.row = row
        self.estimate = estimate
        self.first = first
        self.starts_at = starts_at
        self.texts: list[str] = []
        self.said = 0
        self.shown = 0
        self.is_over = False
        self.calls: list[CallMade] = []
        self.usage: Usage | None = None


class Run:
    """See the module.

    Attributes:
        stored: what was stored of it when it began, or when a restart has found it.
        model: what is asked.
        max_tokens, params: of its message.
        phase: where it is.
        claim: the rows of its message and its beginning, while they are being written.
        held: messages that came meanwhile: their tickets, and what looks at them again.
        iteration: which asking of the model this is, retries left out.
        tries: how often it was asked in this iteration.
        step: offset from which on the log has the present asking, and what that has led to; it is
            kept as long as the run may be read again from it.
        paced_to: up to which UTC second its requests stand, if they came at an even pace.
        attempt: the present one, while the model is asked.
        tools: calls without a result, by their ids.
        names: the tools' names in the catalogue, by what the model was told.
        usage, cost_micros, unknown: what it took so far, and of how many requests nobody knows it.
        asked: how often a person was asked for more money.
        allowed: a person has let it go on beyond its budgets, to its end.
        why: how it is to end, once that is known.
        waiting: tickets of those who sent its message, while that is being written.
        cancels: tickets of those who want it to end.
        still: tools of closed calls that may still run, by the calls' ids.
        turn: what its client has brought with its message, if it is one that brings such.
        client: names of the tools that the client runs.
        awaits_client: there are calls for the client: it ends when its other tools have answered.
    """

    def __init__(
        self,
        stored: OpenRun,
        model: ModelInfo,
        *,
        max_tokens: int = 0,
        params: Any = None,
        turn: ClientTurn | None = None,
    ) -> None:
        self.stored = stored
        self.model = model
        self.max_tokens = max_tokens
        self.params: dict[str, Any] = params or {}
        self.phase = Phase.CLAIMING
        self.claim: tuple[LogRow, ...] = ()
        self.held: list[tuple[Any, Callable[[float], None]]] = []
        so_far = stored.so_far or RunSoFar()
        self.iteration = so_far.iteration
        self.tries = so_far.tries
        self.step = stored.started or stored.first
        self.paced_to = 0.0
        self.attempt: Attempt | None = None
        self.tools: dict[str, OpenTool] = {}
        self.names: dict[str, str] = {}
        self.usage = so_far.usage
        self.cost_micros = so_far.cost_micros
        self.unknown = so_far.unknown
        self.asked = 0
        self.allowed = False
        self.why: tuple[RunStatus, str] | None = None
        self.waiting: list[Any] = []
        self.cancels: list[Any] = []
        self.still: dict[str, str] = {}
        self.turn = turn
        self.client = (
            frozenset(tool.name for tool in turn.tools) if turn is not None else frozenset()
        )
        self.awaits_client = False

    @property
    def id(self) -> str:
        """Its name."""
        return self.stored.id

    @property
    def iterations(self) -> int:
        """How often the model was really asked, retries left out."""
        return self.iteration if self.tries else max(self.iteration - 1, 0)

    @property
    def to_store(self) -> OpenRun:
        """What is stored of it now."""
        so_far = RunSoFar(
            iteration=self.iteration,
            tries=self.tries,
            usage=self.usage,
            cost_micros=self.cost_micros,
            unknown=self.unknown,
        )
        return replace(self.stored, so_far=so_far)

    def pause_s(self, per_minute: int, now: float) -> float:
        """Count a request to the model; return for how many seconds it is to wait.

        So there are no more than so many a minute.
        """
        gap = 60.0 / per_minute
        self.paced_to = min(max(self.paced_to, now), now + 60.0) + gap  # a clock may be set back
        return max(self.paced_to - now - 60.0, 0.0)

    @property
    def approvals(self) -> list[str]:
        """The approvals that it waits for."""
        return [tool.approval for tool in self.tools.values() if tool.approval]
