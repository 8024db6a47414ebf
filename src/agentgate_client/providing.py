"""Providing tools: functions of this program that others may ask for through the gateway."""

from __future__ import annotations

import inspect
import logging
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, Self

import anyio
import anyio.to_thread
import msgspec
from anyio.abc import TaskGroup

from agentgate_proto.client.machine import ClientMachine
from agentgate_proto.errors import AgentGateError, ErrorCode, exception_for
from agentgate_proto.limits import DESCRIPTION_CHARS_MAX, PROVIDED_TOOLS_MAX
from agentgate_proto.records.request import Effects
from agentgate_proto.rpc.tool_methods import CallTool, OfferedTool

log = logging.getLogger("agentgate_client")

GRACE_S = 1.0
"""How much longer than the gateway waits a tool may run: its word to stop may be on its way."""

STOPPED = "it was stopped while it ran"
ANSWERED_AS = frozenset(
    {
        ErrorCode.TOOL_FAILED,
        ErrorCode.INVALID_PARAMS,
        ErrorCode.LIMIT_EXCEEDED,
        ErrorCode.OUTCOME_UNKNOWN,
    }
)
"""Codes of errors that a tool may raise itself, and that are passed on."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool that this client provides.

    Attributes:
        name: letters, digits and ``_``; others ask for ``<principal>.<name>``.
        run: called with the arguments by name: a coroutine function in the client's event loop, or
            a plain function, in a thread. It returns what JSON can say. What it raises is told to
            who asked, with type and text.
        effects: "read": safe to run again; "write": not.
        description: for people and models.
        args: JSON Schema of the arguments; {}: anything goes. The gateway sees to it that they fit.
        timeout_s: how long a call may take; then it is cancelled, and told to have failed
            ("read"), or that nobody knows ("write").

    Raises:
        ValueError: one of them can't be right.
    """

    name: str
    run: Callable[..., Any]
    effects: Literal["read", "write"] = "write"
    description: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = 30.0

    def __post_init__(self) -> None:
        if not callable(self.run):
            raise TypeError("run must be a function")
        try:
            msgspec.convert(msgspec.to_builtins(self.offer), OfferedTool)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise ValueError(f"tool {self.name!r} can't be offered: {error}") from None

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        *,
        name: str = "",
        effects: Literal["read", "write"] = "write",
        description: str = "",
        timeout_s: float = 30.0,
    ) -> Self:
        """Make a tool of a function: its name, the beginning of its docstring, its parameters.

        Each parameter has a type hint that JSON can be converted to; the function gets the value
        converted.

        Raises:
            ValueError: it can't be called by name, or a parameter has no such hint.
        """
        model = model_of(function)
        doc = (inspect.getdoc(function) or "").partition("\n\n")[0]

        def with_types(args: Mapping[str, Any]) -> Any:
            try:
                found = msgspec.convert(args, model)
            except msgspec.ValidationError as error:
                raise exception_for(ErrorCode.INVALID_PARAMS, str(error)) from None
            return function(**{key: getattr(found, key) for key in args})

        async def waiting(**args: Any) -> Any:
            return await with_types(args)

        def plain(**args: Any) -> Any:
            return with_types(args)

        return cls(
            name=name or function.__name__,
            run=waiting if inspect.iscoroutinefunction(function) else plain,
            effects=effects,
            description=(description or doc)[:DESCRIPTION_CHARS_MAX],
            args=schema_of(model),
            timeout_s=timeout_s,
        )

    @property
    def offer(self) -> OfferedTool:
        """What the gateway is told."""
        return OfferedTool(
            name=self.name,
            description=self.description,
            effects=Effects(self.effects),
            args=dict(self.args),
            timeout_s=self.timeout_s,
        )


