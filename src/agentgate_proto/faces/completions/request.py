"""Requests for chat completions, to what a session is told.

Of the parameters, those of ``PASSED`` go to the model, if its vendor takes them; what would change
the form of the answer, and can't be given, is ``REFUSED``; all others are ignored: clients send
much that only some servers know.

Source: OpenAI's API reference, ``POST /v1/chat/completions``; openai 3.57.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agentgate_proto.faces.answering import fits_key, message_name, readable_key
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
from agentgate_proto.faces.completions.side_requests import TASK_HEADERS, is_side_request
from agentgate_proto.faces.conversing import shown
from agentgate_proto.limits import NAME_CHARS_MAX
from agentgate_proto.models.openai import PARAMS
from agentgate_proto.models.request import ToolSpec, Turn, UserTurn
from agentgate_proto.rpc.decoding import check_nesting
from agentgate_proto.wire.headers import Headers

SESSION_HEADERS = ("x-session-id", "x-openwebui-chat-id")
"""What a client calls its conversation; the first that says something counts."""

IDEMPOTENCY = "idempotency-key"
RETRIES = "x-stainless-retry-count"
"""OpenAI's SDKs say here which attempt of one request this is."""

PASSED = tuple(sorted(PARAMS))
"""What a server of this very format is told, too."""

REFUSED = {
    "audio": "this gateway answers in text",
    "function_call": "use tool_choice",
    "functions": "use tools",
    "logprobs": "they are not given",
    "top_logprobs": "they are not given",
    "web_search_options": "tools go through the gateway",
}

NOTHING: tuple[Any, ...] = (None, False, [], {})

Tokens = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Message(msgspec.Struct):
    """A message of the conversation."""

    role: str
    content: str | list[ContentPart] | None = None
    refusal: str | None = None
    tool_calls: list[CalledTool] | None = None
    tool_call_id: str | None = None


class Function(msgspec.Struct):
    """A function of the client's."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(msgspec.Struct):
    """A tool of the client's."""

    type: str = "function"
    function: Function | None = None


class StreamOptions(msgspec.Struct):
    """What a stream is to have besides."""

    include_usage: bool = False


class Body(msgspec.Struct):
    """The body of a request."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=MESSAGES_MAX)]
    model: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] = ""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    n: int | None = None
    tools: Annotated[list[Tool], msgspec.Meta(max_length=TOOLS_MAX)] | None = None
    modalities: list[str] | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a client wants.

    Attributes:
        said: what it says.
        model: name of a model; "": the default one, or the session's.
        key: what it calls its conversation; "": it does not say.
        is_side: it is no part of the conversation.
        message_id: the same whenever the same request comes again.
        is_retry: the client says that it has sent this before.
        is_stream, has_usage: the form of the answer.
        tools: the client's own.
        params, max_tokens: for the model.
    """

    said: Spoken
    model: str
    key: str
    is_side: bool
    message_id: str
    is_retry: bool
    is_stream: bool
    has_usage: bool
    tools: tuple[ToolSpec, ...]
    params: dict[str, Any]
    max_tokens: int


decode = msgspec.json.Decoder(Body).decode
decode_members = msgspec.json.Decoder(dict[str, Any]).decode


def read_request(body: bytes, headers: Headers) -> Wanted:
    """Read a request.

    Raises:
        Misfit: it can't be answered as it is.
    """
    check_size(body)
    try:
        found, members = decode(body), decode_members(body)
    except msgspec.ValidationError as error:
        raise Misfit(f"this request does not fit: {shown(error)}", param_of(str(error))) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Misfit(f"the body is no JSON: {shown(error)}", "") from None
    check_members(found, members)
    said = spoken(turn_of(message) for message in found.messages)
    task = next(filter(None, (headers.get(name) for name in TASK_HEADERS)), "")
    is_side = is_side_request(task, said.past, said.text, said.system)
    keys = (readable_key(headers.get(name)) for name in SESSION_HEADERS)
    key = "" if is_side else next(filter(None, keys), "")
    if not fits_key(key):
        raise Misfit("the id of a session has at most 200 characters", "X-Session-Id")
    again = headers.get(IDEMPOTENCY).strip()
    digest = message_name(said.past, said.text, again)
    is_off = members.get("tool_choice") == "none"
    return Wanted(
        said=said,
        model=found.model,
        key=key,
        is_side=is_side,
        message_id=digest,
        is_retry=bool(again) or headers.get(RETRIES, "0").strip() not in ("", "0"),
        is_stream=bool(found.stream),
        has_usage=found.stream_options is not None and found.stream_options.include_usage,
        tools=() if is_off else checked_tools(tools_of(found)),
        params=params_of(members),
        max_tokens=found.max_completion_tokens or found.max_tokens or 0,
    )


def check_members(body: Body, members: dict[str, Any]) -> None:
    """Refuse what would be answered otherwise than it was meant.

    Raises:
        Misfit: there is such a thing.
    """
    if body.n not in (None, 1):
        raise Misfit("one answer is given at a time: leave n out", "n")
    if any(each != "text" for each in body.modalities or ()):
        raise Misfit("this gateway answers in text", "modalities")
    for name, why in REFUSED.items():
        if members.get(name) not in NOTHING:
            raise Misfit(f"{name} is not taken: {why}", name)


def params_of(members: dict[str, Any]) -> dict[str, Any]:
    """Return what the model is told besides. A ``tool_choice`` that forces nothing is left out.

    Raises:
        Misfit: they are nested too deeply.
    """
    params = {name: members[name] for name in PASSED if members.get(name) is not None}
    try:
        check_nesting(params)
    except msgspec.ValidationError as error:
        raise Misfit(str(error), "") from None
    if params.get("tool_choice") in ("auto", "none"):
        del params["tool_choice"]
    return params


def turn_of(message: Message) -> Turn | str:
    """Return a message as a turn; a text: it is the system's.

    Raises:
        Misfit: nobody has that role, or a part of it is missing.
    """
    text = text_of(message.content)
    match message.role:
        case "system" | "developer":
            return text
        case "user":
            return UserTurn(text)
        case "assistant":
            return answer_of(text or message.refusal or "", message.tool_calls)
        case "tool" if message.tool_call_id:
            return results_of(message.tool_call_id, text)
        case "tool":
            raise Misfit("a message of the role tool says which call it answers: tool_call_id")
        case role:
            raise Misfit(f"there is no role {role[:40]!r}")


def tools_of(body: Body) -> list[ToolSpec]:
    """Return the client's tools.

    Raises:
        Misfit: there is one of another kind.
    """
    found = []
    for tool in body.tools or ():
        if tool.type != "function" or tool.function is None:
            raise Misfit(f"tools are functions, not {tool.type[:40]!r}", "tools")
        function = tool.function
        found.append(tool_of(function.name, function.description or "", function.parameters))
    return found


def param_of(words: str) -> str:
    """Return which part of a request an error of msgspec is about."""
    path = words.rpartition("`$")[2].rstrip("`") if "`$" in words else ""
    return path.lstrip(".").partition("[")[0].partition(".")[0]
