"""Python functions as tools: the ``@tool`` decorator.

Everything that can be wrong with a declaration is found here, while the module is imported; a
call can then only fail by its arguments or by what the function itself does.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, overload

import msgspec

from agentgate_proto.records.request import Effects
from agentgate_server.errors import ToolError
from agentgate_server.policy.leaves import Path
from agentgate_server.policy.meanings import Meant
from agentgate_server.tools.arguments import Arguments
from agentgate_server.tools.binding import Binding
from agentgate_server.tools.docstring import parse_docstring
from agentgate_server.tools.expected import Expected
from agentgate_server.tools.tool import AsyncTool, SyncTool, Tool

BACKEND: Final = "python"

MARK: Final = "__agentgate_tool__"
"""The attribute by which a decorated function carries its tool."""

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]{0,127}")
"""What a tool may be called: nothing that a policy pattern or a signature could misread, and no
Unicode look-alikes."""

ARGS_BYTES_MIN: Final = 1_024
ARGS_BYTES_MAX: Final = 1_000_000
"""Bytes that arguments may be let have: more fits no message of a client's."""

Function = TypeVar("Function", bound=Callable[..., Any])
Said = Literal["read", "write"] | Effects
Timeout = float | None | msgspec.UnsetType


@dataclass(frozen=True, eq=False, kw_only=True)
class PythonAsyncTool(AsyncTool):
    """A coroutine function as a tool."""

    function: Callable[..., Awaitable[Any]]
    binding: Binding

    def check(self, args: Mapping[str, Any]) -> None:
        """See ``Tool.check``."""
        self.binding.bound(args)

    def bound(self, args: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """See ``Tool.bound``."""
        return self.binding.bound(args)

    def meant(
        self, args: Mapping[str, Any], bound: Mapping[str, Any] | None = None
    ) -> Meant | None:
        """See ``Tool.meant``."""
        return self.binding.meant(args, self.received(args) if bound is None else bound)

    @property
    def unseen(self) -> frozenset[str]:
        """See ``Tool.unseen``."""
        return frozenset(self.binding.unsaid)

    @property
    def names(self) -> frozenset[str] | None:
        """See ``Tool.names``."""
        return self.binding.arguments.names

    def expected(self, path: Path) -> Expected:
        """See ``Tool.expected``."""
        return self.binding.arguments.expected(path)

    async def run(self, args: dict[str, Any]) -> Any:
        """See ``AsyncTool.run``."""
        return await self.function(**self.binding.values(args))


@dataclass(frozen=True, eq=False, kw_only=True)
class PythonSyncTool(SyncTool):
    """A plain function as a tool."""

    function: Callable[..., Any]
    binding: Binding

    def check(self, args: Mapping[str, Any]) -> None:
        """See ``Tool.check``."""
        self.binding.bound(args)

    def bound(self, args: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """See ``Tool.bound``."""
        return self.binding.bound(args)

    def meant(
        self, args: Mapping[str, Any], bound: Mapping[str, Any] | None = None
    ) -> Meant | None:
        """See ``Tool.meant``."""
        return self.binding.meant(args, self.received(args) if bound is None else bound)

    @property
    def unseen(self) -> frozenset[str]:
        """See ``Tool.unseen``."""
        return frozenset(self.binding.unsaid)

    @property
    def names(self) -> frozenset[str] | None:
        """See ``Tool.names``."""
        return self.binding.arguments.names

    def expected(self, path: Path) -> Expected:
        """See ``Tool.expected``."""
        return self.binding.arguments.expected(path)

    def call(self, args: dict[str, Any]) -> Any:
        """See ``SyncTool.call``."""
        return self.function(**self.binding.values(args))


PythonTool = PythonAsyncTool | PythonSyncTool


@overload
def tool(function: Function, /) -> Function: ...


@overload
def tool(
    *,
    effects: Said = "write",
    name: str | None = None,
    description: str | None = None,
    timeout_s: Timeout = msgspec.UNSET,
    concurrency_max: int | None = None,
    args_bytes_max: int | None = None,
    inline: bool = False,
) -> Callable[[Function], Function]: ...


def tool(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Offer a function to agents: ``@tool`` or ``@tool(effects="read", ...)``.

    The function itself stays as it is, and is called from your own code as before.

    Args:
        function: a plain or an ``async`` function; every parameter has a type hint.
        options: see :func:`python_tool`.

    Raises:
        ToolError: the function can't be a tool; the text says why.
    """
    if function is None:
        return lambda decorated: mark(decorated, options)
    return mark(function, options)


def mark(function: Function, options: dict[str, Any]) -> Function:
    """Hang the tool on its function, for the catalogue to find."""
    if not inspect.isfunction(function):
        raise ToolError(
            f"@tool goes on functions, not on {describe(function)}; "
            "for a bound method, give python_tool(object.method) to the catalogue"
        )
    setattr(function, MARK, python_tool(function, **options))
    return function


def python_tool(
    function: Callable[..., Any],
    /,
    *,
    effects: Said = "write",
    name: str | None = None,
    description: str | None = None,
    timeout_s: Timeout = msgspec.UNSET,
    concurrency_max: int | None = None,
    args_bytes_max: int | None = None,
    inline: bool = False,
) -> PythonTool:
    """Make a tool of a function or a bound method.

    Args:
        function: what to call. A plain function runs in a worker thread, an ``async`` one on the
            event loop. Its type hints make the argument schema, its docstring the description.
        effects: ``read`` if running it again does no harm, ``write`` otherwise.
        name: what agents call it; the function's name unless said.
        description: for people and models; the docstring above its first section unless said.
        timeout_s: how long a call may take, in seconds; unless said, what the configuration says
            (``tools.timeout_s``, 60 s); None for no limit.
        concurrency_max: how many calls may run at once; others wait.
        args_bytes_max: bytes that its arguments may have as JSON, for one that takes documents;
            unless said, what the configuration says (``tools.args_bytes_max``, 64 KiB).
        inline: run a plain function on the event loop, without a thread: only for one that
            returns at once and does no I/O. It has no time-out.

    Raises:
        ToolError: the function can't be a tool; the text says why.
    """
    if not (inspect.isfunction(function) or inspect.ismethod(function)):
        raise ToolError(f"a tool is made of a function, not of {describe(function)}")
    origin = f"{function.__module__}.{function.__qualname__}"
    try:
        docstring = parse_docstring(function.__doc__)
        arguments = Arguments.of(function, docstring)
        is_async = read_kind(function, inline=inline)
        common: dict[str, Any] = {
            "function": function,
            "binding": Binding(arguments),
            "name": read_name(function.__name__ if name is None else name),
            "description": docstring.description if description is None else description,
            "effects": read_effects(effects),
            "schema": arguments.schema,
            "backend": BACKEND,
            "origin": origin,
            "timeout_s": read_timeout(timeout_s, inline=inline),
            "concurrency_max": read_concurrency(concurrency_max, inline=inline),
            "args_bytes_max": read_args_bytes(args_bytes_max),
        }
    except ToolError as error:
        raise ToolError(f"tool {origin}: {error}") from error
    if is_async:
        return PythonAsyncTool(**common)
    return PythonSyncTool(**common, returns_at_once=inline)


def tool_of(thing: object) -> Tool | None:
    """Return the tool that ``@tool`` made of this function, or None.

    Raises:
        ToolError: another decorator wraps the tool, so that the gate would call past it.
    """
    made = inspect.getattr_static(thing, MARK, None)  # runs no code of a module's own objects
    if not isinstance(made, PythonAsyncTool | PythonSyncTool):
        return None
    if made.function is not thing:
        raise ToolError(
            f"tool {made.origin}: @tool must be the topmost decorator, or agents would call "
            "past the ones above it"
        )
    return made


def read_kind(function: Callable[..., Any], *, inline: bool) -> bool:
    """Return whether the function is async.

    Raises:
        ToolError: it gives values one by one, or is async and inline.
    """
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolError("it yields, but a tool returns one value: return a list")
    is_async = inspect.iscoroutinefunction(function)
    if is_async and inline:
        raise ToolError("inline is for plain functions; an async one runs on the loop anyway")
    return is_async


def read_name(name: object) -> str:
    """Return a tool's name, if it may be one."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ToolError(
            f"{name!r} is no name for a tool: use up to 128 ASCII letters, digits and _ . : / -, "
            "a letter or _ first"
        )
    return name


def read_effects(effects: object) -> Effects:
    """Return what the tool does to the world, from one of its two words."""
    for known in Effects:
        if effects == known:
            return known
    raise ToolError(f"effects must be 'read' or 'write', not {effects!r}")


def read_timeout(timeout_s: object, *, inline: bool) -> float | msgspec.UnsetType | None:
    """Return the tool's time-out: 60 s unless said, and none where it could not be kept."""
    if isinstance(timeout_s, msgspec.UnsetType):
        return None if inline else msgspec.UNSET
    if timeout_s is None:
        return None
    if inline:
        raise ToolError("an inline tool can't be stopped, so it has no time-out: remove timeout_s")
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
        raise ToolError(f"timeout_s must be a number of seconds, or None, not {timeout_s!r}")
    if not 0 < timeout_s < math.inf:
        raise ToolError(f"timeout_s must be above 0, or None for no limit, not {timeout_s!r}")
    return float(timeout_s)


def read_concurrency(concurrency_max: object, *, inline: bool) -> int | None:
    """Return how many calls may run at once."""
    if concurrency_max is None:
        return None
    if inline:
        raise ToolError("inline tools run one at a time anyway: remove concurrency_max")
    if isinstance(concurrency_max, bool) or not isinstance(concurrency_max, int):
        raise ToolError(f"concurrency_max must be a whole number, not {concurrency_max!r}")
    if concurrency_max < 1:
        raise ToolError(f"concurrency_max must be at least 1, not {concurrency_max}")
    return concurrency_max


def read_args_bytes(args_bytes_max: object) -> int | None:
    """Return how many bytes the arguments may have."""
    if args_bytes_max is None:
        return None
    if isinstance(args_bytes_max, bool) or not isinstance(args_bytes_max, int):
        raise ToolError(f"args_bytes_max must be a whole number of bytes, not {args_bytes_max!r}")
    if not ARGS_BYTES_MIN <= args_bytes_max <= ARGS_BYTES_MAX:
        raise ToolError(
            f"args_bytes_max must be from {ARGS_BYTES_MIN:,} to {ARGS_BYTES_MAX:,}, "
            f"not {args_bytes_max:,}"
        )
    return args_bytes_max


def describe(thing: object) -> str:
    """Name something that is no function."""
    return f"the class {thing.__name__}" if isinstance(thing, type) else f"a {type(thing).__name__}"