class ToolRunner:
    """Runs the tools that the gateway asks for, each in a task of the client.

    Args:
        machine: is told what came of them.
        turn: lets the client do what the machine wants done.

    Attributes:
        tools: by name.
    """

    def __init__(self, machine: ClientMachine, turn: Callable[[], None]) -> None:
        self.tools: dict[str, Tool] = {}
        self._machine = machine
        self._turn = turn
        self._scopes: dict[str, anyio.CancelScope] = {}

    def start(self, tasks: TaskGroup | None, call: CallTool) -> None:
        """Run a tool; ``machine`` is told the end."""
        tool = self.tools.get(call.tool)
        if tool is None or tasks is None:
            text = f"there is no tool {call.tool} here any more"
            self._machine.failed(call.call, ErrorCode.METHOD_NOT_FOUND, text)
            return
        self._scopes[call.call] = anyio.CancelScope()
        tasks.start_soon(self._run, tool, call)

    def stop(self, call: str) -> None:
        """Stop a tool, if it runs. A plain function can't be stopped: it is waited for no more."""
        scope = self._scopes.get(call)
        if scope is not None:
            scope.cancel()

    async def _run(self, tool: Tool, call: CallTool) -> None:
        scope = self._scopes[call.call]
        scope.deadline = anyio.current_time() + call.timeout_s + GRACE_S
        tell = partial(self._machine.failed, call.call, ErrorCode.OUTCOME_UNKNOWN, STOPPED)
        try:
            with scope:
                value = await run(tool, call.args)
                tell = partial(self._machine.returned, call.call, value)
        except AgentGateError as error:
            code = ErrorCode(error.code) if error.code in ANSWERED_AS else ErrorCode.TOOL_FAILED
            tell = partial(self._machine.failed, call.call, code, error.message)
        except Exception as error:
            log.warning("the provided tool %s failed", tool.name, exc_info=error)
            text = f"{type(error).__name__}: {error}"
            tell = partial(self._machine.failed, call.call, ErrorCode.TOOL_FAILED, text)
        finally:
            del self._scopes[call.call]
        tell()
        self._turn()


async def run(tool: Tool, args: Mapping[str, Any]) -> Any:
    """Run a tool in its own way."""
    if inspect.iscoroutinefunction(tool.run):
        return await tool.run(**args)
    return await anyio.to_thread.run_sync(partial(tool.run, **args), abandon_on_cancel=True)


def as_tools(items: Sequence[Tool | Callable[..., Any]]) -> list[Tool]:
    """Make tools of functions.

    Raises:
        ValueError: two have one name, there are too many, or one can't be offered.
    """
    tools = [each if isinstance(each, Tool) else Tool.of(each) for each in items]
    names = [each.name for each in tools]
    if len(set(names)) < len(names):
        raise ValueError("two tools have one name")
    if len(tools) > PROVIDED_TOOLS_MAX:
        raise ValueError(f"a client provides {PROVIDED_TOOLS_MAX} tools at most")
    return tools


def model_of(function: Callable[..., Any]) -> type[msgspec.Struct]:
    """Make a struct of a function's parameters."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ValueError(f"{function.__name__}: {error}") from None
    fields: list[Any] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ValueError(f"{function.__name__}: '{name}' can't be given by name")
        if name not in hints:
            text = f"{function.__name__}: '{name}' has no type hint: write for instance"
            raise ValueError(f"{text} '{name}: str'")
        optional = parameter.default is not parameter.empty
        fields.append((name, hints[name], None) if optional else (name, hints[name]))
    return msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)


def schema_of(model: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema of a struct of arguments."""
    try:
        (root,), others = msgspec.json.schema_components([model], ref_template="#/$defs/{name}")
    except TypeError as error:
        raise ValueError(f"a type that JSON can't be converted to: {error}") from None
    schema: dict[str, Any] = others.pop(root["$ref"].removeprefix("#/$defs/"))
    del schema["title"]
    for entry in schema["properties"].values():
        entry.pop("default", None)  # the function's own counts
    return schema | ({"$defs": others} if others else {})
