"""The catalogue: every tool of a gateway, by name. A name that is not in it does not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from agentgate_proto.records.request import Effects
from agentgate_server.backends.circuit_breaker import State
from agentgate_server.errors import ArgumentError, ToolError
from agentgate_server.policy.meanings import Meaning, Meant, as_written
from agentgate_server.tools.modules import load_module, tools_in
from agentgate_server.tools.python import describe, tool_of
from agentgate_server.tools.tool import Tool


class LiveTools(Protocol):
    """A source of tools that come and go while the gateway runs. Its names are its own: no other
    source and no fixed tool has one of them."""

    def owns(self, name: str) -> bool:
        """Whether a tool of this name could only come from here, be there one at the moment or
        not: somebody else's would get what was meant for it."""
        ...

    def get(self, name: str) -> Tool | None:
        """Return the tool of this name that can be asked for now, or None."""
        ...

    def to_run(self, name: str, effects: Effects, call: str) -> Tool | None:
        """Return what runs a request that was let through when there was such a tool.

        It is asked once for each request, at the moment when it starts: hours may have passed, or
        the gateway may have been restarted. The tool may be away by then, or be another one; what
        is returned deals with that, within a bounded time. None: it can't come from here.

        Args:
            name: of the tool.
            effects: that the decision was made for.
            call: the id of the request.
        """
        ...

    def __iter__(self) -> Iterator[Tool]:
        """Go through the tools that can be asked for now."""
        ...


@runtime_checkable
class Changing(Protocol):
    """A source that says when its tools come, go or are other ones.

    Attributes:
        changed: is called then, without waiting; whoever wants to know puts it there.
    """

    changed: Callable[[], None]


def nobody_asks() -> None:
    """Nobody wants to know."""


class Catalogue:
    """Tools by name, in the order given. Join two with ``Catalogue([*a, *b])``.

    The fixed ones never change. Those of live sources come after them, as they are at each moment.
    """

    def __init__(self, tools: Iterable[Tool] = (), live: Iterable[LiveTools] = ()) -> None:
        """Hold these tools; the same one given twice counts once.

        Args:
            tools: the fixed ones.
            live: sources of others.

        Raises:
            ToolError: two tools have one name.
        """
        self.live = tuple(live)
        self.tools: dict[str, Tool] = {}
        for item in tools:
            known = self.tools.setdefault(item.name, item)
            if known is not item:
                raise ToolError(
                    f"two tools are named '{item.name}': {known.origin} and {item.origin}; "
                    'rename one, for instance with @tool(name="...")'
                )

    @classmethod
    def of(cls, *items: Tool | Callable[..., Any]) -> Catalogue:
        """Make a catalogue of decorated functions, and of tools of any backend.

        Raises:
            ToolError: two have one name, or one is neither.
        """
        return cls(as_tool(item) for item in items)

    @classmethod
    def load(cls, python_modules: Sequence[str], base: Path) -> Catalogue:
        """Import modules and take the ``@tool`` functions that they define.

        Args:
            python_modules: dotted names (``house.lights``) or files (``tools/house.py``).
            base: the folder of the configuration: files are relative to it, and modules in it
                can be imported by name.

        Raises:
            ToolError: a module is not there, can't be imported or has no tool, or two tools have
                one name.
        """
        return cls(item for name in python_modules for item in tools_in(load_module(name, base)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fixed tools, in order."""
        return tuple(self.tools)

    def with_live(self, *sources: LiveTools) -> Catalogue:
        """Return a catalogue with these sources as well."""
        return Catalogue(self.tools.values(), (*self.live, *sources))

    def get(self, name: str) -> Tool | None:
        """Return the tool of exactly this name, or None."""
        found = self.tools.get(name)
        for source in () if found is not None else self.live:
            found = found or source.get(name)
        return found

    def to_run(self, name: str, effects: Effects, call: str) -> Tool | None:
        """Return what runs a request that was let through; see ``LiveTools.to_run``."""
        found = self.tools.get(name)
        for source in () if found is not None else self.live:
            found = found or source.to_run(name, effects, call)
        return found

    def is_taken(self, name: str) -> bool:
        """Whether no other source may come with a tool of this name."""
        return name in self.tools or any(source.owns(name) for source in self.live)

    def meaning_of(self, name: str) -> Meaning:
        """Return what says what a tool gets for arguments; it raises ``ArgumentError`` for those
        that do not fit. Of a tool that is not there nothing is known."""
        found = self.get(name)
        return as_written if found is None else found.meaning

    def lenient_meaning_of(self, name: str) -> Meaning:
        """The same for requests that may never have been checked: those that do not fit mean what
        is written."""
        return lenient(self.meaning_of(name))

    def backends(self) -> dict[str, bool]:
        """Name the backends, each with whether a circuit of it is open."""
        backends: dict[str, bool] = {}
        for item in self:
            for circuit in item.circuits:
                is_open = circuit.state is not State.CLOSED
                backends[circuit.name] = is_open or backends.get(circuit.name, False)
        return backends

    async def aclose(self) -> None:
        """Let every fixed tool let go of what it holds."""
        for item in self.tools.values():
            await item.aclose()

    def __iter__(self) -> Iterator[Tool]:
        return chain(self.tools.values(), *self.live)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None


def lenient(meaning: Meaning) -> Meaning:
    """Return a meaning for which arguments that do not fit mean what is written."""

    def leniently(args: Mapping[str, Any]) -> Meant | None:
        with suppress(ArgumentError):
            return meaning(args)
        return None

    return leniently


def as_tool(item: Tool | Callable[..., Any]) -> Tool:
    """Return a tool as it is, or the one that hangs on a decorated function."""
    if isinstance(item, Tool):
        return item
    found = tool_of(item)
    if found is None:
        name = getattr(item, "__qualname__", None)
        raise ToolError(f"{name or describe(item)} is no tool: put @tool above its definition")
    return found
