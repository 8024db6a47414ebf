"""What each method of MCP is, by era: a ready answer, or a wish for whoever carries the messages.

The same for HTTP and for stdio. A message has been read before (``http.read``, ``lines``), and its
revision is known: on stdio, ``version_of`` says it. Nothing is kept here.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec
from msgspec import UNSET

from agentgate_proto.faces.mcp import replies
from agentgate_proto.faces.mcp.eras import (
    MODERN,
    SERVER_KEY,
    TASKS,
    VERSIONS,
    Era,
    era_of,
    negotiated,
)
from agentgate_proto.faces.mcp.levels import RISING
from agentgate_proto.faces.mcp.lists import CACHE_MS
from agentgate_proto.faces.mcp.messages import (
    AnyParams,
    CallParams,
    CancelledParams,
    ClientCapabilities,
    CompleteParams,
    InitializeParams,
    LevelParams,
    ListenParams,
    ListParams,
    PromptParams,
    ReadParams,
    TaskParams,
)
from agentgate_proto.faces.mcp.names import GATE_RESULT
from agentgate_proto.faces.mcp.replies import Code
from agentgate_proto.faces.mcp.wishes import (
    Answered,
    Begin,
    Call,
    Cancel,
    CancelTask,
    Complete,
    GetPrompt,
    GetTask,
    ListenFor,
    ListPrompts,
    ListResources,
    ListTemplates,
    ListTools,
    Nothing,
    ReadResource,
    Ready,
    RootsChanged,
    SetLevel,
    Subscribe,
    UpdateTask,
    Wish,
)
from agentgate_proto.rpc.jsonrpc import (
    UNREADABLE,
    Failure,
    Notification,
    Request,
    Success,
)

INSTRUCTIONS: Final = (
    "These tools go through agentgate: a policy, and often a person, decides about each call. A "
    "call that needs a person's approval can take minutes. If the answer says that it is pending, "
    "nothing has run yet: call {gate_result} with the request_id that it names to wait for the "
    "outcome, or the same tool with the same arguments, which joins the same request and never "
    "runs it twice. Do not look for another way to do what is pending or denied."
)


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What there is behind the face.

    Attributes:
        version: of the gateway.
        name: as clients show it.
        resources, prompts, completions, logging: whether a server behind it offers these.
        tasks: whether calls may become tasks (modern).
        instructions: for the client's model.
    """

    version: str
    name: str = "agent-gate"
    resources: bool = False
    prompts: bool = False
    completions: bool = False
    logging: bool = False
    tasks: bool = True
    instructions: str = INSTRUCTIONS.format(gate_result=GATE_RESULT)


Params = TypeVar("Params", bound=msgspec.Struct)


def dispatch(message: Request | Notification | Success | Failure, version: str, gate: Gate) -> Wish:
    """Say what a message is.

    Args:
        message: of a client.
        version: the revision that it is of.
        gate: what there is.
    """
    match message:
        case Request():
            return of_request(message, version, gate)
        case Notification():
            return of_notification(message)
        case Success():
            return Answered(message.id, message.result)
        case _:
            return Answered(message.id, None, message.error)


def version_of(message: Request | Notification | Success | Failure, agreed: str) -> str:
    """Return the revision of a message that has no headers around it (stdio).

    Args:
        message: of a client.
        agreed: what ``initialize`` was answered with on this pipe; "": there was none.

    Returns:
        What the message says itself, spoken here or not; else the agreed one, or the newest legacy
        one before anything is agreed.
    """
    if isinstance(message, Request) and b"_meta" in bytes(message.params):
        try:
            meta = msgspec.json.decode(message.params, type=AnyParams).meta
        except UNREADABLE:
            return agreed or negotiated("")
        if meta.version is not UNSET:
            return meta.version
    if isinstance(message, Request) and message.method == "server/discover":
        return MODERN[0]
    return agreed or negotiated("")


def of_request(request: Request, version: str, gate: Gate) -> Wish:
    """What a request asks for."""
    era = era_of(version)
    if era is None:
        return Ready(replies.unsupported(request.id, version), 400)
    try:
        if era is Era.MODERN:
            meta = read(request, AnyParams).meta
            if meta.version is UNSET or meta.capabilities is UNSET:
                raise msgspec.ValidationError(
                    "_meta must have protocolVersion and clientCapabilities"
                )
            wish = of_modern(request, version, gate, meta.capabilities)
        else:
            wish = of_legacy(request, gate)
        if wish is None:
            wish = of_either(request, gate)
    except UNREADABLE as error:
        words = f"Invalid params: {error}"
        return Ready(
            replies.failure(request.id, Code.INVALID_PARAMS, words),
            replies.http_status(Code.INVALID_PARAMS, version),
        )
    if wish is None:
        return Ready(
            replies.unknown_method(request.id, request.method),
            replies.http_status(Code.METHOD_NOT_FOUND, version),
        )
    return wish


def of_modern(
    request: Request, version: str, gate: Gate, capabilities: ClientCapabilities
) -> Wish | None:
    """What is in the modern era alone."""
    match request.method:
        case "server/discover":
            return Ready(replies.success(request.id, discovered(gate, version)))
        case "subscriptions/listen":
            listen = read(request, ListenParams)
            if listen.notifications.task_ids and TASKS not in capabilities.extensions:
                return lacking_tasks(request)
            return ListenFor(request.id, listen.notifications, listen.meta)
        case "tasks/get" | "tasks/update" | "tasks/cancel" if gate.tasks:
            if TASKS not in capabilities.extensions:
                return lacking_tasks(request)
            task = read(request, TaskParams)
            if request.method == "tasks/get":
                return GetTask(request.id, task.task_id, task.meta)
            if request.method == "tasks/cancel":
                return CancelTask(request.id, task.task_id)
            return UpdateTask(request.id, task.task_id, task.input_responses)
    return None


