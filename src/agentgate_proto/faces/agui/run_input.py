"""What a client of AG-UI sends: a ``RunAgentInput``, to what a session is told.

``state`` means nothing here; ``context`` is told to the model with the system's messages;
``forwardedProps`` may have a ``model``. What the client shows besides the conversation (activities,
reasoning) is left out.

Source: AG-UI 1.0, ``spec/1.0/schema.json``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from agentgate_proto.faces.answering import fits_key, message_name
from agentgate_proto.faces.client_messages import (
    MESSAGES_MAX,
    TOOLS_MAX,
    CalledTool,
    ContentPart,
    Misfit,
    Spoken,
    answer_of,
    check_size,
    checked_tools,
    results_of,
    spoken,
    text_of,
    tool_of,
)
from agentgate_proto.faces.conversing import shown
from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.models.request import AssistantTurn, ToolSpec, Turn, UserTurn
from agentgate_proto.rpc.decoding import check_nesting
from agentgate_proto.rpc.messages import DecideApproval

RESUMED_MAX = 64
"""Interrupts that one request answers: a model calls no more tools at once."""

CONTEXT_MAX = 64
"""Pieces of ambient information: each is told to the model with every request."""

EDITED = ("editedArgs", "edited_args", "args", "arguments")
"""What clients call other arguments that a person would have; none can be given here."""

Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]


class Message(msgspec.Struct, rename="camel"):
    """A message of the conversation."""

    role: str
    id: Name = ""
    content: str | list[ContentPart] | dict[str, Any] | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str = ""
    error: str | None = None


class Tool(msgspec.Struct):
    """A tool of the client's."""

    name: str
    description: str = ""
    parameters: Any = None


class Context(msgspec.Struct):
    """A piece of ambient information."""

    description: str
    value: str


class Resume(msgspec.Struct, rename="camel"):
    """An answer to an interrupt."""

    interrupt_id: Name
    status: Literal["resolved", "cancelled"]
    payload: Any = None


class Body(msgspec.Struct, rename="camel"):
    """The body of a request."""

    thread_id: Name
    run_id: Name
    messages: Annotated[list[Message], msgspec.Meta(max_length=MESSAGES_MAX)] = []
    tools: Annotated[list[Tool], msgspec.Meta(max_length=TOOLS_MAX)] | None = None
    context: Annotated[list[Context], msgspec.Meta(max_length=CONTEXT_MAX)] | None = None
    forwarded_props: Any = None
    resume: Annotated[list[Resume], msgspec.Meta(max_length=RESUMED_MAX)] | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants.

    Attributes:
        thread, run: what it calls its conversation, and this run.
        said: what it says; None: nothing new, it wants to see the run that is under way.
        message_id: the same whenever the same message comes again for the same run.
        tools: the client's own.
        model: name of a model; "": the default one, or the session's.
        decisions: a person's answers to interrupts; then nothing is said.
    """

    thread: str
    run: str
    said: Spoken | None
    message_id: str = ""
    tools: tuple[ToolSpec, ...] = ()
    model: str = ""
    decisions: tuple[DecideApproval, ...] = ()


decode = msgspec.json.Decoder(Body).decode


def read_input(body: bytes) -> Wanted:
    """Read a request.

    Raises:
        Misfit: it can't be answered as it is.
    """
    check_size(body)
    try:
        found = decode(body)
        check_nesting(found.forwarded_props)
    except msgspec.ValidationError as error:
        raise Misfit(f"this is no RunAgentInput: {shown(error)}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Misfit(f"the body is no JSON: {shown(error)}") from None
    if not found.thread_id or not fits_key(found.thread_id):
        raise Misfit("threadId has 1 to 200 characters")
    if found.resume:
        decisions = tuple(decision_of(entry) for entry in found.resume)
        return Wanted(thread=found.thread_id, run=found.run_id, said=None, decisions=decisions)
    told = [turn for message in found.messages for turn in turns_of(message)]
    if not told or isinstance(told[-1], AssistantTurn):
        return Wanted(thread=found.thread_id, run=found.run_id, said=None)
    said = spoken([*(f"{each.description}: {each.value}" for each in found.context or ()), *told])
    props = found.forwarded_props
    model = props.get("model", "") if isinstance(props, dict) else ""
    name = found.messages[-1].id or [said.past, said.text]
    return Wanted(
        thread=found.thread_id,
        run=found.run_id,
        said=said,
        message_id=message_name(name, found.run_id),
        tools=checked_tools(tool_from(tool) for tool in found.tools or ()),
        model=model if isinstance(model, str) and len(model) <= NAME_CHARS_MAX else "",
    )


def turns_of(message: Message) -> list[Turn | str]:
    """Return a message as turns; a text is the system's.

    Raises:
        Misfit: a part of it is no text.
    """
    content = None if isinstance(message.content, dict) else message.content
    match message.role:
        case "system" | "developer":
            return [text_of(content)]
        case "user":
            return [UserTurn(text_of(content))]
        case "assistant":
            return [answer_of(text_of(content), message.tool_calls)]
        case "tool":
            text = text_of(content)
            words = "\n".join(filter(None, (message.error, text)))
            return [results_of(message.tool_call_id, words, is_error=bool(message.error))]
        case _:
            return []


def tool_from(tool: Tool) -> ToolSpec:
    """Return a tool of the client's.

    Raises:
        Misfit: no model takes it.
    """
    schema = tool.parameters if isinstance(tool.parameters, dict) else None
    return tool_of(tool.name, tool.description, schema)


def decision_of(entry: Resume) -> DecideApproval:
    """Return what a person has decided. An interrupt that they have left alone is denied: its run
    is to end, and nothing is to be done that nobody has allowed.

    Raises:
        Misfit: it is no yes and no no, or wants something else done.
    """
    if entry.status == "cancelled":
        return DecideApproval(id=entry.interrupt_id, decision="deny")
    payload = entry.payload
    if not isinstance(payload, dict) or not isinstance(payload.get("approved"), bool):
        raise Misfit('the payload of resume is {"approved": true} or {"approved": false}')
    if any(payload.get(name) is not None for name in EDITED):
        raise Misfit("arguments can't be edited here: deny, and say what to do instead")
    code = payload.get("code", "")
    decided: dict[str, Any] = {
        "id": entry.interrupt_id,
        "decision": "approve" if payload["approved"] else "deny",
        "code": code if payload["approved"] else "",
    }
    try:
        return msgspec.convert(decided, DecideApproval)
    except msgspec.ValidationError as error:
        raise Misfit(f"the payload of resume does not fit: {shown(error)}") from None
