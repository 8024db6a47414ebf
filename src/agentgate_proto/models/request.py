"""A model request in no vendor's form: what the context of a session comes to.

A vendor's module (``anthropic``, ``openai``, ``process``) makes the bytes of it that are sent, and
says which of them each section is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from agentgate_proto.records.session_views import SectionName


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the model may want.

    Attributes:
        name: as the model is told it; every vendor takes ``[a-zA-Z0-9_-]{1,64}``.
        description: what it does.
        schema: JSON Schema of its arguments, an object.
    """

    name: str
    description: str
    schema: dict[str, Any]


class ToolUse(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call that the model made.

    Attributes:
        id: unique within the session.
        name: as the model was told it.
        args: an object, as JSON.
    """

    id: str
    name: str
    args: msgspec.Raw


class ToolReturn(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a tool call.

    Attributes:
        id: of the call.
        text: for the model to read.
        is_error: there is no result.
    """

    id: str
    text: str
    is_error: bool = False


class UserTurn(msgspec.Struct, frozen=True, tag="user"):
    """A person, or a program, says something."""

    text: str


class AssistantTurn(msgspec.Struct, frozen=True, kw_only=True, tag="assistant"):
    """The model said something.

    Attributes:
        text: what, without thinking.
        calls: the tools that it wanted.
        backend: in whose form ``blocks`` are: a name of a vendor's module, or "".
        blocks: the content in the vendor's own form, byte for byte (JSON), or b"". Used where the
            request goes to the same backend; elsewhere ``text`` and ``calls`` say it.
    """

    text: str
    calls: tuple[ToolUse, ...] = ()
    backend: str = ""
    blocks: bytes = b""


class ToolTurn(msgspec.Struct, frozen=True, tag="tool"):
    """What became of all tools that the turn before wanted, in its order."""

    returns: tuple[ToolReturn, ...]


Turn = UserTurn | AssistantTurn | ToolTurn


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is asked.

    Attributes:
        model_id: what its vendor calls it.
        system_prompt, memory, skills: texts of these sections; "" leaves one out.
        turns: the history; the last one is a user's or a tool's.
        tools: sorted by name.
        max_tokens: that it may write.
        params: further parameters (``temperature`` …). What the backend does not take is dropped,
            and it says so.
    """

    model_id: str
    system_prompt: str = ""
    memory: str = ""
    skills: str = ""
    turns: tuple[Turn, ...] = ()
    tools: tuple[ToolSpec, ...] = ()
    max_tokens: int = 4_096
    params: dict[str, Any] = {}


class Span(msgspec.Struct, frozen=True):
    """Bytes ``start`` to before ``end`` of a body belong to a section."""

    section: SectionName
    start: int
    end: int


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A request in a vendor's form.

    Attributes:
        body: exactly the bytes that are sent. Equal requests have equal bytes.
        spans: which of them is what, in their order; what is in none is the envelope.
        dropped: names of parameters that the backend does not take.
    """

    body: bytes
    spans: tuple[Span, ...]
    dropped: tuple[str, ...] = ()
