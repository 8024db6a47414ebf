"""A tool of a server, as the gate knows it; and what is asked of a server besides its tools."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import anyio
import msgspec

from agentgate_proto.faces.mcp.server_errors import kept
from agentgate_proto.faces.mcp_backend.events import End, Ended
from agentgate_proto.faces.mcp_backend.reading import UNREADABLE, shown
from agentgate_proto.faces.mcp_backend.saying import headers_of
from agentgate_proto.ledger.abandoning import CHANGED
from agentgate_proto.records.request import Effects
from agentgate_server.errors import (
    ArgumentError,
    EffectUnknown,
    EndedElsewhere,
    NotStarted,
    ToolFailed,
)
from agentgate_server.tools.mcp.calling import Running
from agentgate_server.tools.mcp.server import McpServer
from agentgate_server.tools.provided.schema import ArgumentSchema, SchemaError
from agentgate_server.tools.tool import AsyncTool, Tool

log = logging.getLogger(__name__)

BACKEND: Final = "mcp"

TEXT_CHARS_MAX: Final = 8_000
"""Of a failed tool's own words that become the text of an error; all of them are in its data."""

CALL: Final = "tools/call"

Params = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Makes the parameters of a method of the arguments of a tool."""


class Block(msgspec.Struct, frozen=True):
    """A part of what a tool says."""

    type: str = ""
    text: str = ""


class CallResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is looked at of the result of a tool."""

    is_error: bool = False
    content: list[msgspec.Raw] = []
    structured_content: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


result_decoder = msgspec.json.Decoder(CallResult)
block_decoder = msgspec.json.Decoder(Block)


