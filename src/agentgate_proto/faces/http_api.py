"""The HTTP face: approvals over plain HTTP, for browsers, phones and scripts.

``GET /health``; ``GET /metrics``; with an approver's bearer token (RFC 6750): ``GET
/api/approvals``; ``POST /api/approvals/{id}`` with ``{"decision": "approve" | "deny"}``, where need
be with ``code``, ``grant``, ``word`` and ``edit``; ``GET /api/grants``; ``DELETE
/api/grants/{id}``. Each request becomes the native call of the same meaning, so that roles, rules
and answers are the same. ``POST /api/tickets`` with anybody's token gives a ticket, for a socket
that a browser opens. ``POST /api/answers`` takes a ticket of a notification's button, without a
token, where need be with ``word`` and ``code``.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from agentgate_proto.connection.events import HttpRequested
from agentgate_proto.errors import ERRORS, ErrorCode
from agentgate_proto.faces.bearer import CHALLENGE, bearer_token
from agentgate_proto.limits import ANSWER_BYTES_MAX
from agentgate_proto.principal import Principal
from agentgate_proto.records.approval import ApprovalView
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.rpc.messages import (
    METHODS,
    Code,
    DecideApproval,
    ListApprovals,
    ListGrants,
    RevokeGrant,
    Words,
)
from agentgate_proto.wire.headers import Headers
from agentgate_proto.wire.routes import Route

JSON = "application/json"
APPROVALS = "/api/approvals"
BEARER = "Authorization: Bearer …"
TICKET_HEADER = "x-answer-ticket"
SPEAK_WEBSOCKET = "this is an agentgate gateway: agents connect by WebSocket"


PAGE = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>agentgate</title></head><body>
<h1>An agentgate gateway: it runs</h1>
<p>There is nothing to see here: programs connect by WebSocket, at this address with
<code>ws://</code> or <code>wss://</code>.</p>
<p>Is it well? <a href="/health">/health</a> says so. To answer what agents ask for:
<code>agent-gate approvals watch</code>.</p>
</body></html>
"""
"""For people who open the gateway's address in a browser."""

PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}

FACE = "http_api"
ROUTES = tuple(
    Route(face=FACE, path=path, methods=frozenset({method}), cors=True)
    for method, path in (
        ("GET", "/health"),
        ("GET", "/metrics"),
        ("GET", APPROVALS),
        ("GET", "/api/approvals/{id}"),
        ("POST", "/api/approvals/{id}"),
        ("GET", "/api/grants"),
        ("DELETE", "/api/grants/{id}"),
        ("POST", "/api/tickets"),
        ("POST", "/api/answers"),
    )
)
"""Pages of ``gateway.allowed_origins`` may read the answers too; each shows its own token."""


class Health(msgspec.Struct, frozen=True):
    """Somebody asks how the gateway is."""


class ReadMetrics(msgspec.Struct, frozen=True):
    """Somebody asks for the metrics, with this token, or with none: ""."""

    token: str


class NativeCall(msgspec.Struct, frozen=True):
    """Make this call as the principal who has the token."""

    token: str
    params: msgspec.Struct


class MakeTicket(msgspec.Struct, frozen=True):
    """Make a ticket for the principal who has the token."""

    token: str


class TakeAnswer(msgspec.Struct, frozen=True):
    """Take the answer of whoever has this ticket.

    Attributes:
        ticket: says whose answer it is, to what, and whether it is yes or no.
        word: what the person says to the agent with it, or "".
        code: the person's one-time code, or "".
    """

    ticket: str
    word: str = ""
    code: str = ""


class Reply(msgspec.Struct, frozen=True):
    """An HTTP response."""

    status: int
    body: bytes
    headers: dict[str, str] = {}
    content_type: str = JSON


STATUSES: dict[int, int] = {
    ErrorCode.INVALID_PARAMS: 400,
    ErrorCode.AUTHENTICATION: 401,
    ErrorCode.DENIED_BY_POLICY: 403,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.CODE_NEEDED: 403,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.ALREADY_SETTLED: 409,
    ErrorCode.LIMIT_EXCEEDED: 429,
    ErrorCode.INTERNAL_ERROR: 503,
}
"""The HTTP status for each error that a call of this face can end with."""


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /api/approvals/{id}``."""

    decision: str
    code: str = ""
    grant: GrantTerms | None = None
    word: str = ""
    edit: EditTerms | None = None


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of ``POST /api/answers``; the ticket may be in a header instead."""

    ticket: str = ""
    word: Words = ""
    code: Code = ""


Asked = Health | ReadMetrics | NativeCall | MakeTicket | TakeAnswer | Reply
"""What a request asks for, or the answer to what can't be asked."""


def read_request(request: HttpRequested) -> Asked:
    """Translate a request, or answer what can't be one."""
    path, _, query = request.target.partition("?")
    match request.route.path if request.route is not None else "":
        case "/health":
            return Health()
        case "/metrics":
            return ReadMetrics(bearer_token(request.headers))
        case "/api/approvals":
            return read_list(request, query, ListApprovals)
        case "/api/grants":
            return read_list(request, query, ListGrants)
        case "/api/approvals/{id}" if request.method == "POST":
            return read_decision(request, request.values["id"])
        case "/api/approvals/{id}":
            return read_list(request, f"id={request.values['id']}", ListApprovals)
        case "/api/grants/{id}":
            return read_revocation(request, request.values["id"])
        case "/api/tickets":
            token = bearer_token(request.headers)
            return MakeTicket(token) if token else unauthorized("send your token: " + BEARER)
        case "/api/answers":
            return read_answer(request)
        case _ if path == "/":
            return greet(request.headers)
        case _:
            return problem(404, f"no such path; {SPEAK_WEBSOCKET}; try /health or {APPROVALS}")


