"""A tool: something that a principal may ask for. Base of every backend."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agentgate_proto.digest import canonical_args
from agentgate_proto.ledger.relaying import Behind
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.results import ToolForm
from agentgate_server.errors import ArgumentError
from agentgate_server.policy.meanings import Meant, filled_in

if TYPE_CHECKING:
    from agentgate_server.backends.circuit_breaker import CircuitBreaker
    from agentgate_server.policy.leaves import Path
    from agentgate_server.tools.expected import Expected

TIMEOUT_S: Final = 60.0
"""How long a call may take, waiting for a free slot included, unless the tool or the
configuration says otherwise.
Without a limit, one device that never answers would hold a request for ever (I10)."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Tool(ABC):
    """What the gate knows about a tool. Backends subclass ``AsyncTool`` or ``SyncTool``.

    Attributes:
        name: unique within a gateway; see ``python.NAME`` for what a name may look like.
        description: for people and models, or "".
        effects: read or write.
        schema: JSON Schema (2020-12) of the arguments object.
        backend: what kind of thing runs it: ``python``.
        origin: where a person finds it: ``house.set_light``.
        timeout_s: how long a call may take, in seconds; None: no limit; unset: what the gateway's
            configuration says (``tools.timeout_s``).
        concurrency_max: how many calls may run at once; None: as many as come, or a quarter of the
            threads if it is a ``SyncTool``.
        bulkhead: the name under which it shares that limit with other tools of its backend, which
            then say the same of it; "": it shares with none. See ``bulkheads``.
        queue_max: how many calls may wait for their turn; None: ``bulkheads.QUEUE_MAX``.
        args_bytes_max: bytes that its arguments may have as JSON; None: what the gateway's
            configuration says (``tools.args_bytes_max``).
        behind: the gateway behind this one whose tool it is; None: it is our own.
        title: for people, or "".
        returns: JSON Schema (2020-12) of the result; {}: nothing is said of it.
        form: what its results are: "": any JSON; "mcp": a CallToolResult of MCP.
        definition: hash of what was accepted by whoever looked at it; "": nobody has to.
        listed: whether MCP's ``tools/list`` has it; what has a method of its own there is left out.
    """

    name: str
    description: str
    effects: Effects
    schema: dict[str, Any]
    backend: str
    origin: str
    timeout_s: float | msgspec.UnsetType | None = msgspec.UNSET
    concurrency_max: int | None = None
    bulkhead: str = ""
    queue_max: int | None = None
    args_bytes_max: int | None = None
    behind: Behind | None = None
    title: str = ""
    returns: dict[str, Any] = field(default_factory=dict)
    form: ToolForm = ""
    definition: str = ""
    listed: bool = True

    @property
    def inline(self) -> bool:
        """Whether the tool returns at once, so that ``Runner.run_inline`` may run it."""
        return False

    @property
    def may_have_run(self) -> bool:
        """Whether a call that was stopped may have taken effect; only what waits before it begins,
        and is made for one call (``LiveTools.to_run``), can say no."""
        return True

    @property
    def circuits(self) -> tuple[CircuitBreaker, ...]:
        """What says whether the backend is left alone at present; it may be shared."""
        return ()

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """What it takes for arguments that are left out, as its schema says."""
        entries = self.schema.get("properties", {}).items()
        given = ((name, entry.get("default")) for name, entry in entries)
        return {name: default for name, default in given if default is not None}

    def as_asked(self, definition: str) -> Tool | None:
        """Return what runs a request that was made for a tool of this definition.

        None: this is another tool by now, and nothing of it may run. A tool that can't tell before
        it has begun says so then, by ``EndedElsewhere(CHANGED)``.
        """
        return self if definition == self.definition else None

    def bound(self, args: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Bind arguments, once, before policy and before anybody is asked.

        Returns:
            what the tool gets for them, in one form, as JSON: it is shown, approved, kept, and what
            ``run`` or ``call`` is given; bound again it is itself. None: it is just what is
            written, as it is for a backend that passes on what it gets.

        Raises:
            ArgumentError: they do not fit; its text is for the agent.
        """
        self.check(dict(args))
        return None

    def received(self, args: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what the tool gets for arguments, see ``bound``."""
        found = self.bound(args)
        return args if found is None else found

    def binds_to(self, args: Mapping[str, Any]) -> bool:
        """Whether a bound form of a former process still is one: its tool may have other defaults
        or types by now, and nobody has seen these."""
        try:
            found = self.bound(args)
        except ArgumentError:
            return False
        return found is None or canonical_args(found) == canonical_args(args)

    def meant(
        self, args: Mapping[str, Any], bound: Mapping[str, Any] | None = None
    ) -> Meant | None:
        """Say what the tool gets for arguments that fit; see ``policy.meanings``.

        So it is for a backend that converts nothing, and may take the defaults that its schema
        tells.

        Args:
            args: as they are written.
            bound: what they are bound to; None: see ``bound``.

        Raises:
            ArgumentError: they do not fit.
        """
        return filled_in(self.defaults, args, self.received(args) if bound is None else bound)

    def meaning(self, args: Mapping[str, Any]) -> Meant | None:
        """The same of arguments that were not bound yet."""
        return self.meant(args, None)

    @property
    def unseen(self) -> frozenset[str]:
        """The arguments of which nobody can see what the tool gets where they are left out."""
        return frozenset()

    @property
    def names(self) -> frozenset[str] | None:
        """The squeezed names of its arguments and of all that is in them, for those who check
        policies; None: any name may stand somewhere.
        """
        return None

    def expected(self, path: Path) -> Expected | None:
        """Say what may stand at a path in the arguments, for those who check policies; None:
        nobody knows.

        Args:
            path: squeezed keys, the argument's own first.
        """
        return None

    def about(self, args: Mapping[str, Any]) -> str:
        """Say in a line what is known now of what the arguments name, for whoever is asked: "Hall
        light (on) → off"; "": nothing. It answers from memory.

        Args:
            args: as the tool gets them.
        """
        return ""

    async def aclose(self) -> None:
        """Let go of what the tool holds, when the gateway stops. May be called more than once."""
        return

    @abstractmethod
    def check(self, args: dict[str, Any]) -> None:
        """See whether the arguments fit. Call this before policy, and before anybody is asked.

        Raises:
            ArgumentError: they do not; its text is for the agent.
        """


class AsyncTool(Tool):
    """A tool that waits on the event loop. It must let cancellation through."""

    @abstractmethod
    async def run(self, args: dict[str, Any]) -> Any:
        """Do it.

        Returns:
            Anything that msgspec can encode as JSON.

        Raises:
            ArgumentError: the arguments do not fit; nothing was done.
            NotStarted: nothing was done, for another reason.
            EffectUnknown: nobody can say whether it was done.
            ToolFailed: it failed in a way that was foreseen; its text is for the agent.
            Exception: it failed; type and text are passed on to the agent.
        """


@dataclass(frozen=True, eq=False, kw_only=True)
class SyncTool(Tool):
    """A tool that blocks: it runs in a worker thread, or on the event loop if ``returns_at_once``.

    Attributes:
        returns_at_once: it does no I/O and never waits, so that a thread would be a waste.
    """

    returns_at_once: bool = False

    @property
    def inline(self) -> bool:
        """See ``Tool.inline``."""
        return self.returns_at_once

    @abstractmethod
    def call(self, args: dict[str, Any]) -> Any:
        """Do it; returns and raises as ``AsyncTool.run``."""
