"""What the messages of ACP carry that is looked at here: version 1, as an agent takes and says it.

What a client says has a struct; whatever else it sends is left alone. What is said to it are plain
dictionaries, in the functions that make them: each is checked against the format's own schema in
the tests. The envelope is JSON-RPC's (``rpc.jsonrpc``).

Source: agentclientprotocol.com, protocol version 1 (schema 1.19).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.limits import MESSAGE_CHARS_MAX, NAME_CHARS_MAX, PATH_CHARS_MAX

PROTOCOL_VERSION = 1

RESOURCE_NOT_FOUND = -32002
REQUEST_CANCELLED = -32800
"""Codes of ACP's own; the others are JSON-RPC's."""

ERROR_CODES: dict[int, int] = {
    ErrorCode.SESSION_NOT_FOUND: RESOURCE_NOT_FOUND,
    ErrorCode.INVALID_PARAMS: ErrorCode.INVALID_PARAMS,
    ErrorCode.METHOD_NOT_FOUND: ErrorCode.METHOD_NOT_FOUND,
}
"""Of native errors; every other one is internal here, with the native name in ``data``."""

CURSORS = "agentgate/cursors"
CURSOR = "agentgate/cursor"
SINCE = "agentgate/since"
MESSAGE_ID = "agentgate/message_id"
MESSAGE_IDS = "agentgate/message_ids"
"""Members of ``_meta`` that are ours, for a client that comes back after its connection broke:

- ``cursors`` (initialize): tell a ``cursor`` with each update;
- ``cursor`` (session/load, session/resume): show what comes after this one;
- ``since`` (the same): a cursor from before the first prompt that has not been answered;
- ``message_ids`` (the same): the names of these prompts;
- ``message_id`` (session/prompt): its name. The same again joins the run that it began.
"""

IGNORED = "agentgate/ignored"
"""In ``_meta`` of an answer: members of the request that mean nothing here."""

BLOCKS_MAX = 1_000
"""Content blocks of one prompt: each file that is mentioned is one."""

MESSAGE_IDS_MAX = 32
"""Prompts of one session that a client may have open; the queue of a session is shorter."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
Folder = Annotated[str, msgspec.Meta(max_length=PATH_CHARS_MAX)]
Text = Annotated[str, msgspec.Meta(max_length=MESSAGE_CHARS_MAX)]
Meta = dict[str, msgspec.Raw]


class Params(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the parameters of all requests have.

    Attributes:
        meta: ``_meta``, by name.
    """

    meta: Meta | None = msgspec.field(default=None, name="_meta")


class Initialize(Params, frozen=True, kw_only=True):
    """Which version the client speaks."""

    protocol_version: int


class NewSession(Params, frozen=True, kw_only=True):
    """Begin a session.

    Attributes:
        cwd: a folder on the client's machine; it is kept, and means nothing here.
        mcp_servers: of the client's configuration; none of them is started.
    """

    cwd: Folder
    mcp_servers: list[msgspec.Raw] = []


class OpenSession(Params, frozen=True, kw_only=True):
    """Load a session, or resume it."""

    session_id: Id
    cwd: Folder = ""
    mcp_servers: list[msgspec.Raw] = []


class ListSessions(Params, frozen=True, kw_only=True):
    """List the sessions, or those that were begun in a folder."""

    cwd: Folder | None = None
    cursor: Name | None = None


class OneSession(Params, frozen=True, kw_only=True):
    """Close a session, delete it, or cancel what it does."""

    session_id: Id


class SetOption(Params, frozen=True, kw_only=True):
    """Choose a value of an option."""

    session_id: Id
    config_id: Name
    value: Any


class Contents(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file that comes with a prompt: its text, or that it has none."""

    uri: str = ""
    text: Text | None = None


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a prompt."""

    type: str
    text: Text = ""
    uri: Text = ""
    name: Text = ""
    resource: Contents | None = None


class Prompt(Params, frozen=True, kw_only=True):
    """Say something."""

    session_id: Id
    prompt: Annotated[list[Block], msgspec.Meta(max_length=BLOCKS_MAX)]


class CancelRequest(Params, frozen=True, kw_only=True):
    """The answer to a request is not wanted any more."""

    request_id: int | Name | None


class Chosen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a person has chosen."""

    outcome: str
    option_id: Name = ""


class PermissionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to ``session/request_permission``."""

    outcome: Chosen


def meta_of(params: Params, name: str, kind: Any) -> Any:
    """Return a member of ``_meta``; None: it is not there, or something else."""
    raw = (params.meta or {}).get(name)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


# Content


def text_block(text: str) -> dict[str, Any]:
    """Make a block of text."""
    return {"type": "text", "text": text}


def shown_text(text: str) -> list[dict[str, Any]]:
    """Make what a tool call shows out of a text."""
    return [{"type": "content", "content": text_block(text)}]


def chunk(kind: str, text: str, message_id: str = "") -> dict[str, Any]:
    """Make an update that carries a piece of a message."""
    update: dict[str, Any] = {"sessionUpdate": kind, "content": text_block(text)}
    return {**update, "messageId": message_id} if message_id else update


# Answers


def initialized(version: str) -> dict[str, Any]:
    """Answer ``initialize``: what is offered here. A client of another version has to decide
    whether it goes on with this one."""
    return {
        "protocolVersion": PROTOCOL_VERSION,
        "agentCapabilities": {
            "loadSession": True,
            "promptCapabilities": {"image": False, "audio": False, "embeddedContext": True},
            "mcpCapabilities": {"http": False, "sse": False},
            "sessionCapabilities": {"list": {}, "resume": {}, "close": {}, "delete": {}},
        },
        "agentInfo": {"name": "agentgate", "title": "agentgate", "version": version},
        "authMethods": [],
    }
