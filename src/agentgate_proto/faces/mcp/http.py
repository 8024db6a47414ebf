"""The rules of Streamable HTTP, for both eras: what a request is by its head and its body.

The era belongs to the request. One is modern if it says so, by its header or in its ``_meta``; then
both must say the same, and the other headers what the body says, so that whoever looked at the
headers on the way has seen what is done here. All else is legacy, and may belong to a session,
whose revision counts if no header names one.

Nothing here knows who asks, or what there is: ``read`` says what came, ``settled`` which revision
it is, once the session is known; then each message goes to ``dispatch``.

Source: the specifications of MCP, "Transports" (2025-03-26 to 2025-11-25) and "Streamable HTTP"
(2026-07-28).
"""

from __future__ import annotations

from base64 import b64decode
from typing import Final

import msgspec
from msgspec import UNSET

from agentgate_proto.faces.mcp.eras import MODERN, UNNAMED, Era, era_of, takes_batches
from agentgate_proto.faces.mcp.lines import BATCH_MESSAGES_MAX
from agentgate_proto.faces.mcp.messages import AnyParams, Meta
from agentgate_proto.faces.mcp.replies import NAMELESS, Code, failure, unsupported
from agentgate_proto.rpc.jsonrpc import (
    UNREADABLE,
    Batch,
    Failure,
    Invalid,
    Message,
    Notification,
    Request,
    RequestId,
    Success,
    decode,
)
from agentgate_proto.wire.headers import Headers

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"

VERSION_HEADER: Final = "mcp-protocol-version"
SESSION_HEADER: Final = "mcp-session-id"
METHOD_HEADER: Final = "mcp-method"
NAME_HEADER: Final = "mcp-name"
RESUME_HEADER: Final = "last-event-id"
ONCE: Final = (VERSION_HEADER, SESSION_HEADER, METHOD_HEADER, NAME_HEADER, RESUME_HEADER)
"""Of two, somebody on the way may have looked at the other."""

NAMED_BY: Final = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "tasks/get": "task_id",
    "tasks/update": "task_id",
    "tasks/cancel": "task_id",
}
"""Methods whose requests have a header ``Mcp-Name``, and what of the parameters it repeats."""

ENCODED_START: Final = "=?base64?"
ENCODED_END: Final = "?="