def greet(headers: Headers) -> Reply:
    """Answer whoever opens the address: with a page for a browser, since people try that first."""
    upgrade = {"upgrade": "websocket"}
    if "text/html" not in headers.get("accept"):
        return problem(426, SPEAK_WEBSOCKET, upgrade)
    return Reply(426, PAGE, upgrade | PAGE_HEADERS, "text/html; charset=utf-8")


def read_list(
    request: HttpRequested, query: str, params: type[ListApprovals | ListGrants]
) -> NativeCall | Reply:
    """Translate the question for a page, or for one approval."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]  # ids need no escapes
    try:
        given = {name: value for name, _, value in pairs}
        return authorized(request, msgspec.convert(given, params))
    except ValueError as error:
        return problem(400, f"odd parameters: {error}")


def read_decision(request: HttpRequested, approval_id: str) -> NativeCall | Reply:
    """Translate a decision."""
    try:
        body = msgspec.json.decode(request.body, type=Decision)
        call = {**msgspec.structs.asdict(body), "id": approval_id}
        params = msgspec.convert(call, DecideApproval)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        hint = 'the body must be {"decision": "approve"} or {"decision": "deny"}'
        return problem(400, f"{hint}: {error}")
    return authorized(request, params)


def read_answer(request: HttpRequested) -> TakeAnswer | Reply:
    """Find the ticket of an answer: in the body, or in a header."""
    hint = f'send the ticket of a notification: {{"ticket": "…"}}, or the header {TICKET_HEADER}'
    try:
        body = msgspec.json.decode(request.body or b"{}", type=Answer)
    except (msgspec.DecodeError, RecursionError) as error:
        return problem(400, f"{hint}: {error}")
    ticket = body.ticket or request.headers.get(TICKET_HEADER)
    return TakeAnswer(ticket, body.word, body.code) if ticket else problem(400, hint)


def read_revocation(request: HttpRequested, grant_id: str) -> NativeCall | Reply:
    """Translate the end of a grant."""
    try:
        return authorized(request, msgspec.convert({"id": grant_id}, RevokeGrant))
    except msgspec.ValidationError as error:
        return problem(400, f"there is no such grant: {error}")


def authorized(request: HttpRequested, params: msgspec.Struct) -> NativeCall | Reply:
    """Demand the bearer token."""
    token = bearer_token(request.headers)
    if not token:
        return unauthorized("send an approver's token: " + BEARER)
    return NativeCall(token, params)


def may_call(principal: Principal, params: msgspec.Struct) -> bool:
    """Whether the method table grants this call to the principal's role."""
    return any(
        isinstance(params, method.params) and principal.role in method.roles
        for method in METHODS.values()
    )


def health_with(body: dict[str, Any], faces: Collection[str], sessions: int) -> dict[str, Any]:
    """Add to what ``/health`` says what clients of other faces look for: of seed 003
    ``sessions_active`` and, where that face is on, ``healthy`` for ``ok``; of seed 004 ``uptime``.

    Args:
        body: what the gateway says of itself.
        faces: names of those that are on.
        sessions: how many have a run under way.
    """
    is_well = body["status"] == "ok" and "universal_agent" in faces
    status = "healthy" if is_well else body["status"]
    more = {"uptime": body["uptime_s"], "sessions_active": sessions}
    return {**body, "status": status, **more}


def result_reply(result: Any) -> Reply:
    """The response for a native result; one that is too large is an error, as on a WebSocket."""
    body = msgspec.json.encode(result)
    if len(body) > ANSWER_BYTES_MAX:
        text = f"the answer has {len(body)} bytes, which is too much for one; ask for less"
        return error_reply(ErrorCode.INVALID_PARAMS, text, None)  # waiting does not help
    return Reply(200, body)


def error_reply(code: int, message: str, data: Any) -> Reply:
    """The response for a native error; what happened instead is in ``approval``."""
    if code == ErrorCode.AUTHENTICATION:
        return unauthorized(message)
    headers = {}
    body: dict[str, Any] = {"error": message or ERRORS[code].message, "code": code}
    if isinstance(data, dict) and "retry_after_s" in data:
        headers["retry-after"] = str(int(data["retry_after_s"]) + 1)
        body["retry_after_s"] = data["retry_after_s"]
    if code == ErrorCode.ALREADY_SETTLED:
        body["approval"] = data
    return Reply(STATUSES.get(code, 500), msgspec.json.encode(body), headers)


def answered(view: ApprovalView) -> Reply:
    """What became of an answer by ticket. Whoever has a ticket need not know more of an approval:
    its id, how it stands, and how many people have said yes of how many it takes."""
    yes = {"approved_by": len(view.approved_by), "approvers_needed": view.approvers_needed}
    return Reply(200, msgspec.json.encode({"id": view.id, "status": view.status, **yes}))


def too_many(pause_s: float) -> Reply:
    """429, and the end of the connection: whoever floods has to come again."""
    headers = {"retry-after": str(int(pause_s) + 1), "connection": "close"}
    words = "too many requests without a token from this address"
    return Reply(429, msgspec.json.encode({"error": words, "retry_after_s": pause_s}), headers)


def unauthorized(message: str) -> Reply:
    """401, as RFC 6750 section 3 has it."""
    return problem(401, message, dict([CHALLENGE]))


def problem(status: int, message: str, headers: dict[str, str] | None = None) -> Reply:
    """An error of this face's own."""
    return Reply(status, msgspec.json.encode({"error": message}), headers or {})
