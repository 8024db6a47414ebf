"""What a call came to, as a CallToolResult: the tool's own bytes, or words that say what to do.

A result of a tool that speaks MCP goes out as its server wrote it. Whatever else happened is an
error in the sense of MCP (``isError``) with one text and never with ``structuredContent``: a client
that knows the tool's ``outputSchema`` would put an error of its own in the place of anything else,
and its model would see nothing of ours. The text is for a model: what happened, whether anything
was run, and what it can do now.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces.mcp.eras import MODERN
from agentgate_proto.faces.mcp.names import GATE_RESULT, MCP_FORM
from agentgate_proto.faces.mcp.server_errors import server_error
from agentgate_proto.faces.mcp.tools import KEY, TITLED_SINCE, structured
from agentgate_proto.records.outcome import Outcome, Status, people_say
from agentgate_proto.records.request import rfc3339
from agentgate_proto.rpc.jsonrpc import UNREADABLE
from agentgate_proto.rpc.results import ToolRow

ID_KEY: Final = "agentgate/request_id"
STATUS_KEY: Final = "agentgate/status"
EXPIRES_KEY: Final = "agentgate/expires_at"
JOINED_KEY: Final = "agentgate/joined"
RETRY_KEY: Final = "agentgate/retry_after_s"
"""Members of ``_meta`` in results."""

COMPLETE: Final = b'"resultType":"complete"'
NULL: Final = b"null"
NOTHING: Final = msgspec.Raw(b"")

ADVICE: Final[dict[int, str]] = {
    ErrorCode.DENIED_BY_POLICY: (
        "Nothing was run, and asking again gets the same answer. Do without it, or tell the user "
        "that this gateway's policy does not allow it."
    ),
    ErrorCode.DENIED_BY_PERSON: (
        "Nothing was run. A person decided that: do not try the same by another way, ask the user "
        "what they want instead."
    ),
    ErrorCode.APPROVAL_EXPIRED: (
        "Nobody answered, and nothing was run. If it is still wanted, call {tool} again with the "
        "same arguments: then a person is asked again."
    ),
    ErrorCode.CANCELLED: (
        "It was withdrawn before it ran, and nothing was run. If it is wanted after all, call "
        "{tool} again with the same arguments."
    ),
    ErrorCode.OUTCOME_UNKNOWN: (
        "It may have taken effect or not, and nobody retries it for you. Look first at what is so "
        "now, with a tool that reads. If it has to be done again, call {tool} again with the same "
        "arguments: a person is asked then."
    ),
}
"""What comes after the words of an outcome."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Of a CallToolResult what may have to be changed; b"": it has none."""

    content: msgspec.Raw = NOTHING
    structured_content: msgspec.Raw = msgspec.field(name="structuredContent", default=NOTHING)
    result_type: msgspec.Raw = msgspec.field(name="resultType", default=NOTHING)
    meta: msgspec.Raw = msgspec.field(name="_meta", default=NOTHING)


class Block(msgspec.Struct, frozen=True):
    """A piece of content, of whatever type."""

    type: str


class Shape(msgspec.Struct, frozen=True):
    """What makes JSON a CallToolResult."""

    content: list[Block]


def outcome_result(
    outcome: Outcome,
    *,
    tool: str,
    row: ToolRow | None,
    version: str,
    rid: str = "",
    joined_at: float = 0.0,
) -> bytes:
    """Return what a call came to.

    Args:
        outcome: of the request.
        tool: the published name of what was called.
        row: the tool as it is now; None: it has gone.
        version: the revision that the client speaks.
        rid: of the request; "": not to be told.
        joined_at: when the request had ended that this call repeats, UTC seconds; 0.0: it is the
            outcome of this call.
    """
    meta: dict[str, Any] = {}
    words = ""
    if joined_at:
        meta = {JOINED_KEY: True}
        words = (
            f"Nothing was run again: this is the outcome of the same call, which ended at "
            f"{rfc3339(joined_at)}. To do the very same thing again on purpose, call {tool} with a "
            f"new {KEY}."
        )
    words = " ".join(filter(None, (words, of_people(outcome))))
    data = bytes(outcome.data)
    has_run = outcome.status is Status.EXECUTED or (
        outcome.status is Status.FAILED and data != NULL and server_error(outcome) is None
    )
    if has_run:
        joined = meta | ({ID_KEY: rid} if rid else {}) if meta else meta
        speaks_mcp = row.form == MCP_FORM if row is not None else is_result(data)
        if speaks_mcp and data[:1] == b"{":
            return passed_on(data, version, words, joined)
        if outcome.status is Status.EXECUTED:
            return from_json(data, row, version, words, joined)
    if rid:
        meta[ID_KEY] = rid
    meta[STATUS_KEY] = outcome.status.value
    advice = ADVICE.get(outcome.code, "").format(tool=tool)
    said = f"{outcome.message.rstrip('.')}. {advice}" if advice else outcome.message
    return error_result(f"{said} {words}" if words else said, version, meta)


def of_people(outcome: Outcome) -> str:
    """What people who were asked have made of a call, in words for a model; "": nothing."""
    ran = None if outcome.edited is msgspec.UNSET else bytes(outcome.edited).decode()
    return people_say(outcome.word, ran, outcome.message)