class Naming(msgspec.Struct, frozen=True, rename="camel"):
    """What of the parameters is repeated in a header."""

    name: str | None = None
    uri: str | None = None
    task_id: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """The request is refused: answer it so. ``body`` is a JSON-RPC error; b"": there is none."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Post(msgspec.Struct, frozen=True):
    """Messages came.

    Attributes:
        messages: at least one; of requests, notifications and responses.
        batch: whether they came in an array, and are answered in one.
        era: see the module.
        version: the revision; "": that of the session, if there is one.
        session: its id as the client shows it; "": none. Means nothing in the modern era.
        headers: of the request; see ``parameters``.
    """

    messages: tuple[Request | Notification | Success | Failure, ...]
    batch: bool
    era: Era
    version: str
    session: str
    headers: Headers


class Listen(msgspec.Struct, frozen=True):
    """A stream is asked for (legacy).

    Attributes:
        session: as for :class:`Post`.
        last_event_id: go on behind this event; "": from now on.
    """

    session: str
    last_event_id: str


class End(msgspec.Struct, frozen=True):
    """A session is to be ended (legacy)."""

    session: str


def read(method: str, headers: Headers, body: bytes) -> Problem | Post | Listen | End:
    """Say what a request is. Whether its host and origin may come in was asked before."""
    for name in ONCE:
        if len(headers.all(name)) > 1:
            return refused(400, Code.HEADER_MISMATCH, f"more than one header {name}")
    match method:
        case "POST":
            return read_post(headers, body)
        case "GET":
            return read_get(headers)
        case "DELETE" if is_of_session(headers):
            return End(headers.get(SESSION_HEADER))
        case _:
            return not_allowed()


def settled(post: Post, agreed: str) -> Problem | Post:
    """Return a request with its revision.

    Args:
        post: what ``read`` returned.
        agreed: the revision of the session that it belongs to; "": it belongs to none.
    """
    version = post.version or agreed or UNNAMED
    if post.batch and not takes_batches(version):
        return refused(400, Code.INVALID_REQUEST, f"MCP {version} has no batches")
    return msgspec.structs.replace(post, version=version)


def unknown_session() -> Problem:
    """The session is over, or never was: the client must begin another one (404)."""
    return refused(404, Code.INVALID_REQUEST, "no such session: send initialize again")


def refused(status: int, code: int, message: str, request_id: RequestId = NAMELESS) -> Problem:
    """A refusal in the words of JSON-RPC."""
    return Problem(status, failure(request_id, code, message))


def not_allowed() -> Problem:
    """There is nothing to be had here by this method."""
    return Problem(405, failure(NAMELESS, Code.INVALID_REQUEST, "use POST"), (("allow", "POST"),))


def read_get(headers: Headers) -> Problem | Listen:
    """A stream: there is one for each session, and there are none in the modern era."""
    if not is_of_session(headers):
        return not_allowed()
    if not accepts(headers, EVENTS):
        return refused(406, Code.INVALID_REQUEST, f"the client must accept {EVENTS}")
    return Listen(headers.get(SESSION_HEADER), headers.get(RESUME_HEADER))


def is_of_session(headers: Headers) -> bool:
    """Whether a request without a message belongs to a legacy session."""
    return SESSION_HEADER in headers and headers.get(VERSION_HEADER) not in MODERN


def read_post(headers: Headers, body: bytes) -> Problem | Post:
    """Messages: the head, then the body, then what both say."""
    kind = headers.get("content-type").partition(";")[0].strip().lower()
    if kind != JSON:
        return refused(415, Code.INVALID_REQUEST, f"the body must be {JSON}")
    if not (accepts(headers, JSON) and accepts(headers, EVENTS)):
        return refused(406, Code.INVALID_REQUEST, f"the client must accept {JSON} and {EVENTS}")
    try:
        message = decode(body.decode(), batch_items_max=BATCH_MESSAGES_MAX)
    except UnicodeDecodeError:
        return refused(400, Code.PARSE_ERROR, "the body is not UTF-8")
    if isinstance(message, Batch):
        return read_batch(message, headers)
    if isinstance(message, Invalid):
        return refused(400, message.code, message.detail)
    if is_nameless(message):
        return refused(400, Code.INVALID_REQUEST, "null is no id in MCP")
    version = headers.get(VERSION_HEADER)
    meta = meta_of(message)
    if version in MODERN or is_modern(meta):
        return read_modern(message, meta, headers)
    if version and era_of(version) is None:
        request_id = message.id if isinstance(message, Request) else NAMELESS
        return Problem(400, unsupported(request_id, version))
    return Post((message,), False, Era.LEGACY, version, headers.get(SESSION_HEADER), headers)


def read_batch(batch: Batch, headers: Headers) -> Problem | Post:
    """Several messages: of the legacy era, and each by itself a good one."""
    version = headers.get(VERSION_HEADER)
    if version and era_of(version) is not Era.LEGACY:
        return refused(400, Code.INVALID_REQUEST, f"MCP {version} has no batches")
    messages = []
    for message in batch.messages:
        if isinstance(message, Invalid):
            return refused(400, message.code, message.detail)
        if is_nameless(message):
            return refused(400, Code.INVALID_REQUEST, "null is no id in MCP")
        messages.append(message)
    session = headers.get(SESSION_HEADER)
    return Post(tuple(messages), True, Era.LEGACY, version, session, headers)


def read_modern(
    message: Request | Notification | Success | Failure, meta: Meta, headers: Headers
) -> Problem | Post:
    """A message of the modern era, which says in two places what it is."""
    version = headers.get(VERSION_HEADER)
    if isinstance(message, Success | Failure):
        if SESSION_HEADER in headers:  # to what a legacy session was asked, by a mixed client
            session = headers.get(SESSION_HEADER)
            return Post((message,), False, Era.LEGACY, "", session, headers)
        return refused(400, Code.INVALID_REQUEST, f"MCP {version} has no responses by clients")
    if isinstance(message, Request):
        problem = modern_objection(message, meta, headers)
        if problem is not None:
            return problem
    return Post((message,), False, Era.MODERN, version or MODERN[0], "", headers)


def modern_objection(message: Request, meta: Meta, headers: Headers) -> Problem | None:
    """Say what is wrong with a modern request, in the order in which a client can mend it."""
    header = headers.get(VERSION_HEADER)
    if meta.version is not UNSET and not header:
        return mismatch(message.id, f"the header {VERSION_HEADER} is missing")
    if meta.version is not UNSET and meta.version != header:
        return mismatch(
            message.id, f"the header {VERSION_HEADER} says {header!r}, _meta {meta.version!r}"
        )
    if era_of(header) is not Era.MODERN:
        return Problem(400, unsupported(message.id, header))
    if METHOD_HEADER not in headers:
        return mismatch(message.id, f"the header {METHOD_HEADER} is missing")
    if headers.get(METHOD_HEADER) != message.method:
        return mismatch(
            message.id,
            f"the header {METHOD_HEADER} says {headers.get(METHOD_HEADER)!r}, "
            f"the body {message.method!r}",
        )
    if message.method in NAMED_BY:
        problem = name_objection(message, headers)
        if problem is not None:
            return problem
    if meta.version is UNSET or meta.capabilities is UNSET:
        return refused(
            400,
            Code.INVALID_PARAMS,
            f"_meta must have protocolVersion and clientCapabilities in MCP {header}",
            message.id,
        )
    return None


def name_objection(message: Request, headers: Headers) -> Problem | None:
    """Say how ``Mcp-Name`` differs from the body."""
    if NAME_HEADER not in headers:
        return mismatch(message.id, f"the header {NAME_HEADER} is missing")
    said = decoded(headers.get(NAME_HEADER))
    if said is None:
        return mismatch(message.id, f"the header {NAME_HEADER} can't be read")
    name = name_in(message)
    if name != said:
        return mismatch(message.id, f"the header {NAME_HEADER} says {said!r}, the body {name!r}")
    return None


def name_in(message: Request) -> str | None:
    """What the body says that ``Mcp-Name`` must say, too."""
    try:
        naming = msgspec.json.decode(bytes(message.params) or b"{}", type=Naming)
    except UNREADABLE:
        return None
    name: str | None = getattr(naming, NAMED_BY[message.method])
    return name


def is_modern(meta: Meta) -> bool:
    """Whether a message says of itself that it is of the modern era."""
    return meta.version is not UNSET and era_of(meta.version) is not Era.LEGACY


def mismatch(request_id: RequestId, message: str) -> Problem:
    """A header and the body don't say the same (-32020)."""
    return refused(400, Code.HEADER_MISMATCH, f"Header mismatch: {message}", request_id)


