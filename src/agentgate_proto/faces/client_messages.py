"""Messages of clients that keep the conversation, as turns of ours: what chat completions and AG-UI
have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from agentgate_proto.limits import MESSAGE_CHARS_MAX
from agentgate_proto.models.request import (
    AssistantTurn,
    ToolReturn,
    ToolSpec,
    ToolTurn,
    ToolUse,
    Turn,
    UserTurn,
)
from agentgate_proto.rpc.decoding import check_nesting
from agentgate_proto.sessions.material import fits

BODY_BYTES_MAX = 2_097_152
"""Of a request, which brings the whole conversation: about half a million tokens."""

REFUSED_BYTES_MAX = 4_194_304
"""Of one that is read to be refused in words that its client knows. Conversations grow by small
steps, so they come to these words first; whoever sends still more is cut off while it sends."""

MESSAGES_MAX = 10_000
"""Messages of one request: each is looked at."""

TOOLS_MAX = 128
"""Tools that a client brings: a model takes no more."""

NO_OBJECT = msgspec.Raw(b"{}")
"""Arguments of a call that are no object, as a model is told them."""

Text = Annotated[str, msgspec.Meta(max_length=MESSAGE_CHARS_MAX)]


class Misfit(Exception):
    """A request can't be answered as it is.

    Args:
        text: what is wrong, and what to do.
        param: which part of the request it is about.
        is_large: there is too much of it.
    """

    def __init__(self, text: str, param: str = "messages", *, is_large: bool = False) -> None:
        super().__init__(text)
        self.param = param
        self.is_large = is_large


def check_size(body: bytes) -> None:
    """Refuse a body that is too large.

    Raises:
        Misfit: it is.
    """
    if len(body) > BODY_BYTES_MAX:
        text = f"a request has at most {BODY_BYTES_MAX} bytes: begin a new conversation"
        raise Misfit(text, is_large=True)


class CalledFunction(msgspec.Struct):
    """What an assistant's message wanted to call."""

    name: str = ""
    arguments: str = ""


class CalledTool(msgspec.Struct):
    """A call in an assistant's message."""

    id: str
    function: CalledFunction
    type: str = "function"


class ContentPart(msgspec.Struct):
    """A part of what a message says."""

    type: str = "text"
    text: str = ""
    refusal: str = ""


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says.

    Attributes:
        system: of the system's messages, all together.
        past: what was said before, oldest first.
        text: what is said now; "": results are brought, which ``past`` ends with.
    """

    system: str
    past: tuple[Turn, ...]
    text: str


def spoken(messages: Iterable[Turn | str]) -> Spoken:
    """Put turns, and texts of the system, in their places.

    Raises:
        Misfit: they don't end with what can be answered.
    """
    system: list[str] = []
    turns: list[Turn] = []
    for each in messages:
        if isinstance(each, str):
            system.append(each)
        elif isinstance(each, ToolTurn) and turns and isinstance(turns[-1], ToolTurn):
            turns[-1] = ToolTurn((*turns[-1].returns, *each.returns))
        elif not turns and isinstance(each, AssistantTurn):
            system.append(f"You have begun the conversation with these words: {each.text}")
        else:
            turns.append(each)
    told = "\n\n".join(filter(str.strip, system))
    if not turns and told:
        return Spoken(system="", past=(), text=checked_text(told))
    last = turns.pop() if turns else None
    match last:
        case UserTurn(text=text) if text.strip():
            return Spoken(system=told, past=tuple(turns), text=checked_text(text))
        case ToolTurn():
            return Spoken(system=told, past=(*turns, last), text="")
        case UserTurn():
            raise Misfit("the last message says nothing")
        case _:
            raise Misfit("the last message must be of the role user or tool")


def checked_text(text: str) -> str:
    """Return a text that a session takes.

    Raises:
        Misfit: it is too long.
    """
    if len(text) > MESSAGE_CHARS_MAX:
        raise Misfit(f"a message has at most {MESSAGE_CHARS_MAX} characters", is_large=True)
    return text


def text_of(content: str | list[ContentPart] | None) -> str:
    """Return what a message says.

    Raises:
        Misfit: a part of it is no text.
    """
    if not isinstance(content, list):
        return content or ""
    texts = []
    for part in content:
        if part.type not in ("text", "input_text", "refusal"):
            raise Misfit(f"parts of the type {part.type[:40]!r} are not taken: send text alone")
        texts.append(part.text or part.refusal)
    return "\n\n".join(texts)


def answer_of(text: str, calls: Iterable[CalledTool] | None) -> AssistantTurn:
    """Return what a model has said, according to its client."""
    uses = tuple(
        ToolUse(id=call.id, name=call.function.name, args=arguments_of(call.function.arguments))
        for call in calls or ()
    )
    return AssistantTurn(text=text, calls=uses)


def arguments_of(text: str) -> msgspec.Raw:
    """Return the arguments of a call; {} where they are no object."""
    try:
        value = msgspec.json.decode(text)
        check_nesting(value)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return NO_OBJECT
    return msgspec.Raw(msgspec.json.encode(value)) if isinstance(value, dict) else NO_OBJECT


def results_of(call: str, text: str, *, is_error: bool = False) -> ToolTurn:
    """Return the result of a client's tool."""
    return ToolTurn((ToolReturn(id=call, text=text, is_error=is_error),))


def tool_of(name: str, description: str, schema: dict[str, Any] | None) -> ToolSpec:
    """Return a tool of a client's.

    Raises:
        Misfit: no model takes it.
    """
    if not fits(name):
        raise Misfit(
            f"the name of a tool has 1 to 64 letters, digits, _ and -: {name[:80]!r}", "tools"
        )
    try:
        check_nesting(schema)
    except msgspec.ValidationError as error:
        raise Misfit(f"the parameters of {name}: {error}", "tools") from None
    return ToolSpec(name=name, description=description, schema=schema or {})


def checked_tools(tools: Iterable[ToolSpec]) -> tuple[ToolSpec, ...]:
    """Return the tools of a request.

    Raises:
        Misfit: there are too many, or two of one name.
    """
    found = tuple(tools)
    if len(found) > TOOLS_MAX:
        raise Misfit(f"a request has at most {TOOLS_MAX} tools", "tools")
    if len({tool.name for tool in found}) < len(found):
        raise Misfit("two tools have the same name", "tools")
    return found
