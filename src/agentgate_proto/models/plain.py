"""The plain form: a request as one line of JSON, in nobody's form but ours.

Processes are sent it, and so is the rehearsal model, so that what the inspector shows of a
rehearsal is what a rehearsal goes by. Members, in this order, those that are empty left out::

    {"model": "…", "max_tokens": 4096, "params": {…},
     "system_prompt": "…", "memory": "…", "skills": "…",
     "tools": [{"name": "…", "description": "…", "schema": {…}}],
     "turns": [{"role": "user", "text": "…"},
               {"role": "assistant", "text": "…", "calls": [{"id", "name", "args": {…}}],
                "blocks": …},
               {"role": "tool", "returns": [{"id", "text", "is_error"}]}]}

What grows with each turn stands last: two requests of a session are the same up to where the second
goes on. ``blocks`` is what the backend gave with its ``end``; only a process gets it back.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.models.body import Body, encode_sorted, json_string, sift
from agentgate_proto.models.request import (
    Encoded,
    ModelRequest,
    ToolSpec,
    ToolTurn,
    Turn,
    UserTurn,
)
from agentgate_proto.records.session_views import SectionName


class PlainCall(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call of an earlier turn: see ``ToolUse``."""

    id: str
    name: str
    args: msgspec.Raw


class PlainReturn(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one: see ``ToolReturn``."""

    id: str
    text: str
    is_error: bool = False


class PlainUser(msgspec.Struct, frozen=True, kw_only=True, tag_field="role", tag="user"):
    """Somebody said something."""

    text: str


class PlainAssistant(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="role", tag="assistant"
):
    """The model said something, and wanted tools."""

    text: str
    calls: tuple[PlainCall, ...] = ()
    blocks: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class PlainTool(msgspec.Struct, frozen=True, kw_only=True, tag_field="role", tag="tool"):
    """What became of the tools that it wanted, in their order."""

    returns: tuple[PlainReturn, ...]


PlainTurn = PlainUser | PlainAssistant | PlainTool


class PlainRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is read again: see ``ModelRequest``."""

    model: str
    max_tokens: int
    params: dict[str, Any] = {}
    system_prompt: str = ""
    memory: str = ""
    skills: str = ""
    tools: tuple[ToolSpec, ...] = ()
    turns: tuple[PlainTurn, ...] = ()


encode = msgspec.json.encode

decode_plain = msgspec.json.Decoder(PlainRequest).decode
"""Read a request in the plain form again. Raises ``msgspec.DecodeError``."""


def encode_plain(request: ModelRequest, *, backend: str, takes_params: bool) -> Encoded:
    """Make the plain form of a request.

    Args:
        request: the request.
        backend: whose own ``blocks`` go along.
        takes_params: whether it is sent parameters; else they are dropped.
    """
    body = Body()
    body.envelope(b'{"model":%b,"max_tokens":%d' % (encode(request.model_id), request.max_tokens))
    params, dropped = sift(request.params, frozenset(request.params if takes_params else ()))
    if params:
        body.envelope(b',"params":' + encode_sorted(params))
    for section, text in (
        (SectionName.SYSTEM_PROMPT, request.system_prompt),
        (SectionName.MEMORY, request.memory),
        (SectionName.SKILLS, request.skills),
    ):
        if text:
            body.envelope(b',"%b":"' % section.encode())
            body.section(section, json_string(text))
            body.envelope(b'"')
    if request.tools:
        tools = sorted(request.tools, key=lambda tool: tool.name)
        body.envelope(b',"tools":[')
        body.section(SectionName.TOOLS, b",".join(map(encode_sorted, tools)))
        body.envelope(b"]")
    turns = b",".join(encode(plain_turn(turn, backend)) for turn in request.turns)
    body.envelope(b',"turns":[')
    body.section(SectionName.HISTORY, turns)
    body.envelope(b"]}")
    return body.encoded(dropped)


def plain_turn(turn: Turn, backend: str) -> PlainTurn:
    """Return one turn of the history in the plain form."""
    if isinstance(turn, UserTurn):
        return PlainUser(text=turn.text)
    if isinstance(turn, ToolTurn):
        return PlainTool(
            returns=tuple(
                PlainReturn(id=each.id, text=each.text, is_error=each.is_error)
                for each in turn.returns
            )
        )
    own = turn.blocks if turn.backend == backend else b""
    return PlainAssistant(
        text=turn.text,
        calls=tuple(
            PlainCall(id=call.id, name=call.name, args=on_one_line(call.args))
            for call in turn.calls
        ),
        blocks=msgspec.Raw(own) if own else msgspec.UNSET,
    )


def on_one_line(data: msgspec.Raw) -> msgspec.Raw:
    """Return JSON without blanks between its parts: models write line breaks there."""
    return msgspec.Raw(msgspec.json.format(bytes(data), indent=-1))