@dataclass(slots=True)
class Progress:
    """How far a call has come.

    Attributes:
        was_asked: the server has it, or may have.
    """

    was_asked: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class McpTool(AsyncTool):
    """See the module. What runs is made by ``for_call``; others can only be looked at.

    Attributes:
        server: whose it is.
        method: of the protocol, that is called.
        params: makes its parameters.
        look: returns the tool of this name as the server offers it now, or None; what is none of
            the server's own is always the same.
        output_bytes_max: of a result.
        fits: what arguments must be like; None: only the server can say.
        says: what ``structuredContent`` must be like; None: nobody says.
        headers: which arguments go into headers as well; see ``saying.header_names``.
        call: the rid of the one request that it is made for; "": of any, and it can't run.
        progress: of that request.
        is_known: whether this is what the server offers; else the server is asked first.
    """

    server: McpServer
    method: str = CALL
    params: Params
    look: Callable[[str], McpTool | None]
    output_bytes_max: int
    fits: ArgumentSchema | None = None
    says: ArgumentSchema | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    call: str = ""
    progress: Progress = field(default_factory=Progress)
    is_known: bool = True

    @property
    def may_have_run(self) -> bool:
        """See ``Tool``: what waits for its server has not."""
        return self.progress.was_asked

    @cached_property
    def defaults(self) -> Mapping[str, Any]:
        """See ``Tool``; of a schema that somebody else has written."""
        properties = self.schema.get("properties")
        entries = properties.items() if isinstance(properties, dict) else ()
        found = ((name, entry) for name, entry in entries if isinstance(entry, dict))
        return {name: e["default"] for name, e in found if e.get("default") is not None}

    def for_call(self, effects: Effects, call: str) -> McpTool:
        """Return what runs one request, which was let through for these effects."""
        return replace(self, effects=effects, call=call, progress=Progress())

    def as_asked(self, definition: str) -> Tool | None:
        """See ``Tool``; while the server is away nobody knows, and it is seen when it is there."""
        if self.is_known:
            return super().as_asked(definition)
        return replace(self, definition=definition)

    def check(self, args: dict[str, Any]) -> None:
        """See ``Tool``; by the schema that was listed, so that nobody is asked in vain."""
        if self.fits is not None and (problem := self.fits.problem(args)):
            raise ArgumentError(problem)

    async def run(self, args: dict[str, Any]) -> Any:
        """Have the server do it, once."""
        server, limit_s = self.server, self.server.config.timeout_s
        await server.wait_up(server.config.wait_s)
        self._compare()
        headers = headers_of(self.headers, args)
        running = await server.begin(self.method, self.params(args), self.call, 0.0, headers)
        running.scope.deadline = anyio.current_time() + limit_s
        try:
            with running.scope:
                return self._result(await running.wait())
        finally:
            self.progress.was_asked = self._leave(running)
        if running.ended is not None:  # its answer came with the very end of its time
            return self._result(running.ended)
        why = f"the MCP server {server.alias} did not answer within {limit_s:g} s"
        if self.progress.was_asked:
            raise EffectUnknown(f"{why}; it was told to stop")
        raise NotStarted(f"{why}, nor take the call")

    def _leave(self, running: Running) -> bool:
        """Let go of a call; return whether the server has it, or may have."""
        ended = running.ended
        if ended is None:
            return self.server.end(running, "the gate does not wait any longer")
        return ended.end is not End.NOT_SENT

    def _compare(self) -> None:
        """See whether the server offers now what was asked for.

        Raises:
            EndedElsewhere: it is another tool.
            NotStarted: it is none, or does more than was let through.
        """
        now = self.look(self.name)
        if now is None:
            text = f"{self.name} is not offered any more, or waits for somebody to look at it"
            raise NotStarted(text)
        if now.definition != self.definition:
            raise EndedElsewhere(CHANGED)
        if self.effects is Effects.READ and now.effects is Effects.WRITE:
            raise NotStarted(f"{self.name} is not what was asked for: now it says that it writes")

    def _result(self, ended: Ended) -> msgspec.Raw:
        """Return what a call has come to, or raise what it failed with."""
        said = f"the MCP server {self.server.alias}"
        match ended.end:
            case End.NOT_SENT:
                raise NotStarted(f"{said} did not take the call: {ended.message}")
            case End.LOST:
                raise EffectUnknown(f"{said} was asked, and no answer came: {ended.message}")
            case End.ERROR:
                text = ended.message[:TEXT_CHARS_MAX] or f"{said} says that it failed"
                raise ToolFailed(text, as_kept(ended))
        size = len(bytes(ended.result))
        if size > self.output_bytes_max:
            return self._too_large(size)
        return ended.result if self.method != CALL else self._checked(ended.result)

    def _too_large(self, size: int) -> msgspec.Raw:
        """A write was done all the same: called failed, it would be done again."""
        text = f"{size:,} bytes, and at most {self.output_bytes_max:,} are passed on"
        if self.effects is Effects.READ:
            raise ToolFailed(f"its result is too large: {text}")
        return as_text(f"it ran, but its result is too large: {text}")

    def _checked(self, result: msgspec.Raw) -> msgspec.Raw:
        """Look at the result of a tool; what is not understood of it is passed on as it is."""
        try:
            read = result_decoder.decode(result)
        except UNREADABLE:
            if bytes(result)[:1] == b"{":
                return result
            return as_text(bytes(result).decode("utf-8", "replace"))
        if read.is_error:
            raise ToolFailed(text_of(read) or "the tool says that it failed", bytes(result))
        if self.says is not None and (problem := problem_of(self.says, read)):
            text = "tool %s: its structured result is not as its server says: %s"
            log.warning(text, self.name, shown(problem))
        return result


def as_kept(ended: Ended) -> bytes:
    """The error of a server, for clients whose programs can read it."""
    return kept(ended.code, ended.message, ended.data) if ended.code else b"null"


def text_of(result: CallResult) -> str:
    """Return the words in a result."""
    found = []
    for raw in result.content:
        try:
            block = block_decoder.decode(raw)
        except UNREADABLE:
            continue
        if block.type == "text" and block.text:
            found.append(block.text)
    return "\n".join(found)[:TEXT_CHARS_MAX]


def as_text(text: str) -> msgspec.Raw:
    """Make a result of words of ours."""
    return msgspec.Raw(msgspec.json.encode({"content": [{"type": "text", "text": text}]}))


def problem_of(says: ArgumentSchema, result: CallResult) -> str:
    """Say why a structured result is not as its server says, or ""."""
    if result.structured_content is msgspec.UNSET:
        return "there is none"
    try:
        value = msgspec.json.decode(result.structured_content)
    except UNREADABLE:
        return "it can't be read"
    return says.problem(value) if isinstance(value, dict) else "it is no object"


def schema_of(said: Mapping[str, Any] | None, what: str) -> ArgumentSchema | None:
    """Read a schema as far as it is understood here; None: it is not."""
    if said is None:
        return None
    try:
        return ArgumentSchema(said)
    except SchemaError as error:
        log.debug("%s is not checked here: %s", what, error)
        return None
