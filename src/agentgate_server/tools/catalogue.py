"""The catalogue: every tool of a gateway, by name. A name that is not in it does not exist."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from agentgate_server.backends.circuit_breaker import State
from agentgate_server.errors import ArgumentError, ToolError
from agentgate_server.policy.meanings import Meaning, Meant, as_written
from agentgate_server.tools.modules import load_module, tools_in
from agentgate_server.tools.python import describe, tool_of
from agentgate_server.tools.tool import Tool


class Catalogue:
    """Tools by name, in the order given. Immutable; join two with ``Catalogue([*a, *b])``."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        """Hold these tools; the same one given twice counts once.

        Raises:
            ToolError: two tools have one name.
        """
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
        """All names, in order."""
        return tuple(self.tools)

    def get(self, name: str) -> Tool | None:
        """Return the tool of exactly this name, or None."""
        return self.tools.get(name)

    def meaning_of(self, name: str) -> Meaning:
        """Return what says what a tool gets for arguments; it raises ``ArgumentError`` for those
        that do not fit. Of a tool that is not there nothing is known."""
        found = self.get(name)
        return as_written if found is None else found.meant

    def lenient_meaning_of(self, name: str) -> Meaning:
        """The same for requests that may never have been checked: those that do not fit mean what
        is written."""
        meaning = self.meaning_of(name)

        def lenient(args: Mapping[str, Any]) -> Meant | None:
            with suppress(ArgumentError):
                return meaning(args)
            return None

        return lenient

    def backends(self) -> dict[str, bool]:
        """Name the backends, each with whether a circuit of it is open."""
        backends: dict[str, bool] = {}
        for item in self:
            for circuit in item.circuits:
                is_open = circuit.state is not State.CLOSED
                backends[circuit.name] = is_open or backends.get(circuit.name, False)
        return backends

    async def aclose(self) -> None:
        """Let every tool let go of what it holds."""
        for item in self:
            await item.aclose()

    def __iter__(self) -> Iterator[Tool]:
        return iter(self.tools.values())

    def __len__(self) -> int:
        return len(self.tools)

    def __contains__(self, name: object) -> bool:
        return name in self.tools


def as_tool(item: Tool | Callable[..., Any]) -> Tool:
    """Return a tool as it is, or the one that hangs on a decorated function."""
    if isinstance(item, Tool):
        return item
    found = tool_of(item)
    if found is None:
        name = getattr(item, "__qualname__", None)
        raise ToolError(f"{name or describe(item)} is no tool: put @tool above its definition")
    return found
