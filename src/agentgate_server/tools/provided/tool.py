"""A tool that a connected client provides, as the gate knows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

from agentgate_proto.providing.effects import Check, End, Offer, Over
from agentgate_proto.records.request import Effects
from agentgate_server.errors import ArgumentError, EffectUnknown, NotStarted, ToolFailed
from agentgate_server.tools.tool import AsyncTool

BACKEND = "provided"

Asking = Callable[["ProvidedTool", dict[str, Any]], Awaitable[Over]]
"""Asks for a tool and waits for the end of the call."""


@dataclass(slots=True)
class Progress:
    """How far a call has come.

    Attributes:
        was_asked: a provider was asked for it.
    """

    was_asked: bool = True


def anything(args: object) -> str:
    """Take all arguments: what is away can't say what it takes."""
    return ""


@dataclass(frozen=True, eq=False, kw_only=True)
class ProvidedTool(AsyncTool):
    """See the module.

    Attributes:
        problem_of: says why arguments do not fit, or "".
        ask: asks for it, with these arguments. It ends in time.
        call: the id of the one call that it is made for; "": of any.
        progress: of that call.
    """

    problem_of: Check
    ask: Asking
    call: str = ""
    progress: Progress = field(default_factory=Progress)

    @classmethod
    def of(cls, offer: Offer, ask: Asking) -> Self:
        """Make the tool of an offer."""
        tool = offer.tool
        return cls(
            name=offer.name,
            description=tool.description,
            effects=tool.effects,
            schema=tool.args,
            backend=BACKEND,
            origin=f"{offer.name.rpartition('.')[0]}, which is connected",
            timeout_s=None,
            problem_of=offer.check,
            ask=ask,
        )

    @classmethod
    def for_call(cls, name: str, effects: Effects, call: str, ask: Asking) -> Self:
        """Make what runs one call, whether or not somebody offers the tool at the moment."""
        return cls(
            name=name,
            description="",
            effects=effects,
            schema={},
            backend=BACKEND,
            origin=name,
            timeout_s=None,
            problem_of=anything,
            ask=ask,
            call=call,
        )

    @property
    def may_have_run(self) -> bool:
        """See :class:`agentgate_server.tools.tool.Tool`."""
        return self.progress.was_asked

    def check(self, args: dict[str, Any]) -> None:
        """See :class:`agentgate_server.tools.tool.Tool`."""
        problem = self.problem_of(args)
        if problem:
            raise ArgumentError(problem)

    async def run(self, args: dict[str, Any]) -> Any:
        """See :class:`agentgate_server.tools.tool.AsyncTool`."""
        return result_of(await self.ask(self, args))


def result_of(over: Over) -> Any:
    """Return what a call has come to, or raise what it failed with."""
    match over.end:
        case End.DONE:
            return over.data
        case End.NOT_STARTED:
            raise NotStarted(over.text)
        case End.UNKNOWN:
            raise EffectUnknown(over.text)
        case _:
            raise ToolFailed(over.text)
