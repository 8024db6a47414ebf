"""What a client's call asks the gateway for, and how it is told of it meanwhile."""

from __future__ import annotations

import msgspec

from agentgate_proto.digest import canonical_args
from agentgate_proto.faces.mcp.bridge_calls import Ask, ClientCall, Want
from agentgate_proto.faces.mcp.bridge_endings import FoundRow
from agentgate_proto.faces.mcp.bridge_events import AskTool
from agentgate_proto.faces.mcp.bridge_link import Link
from agentgate_proto.faces.mcp.bridge_list import ToolShelf
from agentgate_proto.faces.mcp.names import GATE_RESULT, PERMIT
from agentgate_proto.faces.mcp.permit import question_of
from agentgate_proto.faces.mcp.tools import take_key
from agentgate_proto.faces.mcp.wishes import Call
from agentgate_proto.records.request import rfc3339
from agentgate_proto.rpc.jsonrpc import UNREADABLE, describe


class Lookup(msgspec.Struct, frozen=True):
    """The arguments of ``gate_result``."""

    request_id: str


def wanted(wish: Call, shelf: ToolShelf, join_s: float) -> Want | None:
    """Return what a call asks for; None: there is no such tool in the list.

    Raises:
        ValueError: it can't be asked for so; the text says why.
    """
    assert shelf.published is not None, "it has been listed"
    if wish.name == PERMIT and shelf.permits:
        question = question_of(wish.arguments)
        args = msgspec.json.encode(question.args)
        again_s = join_s if question.joins else 0.0
        return Want(question.tool, msgspec.Raw(args), args, "", again_s, None)
    row = shelf.published.tools.get(wish.name)
    if row is None:
        return None
    raw, key = take_key(row, wish.arguments, join_s)
    try:
        canonical = canonical_args(msgspec.json.decode(raw))
    except UNREADABLE as error:
        raise ValueError(describe(error)) from None
    return Want(row.name, raw, canonical, key, join_s, row)


def asks(number: int, want: Want, why: str) -> AskTool:
    """Return the event that asks for this.

    Args:
        number: of the ask.
        want: what is asked for.
        why: what the client says of that, or "".
    """
    return AskTool(
        number=number,
        tool=want.tool,
        args=want.args,
        key=want.key,
        join_s=want.join_s,
        why=why,
    )


def looked_for(wish: Call) -> str:
    """Return the id of the request that ``gate_result`` is about.

    Raises:
        ValueError: it says none.
    """
    try:
        return msgspec.json.decode(wish.arguments, type=Lookup).request_id
    except UNREADABLE as error:
        raise ValueError(f"{GATE_RESULT}: {error}") from None


def known(row: FoundRow, shelf: ToolShelf) -> tuple[Want, str]:
    """Return what a request is for that was looked up, and the published name of its tool."""
    shown, tool = shelf.tool_named(row.tool)
    args = canonical_args(msgspec.json.decode(row.args))
    return Want(row.tool, row.args, args, "", 0.0, tool), shown


def takes(ask: Ask, row: FoundRow) -> bool:
    """Take over how a request stands; return whether its client wants to hear of that."""
    until, ask.expires_at = ask.expires_at, row.waits_until
    ask.rid, ask.rule = row.id, row.rule
    return row.outcome is None and ask.expires_at != until


def standing(call: ClientCall, link: Link) -> str:
    """Say for a client's user how far a call is."""
    ask = call.ask
    if not link.is_up:
        return "the gateway is away; waiting for it"
    if ask is not None and ask.expires_at:
        until = rfc3339(ask.expires_at)
        return f"waiting for a person to approve it, until {until} (rule: {ask.rule})"
    return "waiting for the result"