def pending_result(
    *, tool: str, rid: str, expires_at: float, version: str, asked: str = "", gone_s: float = 0.0
) -> bytes:
    """Return that a person is asked and has not answered yet.

    Args:
        tool: the published name of what was called.
        rid: of the request.
        expires_at: until when a person can answer, UTC seconds.
        version: the revision that the client speaks.
        asked: where people are asked, for instance "on Telegram"; "": not to be told.
        gone_s: for how long the call was held, seconds; 0.0: not to be told.
    """
    until = rfc3339(expires_at)
    where = f" {asked}" if asked else ""
    held = f" in {gone_s:.0f} s" if gone_s else ""
    words = (
        f"Not run yet: it needs a person's approval. A person was asked{where} and has not "
        f"answered{held}; they can until {until}. The request's id is {rid}. To wait for the "
        f'outcome, call {GATE_RESULT} with {{"request_id": "{rid}"}}, or {tool} again with the '
        f"same arguments: that joins this request and never runs it twice. Tell the user that "
        f"their approval is needed, and do not look for another way to do the same."
    )
    return error_result(words, version, {ID_KEY: rid, STATUS_KEY: "pending", EXPIRES_KEY: until})


def running_result(*, tool: str, rid: str, version: str, gone_s: float = 0.0) -> bytes:
    """Return that the tool runs, and that its client can't be held any longer.

    Args: as for ``pending_result``.
    """
    held = f" for {gone_s:.0f} s" if gone_s else ""
    words = (
        f"Still running{held}: there is no result yet. The request's id is {rid}. To wait for the "
        f'result, call {GATE_RESULT} with {{"request_id": "{rid}"}}, or {tool} again with the same '
        f"arguments: that joins this request and never runs it twice."
    )
    return error_result(words, version, {ID_KEY: rid, STATUS_KEY: "running"})


def refused_result(
    code: int, message: str, version: str, *, retry_after_s: float | None = None
) -> bytes:
    """Return that a call was not taken: nothing was run.

    Args:
        code: why (``ErrorCode``).
        message: the gateway's own words.
        version: the revision that the client speaks.
        retry_after_s: when to try again, if that is known.
    """
    words = f"{message.rstrip('.')}. Nothing was run."
    meta: dict[str, Any] = {STATUS_KEY: "refused"}
    if retry_after_s is not None:
        words += f" Try again in {max(1, round(retry_after_s))} s."
        meta[RETRY_KEY] = retry_after_s
    elif code == ErrorCode.NOT_FOUND:
        words += " The id is wrong, or the outcome is not kept any more."
    return error_result(words, version, meta)


def error_result(text: str, version: str, meta: dict[str, Any] | None = None) -> bytes:
    """Return a result that is an error, with this text."""
    content = [{"type": "text", "text": text}]
    return made({"content": content, "isError": True}, version, meta)


def text_result(text: str, version: str) -> bytes:
    """Return a result that is this text."""
    return made({"content": [{"type": "text", "text": text}], "isError": False}, version)


def made(result: dict[str, Any], version: str, meta: dict[str, Any] | None = None) -> bytes:
    """A result with what its revision needs."""
    if version in MODERN:
        result = {"resultType": "complete"} | result
    return msgspec.json.encode(result | {"_meta": meta} if meta else result)


def from_json(
    data: bytes, row: ToolRow | None, version: str, words: str, meta: dict[str, Any]
) -> bytes:
    """What a tool returned that does not speak MCP: any JSON."""
    text = msgspec.json.decode(data, type=str) if data[:1] == b'"' else data.decode()
    content = [{"type": "text", "text": text}]
    if words:
        content.append({"type": "text", "text": words})
    result: dict[str, Any] = {"content": content, "isError": False}
    is_object = data[:1] == b"{" and version >= TITLED_SINCE
    if is_object or (version in MODERN and structured(row, version)):
        result["structuredContent"] = msgspec.Raw(data)
    return made(result, version, meta)


def passed_on(data: bytes, version: str, words: str, meta: dict[str, Any]) -> bytes:
    """A CallToolResult of a server behind this gateway: its bytes, with what must be added."""
    seen = msgspec.json.decode(data, type=Seen)
    is_modern = version in MODERN
    result_type = bytes(seen.result_type)
    wrong_type = result_type not in (b"", b'"complete"')
    too_new = not is_modern and bytes(seen.structured_content)[:1] not in (b"", b"{")
    if words or wrong_type or too_new:
        return mended(data, seen, version, words, meta)
    if not is_modern or result_type:
        return data
    rest = data[1:]
    comma = b"" if rest.lstrip()[:1] == b"}" else b","
    return b"{" + COMPLETE + comma + rest


def mended(data: bytes, seen: Seen, version: str, words: str, meta: dict[str, Any]) -> bytes:
    """A CallToolResult with other members where they can't stay; the rest is as it was."""
    members: dict[str, Any] = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    members.pop("resultType", None)
    if version in MODERN:
        members["resultType"] = "complete"
    elif bytes(seen.structured_content)[:1] != b"{":
        members.pop("structuredContent", None)
    if words:
        content = bytes(seen.content)
        blocks = msgspec.json.decode(content, type=list[msgspec.Raw]) if content[:1] == b"[" else []
        members["content"] = [*blocks, {"type": "text", "text": words}]
    if meta:
        theirs = bytes(seen.meta)
        known = msgspec.json.decode(theirs) if theirs[:1] == b"{" else {}
        members["_meta"] = known | meta
    return msgspec.json.encode(members)


def is_result(data: bytes) -> bool:
    """Whether JSON is a CallToolResult, as far as that can be seen."""
    try:
        msgspec.json.decode(data, type=Shape)
    except UNREADABLE:
        return False
    return True