def of_legacy(request: Request, gate: Gate) -> Wish | None:
    """What is in the legacy era alone."""
    match request.method:
        case "initialize":
            return begin(request, gate)
        case "ping":
            return Ready(replies.success(request.id, b"{}"))
        case "resources/subscribe" | "resources/unsubscribe" if gate.resources:
            uri = read(request, ReadParams).uri
            return Subscribe(request.id, uri, request.method == "resources/subscribe")
        case "logging/setLevel" if gate.logging:
            level = read(request, LevelParams).level
            if level not in RISING:
                raise msgspec.ValidationError(f"no such level: {level}")
            return SetLevel(request.id, level)
    return None


def of_either(request: Request, gate: Gate) -> Wish | None:
    """What is in both eras."""
    match request.method:
        case "tools/list":
            return ListTools(request.id, read(request, ListParams).cursor)
        case "tools/call":
            call = read(request, CallParams)
            return Call(
                id=request.id,
                name=call.name,
                arguments=an_object(call.arguments),
                meta=call.meta,
                input_responses=call.input_responses,
                request_state=call.request_state,
            )
        case "resources/list" if gate.resources:
            return ListResources(request.id, read(request, ListParams).cursor)
        case "resources/templates/list" if gate.resources:
            return ListTemplates(request.id, read(request, ListParams).cursor)
        case "resources/read" if gate.resources:
            wanted = read(request, ReadParams)
            return ReadResource(
                id=request.id,
                uri=wanted.uri,
                meta=wanted.meta,
                input_responses=wanted.input_responses,
                request_state=wanted.request_state,
            )
        case "prompts/list" if gate.prompts:
            return ListPrompts(request.id, read(request, ListParams).cursor)
        case "prompts/get" if gate.prompts:
            prompt = read(request, PromptParams)
            return GetPrompt(
                id=request.id,
                name=prompt.name,
                arguments=an_object(prompt.arguments),
                meta=prompt.meta,
                input_responses=prompt.input_responses,
                request_state=prompt.request_state,
            )
        case "completion/complete" if gate.completions:
            asked = read(request, CompleteParams)
            if bool(asked.ref.uri) is bool(asked.ref.name):
                raise msgspec.ValidationError("ref must name a prompt, or a template of resources")
            return Complete(
                id=request.id,
                uri=asked.ref.uri,
                prompt=asked.ref.name,
                argument=asked.argument,
                context=asked.context,
                meta=asked.meta,
            )
    return None


def of_notification(message: Notification) -> Wish:
    """What a notification says; one that can't be read says nothing."""
    if message.method == "notifications/roots/list_changed":
        return RootsChanged()
    if message.method != "notifications/cancelled":
        return Nothing()
    try:
        cancelled = msgspec.json.decode(message.params, type=CancelledParams)
    except UNREADABLE:
        return Nothing()
    return Cancel(cancelled.request_id, cancelled.reason)


def begin(request: Request, gate: Gate) -> Begin:
    """``initialize``: the newest revision that both speak."""
    params = read(request, InitializeParams)
    version = negotiated(params.protocol_version)
    result = {
        "protocolVersion": version,
        "capabilities": capabilities_of(gate, version),
        "serverInfo": server_info(gate),
        "instructions": gate.instructions,
    }
    body = replies.success(request.id, msgspec.json.encode(result))
    return Begin(body, version, params.capabilities)


def discovered(gate: Gate, version: str) -> bytes:
    """The result of ``server/discover``."""
    return msgspec.json.encode(
        {
            "resultType": "complete",
            "supportedVersions": list(VERSIONS),
            "capabilities": capabilities_of(gate, version),
            "instructions": gate.instructions,
            "ttlMs": CACHE_MS,
            "cacheScope": "private",
            "_meta": {SERVER_KEY: server_info(gate)},
        }
    )


def capabilities_of(gate: Gate, version: str) -> dict[str, Any]:
    """What a client of this revision can have."""
    found: dict[str, Any] = {"tools": {"listChanged": True}}
    if gate.resources:
        found["resources"] = {"subscribe": True, "listChanged": True}
    if gate.prompts:
        found["prompts"] = {"listChanged": True}
    if gate.completions:
        found["completions"] = {}
    if gate.logging:
        found["logging"] = {}
    if gate.tasks and version in MODERN:
        found["extensions"] = {TASKS: {}}
    return found


def server_info(gate: Gate) -> dict[str, str]:
    """Who answers."""
    return {"name": gate.name, "version": gate.version}


def lacking_tasks(request: Request) -> Ready:
    """The client has not said that it knows tasks."""
    needed: dict[str, Any] = {"extensions": {TASKS: {}}}
    words = "Missing required client capability: tasks"
    return Ready(replies.missing_capability(request.id, needed, words), 400)


def read(request: Request, kind: type[Params]) -> Params:
    """The parameters of a request. Raises: one of UNREADABLE."""
    return msgspec.json.decode(bytes(request.params) or b"{}", type=kind)


def an_object(arguments: msgspec.Raw) -> msgspec.Raw:
    """Arguments, which must be an object; null stands for none."""
    raw = bytes(arguments)
    if raw == b"null":
        return msgspec.Raw(b"{}")
    if raw[:1] != b"{":
        raise msgspec.ValidationError("arguments must be an object")
    return arguments