def decoded(value: str) -> str | None:
    """Return what a header says, which may be written in base64; None: it can't be read."""
    if value.startswith(ENCODED_START) and value.endswith(ENCODED_END):
        try:
            return b64decode(value[len(ENCODED_START) : -len(ENCODED_END)], validate=True).decode()
        except ValueError:
            return None
    return value if all(" " <= char <= "~" or char == "\t" for char in value) else None


def accepts(headers: Headers, kind: str) -> bool:
    """Whether a client takes this media type (RFC 9110 section 12.5.1); no header: it takes all."""
    if "accept" not in headers:
        return True
    ranges = {item.partition(";")[0].strip().lower() for item in headers.items_of("accept")}
    return not ranges.isdisjoint({kind, "*/*", kind.partition("/")[0] + "/*"})


def is_nameless(message: Message) -> bool:
    """Whether it is a request or a response whose id is null."""
    return isinstance(message, Request | Success) and message.id is None


def meta_of(message: Message) -> Meta:
    """What a message says of itself in ``_meta``, as far as it can be read."""
    if not isinstance(message, Request | Notification) or b"_meta" not in bytes(message.params):
        return Meta()
    try:
        return msgspec.json.decode(message.params, type=AnyParams).meta
    except UNREADABLE:
        return Meta()
