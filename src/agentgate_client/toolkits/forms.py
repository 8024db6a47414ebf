"""The forms in which vendors take tools, say what their models want, and are told what came of it.

No SDK of a vendor is needed: answers are read as they come, whether they are that SDK's objects or
plain dictionaries.

Sources: the reference of OpenAI's chat completions and responses, and of Anthropic's messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

Row = Mapping[str, Any]
Rows = list[dict[str, Any]]


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """What a model wants done.

    Attributes:
        id: the model's own name for it.
        name: of the tool, as the model was told it.
        args: its arguments; None: the model wrote something else.
    """

    id: str
    name: str
    args: dict[str, Any] | None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it, in words for the model.

    Attributes:
        call: the id of the call.
        text: the result as JSON, or why there is none.
        failed: there is none.
    """

    call: str
    text: str
    failed: bool = False


class Form(Protocol):
    """One vendor's form. All of it is pure."""

    def tool(self, name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
        """Write a tool as the vendor takes it."""
        ...

    def calls(self, answer: Any) -> Iterator[ToolCall]:
        """Read what the model wants out of its answer."""
        ...

    def results(self, results: Sequence[ToolResult]) -> Rows:
        """Write what is to follow the answer in the conversation."""
        ...


class Completions:
    """OpenAI's chat completions, and whatever speaks like them; the answer is a message."""

    def tool(self, name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
        """See :class:`Form`."""
        function = {"name": name, "description": description, "parameters": schema}
        return {"type": "function", "function": function}

    def calls(self, answer: Any) -> Iterator[ToolCall]:
        """See :class:`Form`."""
        for call in member(answer, "tool_calls") or ():
            function = member(call, "function")
            if function is not None:
                yield ToolCall(
                    id=member(call, "id"),
                    name=member(function, "name"),
                    args=arguments_in(member(function, "arguments")),
                )

    def results(self, results: Sequence[ToolResult]) -> Rows:
        """See :class:`Form`."""
        return [
            {"role": "tool", "tool_call_id": each.call, "content": each.text} for each in results
        ]


class Responses:
    """OpenAI's responses; the answer is a response, or the list of its ``output``."""

    def tool(self, name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
        """See :class:`Form`."""
        form = {"type": "function", "name": name, "description": description}
        return {**form, "parameters": schema, "strict": False}

    def calls(self, answer: Any) -> Iterator[ToolCall]:
        """See :class:`Form`."""
        items = answer if isinstance(answer, list) else member(answer, "output")
        for item in items or ():
            if member(item, "type") == "function_call":
                yield ToolCall(
                    id=member(item, "call_id"),
                    name=member(item, "name"),
                    args=arguments_in(member(item, "arguments")),
                )

    def results(self, results: Sequence[ToolResult]) -> Rows:
        """See :class:`Form`."""
        kind = "function_call_output"
        return [{"type": kind, "call_id": each.call, "output": each.text} for each in results]


class Messages:
    """Anthropic's messages; the answer is a message."""

    def tool(self, name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
        """See :class:`Form`."""
        return {"name": name, "description": description, "input_schema": schema}

    def calls(self, answer: Any) -> Iterator[ToolCall]:
        """See :class:`Form`."""
        content = member(answer, "content")
        for block in content if isinstance(content, list) else ():
            if member(block, "type") == "tool_use":
                args = member(block, "input")
                yield ToolCall(
                    id=member(block, "id"),
                    name=member(block, "name"),
                    args=dict(args) if isinstance(args, Mapping) else None,
                )

    def results(self, results: Sequence[ToolResult]) -> Rows:
        """See :class:`Form`."""
        blocks = [
            {
                "type": "tool_result",
                "tool_use_id": each.call,
                "content": each.text,
                "is_error": each.failed,
            }
            for each in results
        ]
        return [{"role": "user", "content": blocks}] if blocks else []


def member(value: Any, name: str) -> Any:
    """Return a member of an SDK's object or of a dictionary; None: it has none."""
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def arguments_in(text: Any) -> dict[str, Any] | None:
    """Read arguments that a model wrote; none at all are no arguments, anything odd is None."""
    try:
        args = json.loads(text or "{}")
    except (TypeError, ValueError, RecursionError):
        return None
    return args if isinstance(args, dict) else None
