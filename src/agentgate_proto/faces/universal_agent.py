"""The universal_agent face, the plain HTTP part: seed 003's requests, to native calls and back.

``POST /sessions``, ``GET /sessions?user_id=``, ``GET /sessions/{id}``, ``DELETE /sessions/{id}``.
What a run says comes over a WebSocket: see ``universal_agent_stream``. Errors have a ``detail``: a
text; of a request that does not fit, a list of objects with ``loc``, ``msg`` and ``type``. (That is
FastAPI's, which seed 003's server is made of.)

A list has at most ``limit`` sessions (100), the newest of them, in the order in which they were
made; ``"more": true`` says that there are older ones: ``?before=`` the first of the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.faces.http_api import Reply
from agentgate_proto.faces.queries import query_fields, unescaped
from agentgate_proto.limits import NAME_CHARS_MAX, PATH_CHARS_MAX
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.rpc.decoding import check_nesting
from agentgate_proto.rpc.session_methods import (
    CreateSession,
    DeleteSession,
    GetSession,
    ListSessions,
    SessionDeleted,
    SessionList,
)
from agentgate_proto.wire.routes import Route

FACE = "universal_agent"
EXECUTE = "/sessions/{id}/execute"

ROUTES = (
    *(
        Route(face=FACE, path=path, methods=frozenset({method}), cors=True)
        for method, path in (
            ("POST", "/sessions"),
            ("GET", "/sessions"),
            ("GET", "/sessions/{id}"),
            ("DELETE", "/sessions/{id}"),
        )
    ),
    Route(face=FACE, path=EXECUTE, websocket=True),
)

NOT_FOUND = "Session not found"

STATUSES: dict[int, int] = {
    ErrorCode.INVALID_PARAMS: 422,
    ErrorCode.AUTHENTICATION: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.SESSION_NOT_FOUND: 404,
    ErrorCode.RUN_IN_PROGRESS: 409,
    ErrorCode.MODEL_FAILED: 503,
    ErrorCode.LIMIT_EXCEEDED: 429,
    ErrorCode.INTERNAL_ERROR: 503,
}
"""The HTTP status for each error that a call of this face can end with."""

Text = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
FolderName = Annotated[str, msgspec.Meta(max_length=PATH_CHARS_MAX)]


class NewSession(msgspec.Struct, frozen=True):
    """The body of ``POST /sessions``; ``metadata`` and ``model`` are not seed 003's."""

    user_id: Text | None = None
    workspace_dir: FolderName | None = None
    metadata: dict[str, Any] | None = None
    model: Text | None = None


class Row(msgspec.Struct, frozen=True):
    """A session in a list."""

    session_id: str
    user_id: str
    workspace_dir: str
    created_at: str


class Session(msgspec.Struct, frozen=True):
    """A session."""

    session_id: str
    user_id: str
    workspace_dir: str
    created_at: str
    metadata: msgspec.Raw


class Sessions(msgspec.Struct, frozen=True, omit_defaults=True):
    """A list of sessions."""

    sessions: list[Row]
    more: bool = False


read_body = msgspec.json.Decoder(NewSession).decode


def read_request(request: HttpRequested) -> msgspec.Struct | Reply:
    """Translate a request to a native call, or answer what can't be one."""
    path, _, query = request.target.partition("?")
    if request.method == "POST":
        return read_creation(request.body)
    if path == "/sessions":
        return read_question(query)
    wanted = read_session(request.values)
    if wanted is None:
        return problem(404, NOT_FOUND)
    return DeleteSession(session=wanted.session) if request.method == "DELETE" else wanted


def read_session(values: Mapping[str, str]) -> GetSession | None:
    """Translate a path that names a session; None: no session has such an id."""
    try:
        return msgspec.convert({"session": unescaped(values["id"])}, GetSession)
    except msgspec.ValidationError:
        return None


def read_creation(body: bytes) -> CreateSession | Reply:
    """Translate ``POST /sessions``."""
    try:
        new = read_body(body)
        check_nesting(new.metadata)
    except msgspec.ValidationError as error:
        return misfit("body", str(error), "value_error")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return misfit("body", str(error), "json_invalid")
    return CreateSession(
        model=new.model or "",
        workspace=new.workspace_dir or "",
        user_id=new.user_id or "",
        metadata=new.metadata or {},
    )


def read_question(query: str) -> ListSessions | Reply:
    """Translate ``GET /sessions``."""
    try:
        return msgspec.convert(query_fields(query), ListSessions, strict=False)
    except ValueError as error:
        return misfit("query", str(error), "value_error")


def result_reply(result: Any) -> Reply:
    """The response for a native result."""
    match result:
        case SessionView():
            body: msgspec.Struct = Session(*facts_of(result), metadata=result.metadata)
        case SessionList():
            rows = [Row(*facts_of(view)) for view in reversed(result.sessions)]
            body = Sessions(rows, result.more)
        case _:
            assert isinstance(result, SessionDeleted), "the face makes no other calls"
            body = result
    return Reply(200, msgspec.json.encode(body))


def facts_of(view: SessionView) -> tuple[str, str, str, str]:
    """What a row has of a session. Seed 003's times have no fractions."""
    created_at = view.created_at.partition(".")[0].removesuffix("Z") + "Z"
    return view.id, view.user_id, view.workspace, created_at


def error_reply(asked: msgspec.Struct, code: ErrorCode, message: str, data: Any) -> Reply:
    """The response for a native error of this call."""
    headers = {}
    if isinstance(data, dict) and "retry_after_s" in data:
        headers["retry-after"] = str(int(data["retry_after_s"]) + 1)
    if code == ErrorCode.SESSION_NOT_FOUND:
        message = NOT_FOUND
    if code == ErrorCode.INVALID_PARAMS:
        if isinstance(asked, CreateSession) and asked.workspace:
            return problem(403, message)  # it is not within the roots
        return misfit("body", message, "value_error")
    return problem(STATUSES.get(code, 500), message or ERRORS[code].message, headers)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Reply:
    """An error, as seed 003 has it."""
    return Reply(status, msgspec.json.encode({"detail": detail}), headers or {})


def misfit(where: str, message: str, kind: str) -> Reply:
    """422: something of the request does not fit."""
    detail = [{"loc": [where], "msg": message, "type": kind}]
    return Reply(422, msgspec.json.encode({"detail": detail}))
