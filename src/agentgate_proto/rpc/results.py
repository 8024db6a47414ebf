"""What the methods answer: the types of their results. ``messages.METHODS`` names them.

The answers to ``auth`` and ``reload`` are beside their methods, those that carry outcomes in
``wire_results``. What is UNSET or at its default is not sent.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from agentgate_proto.records.outcome import Status
from agentgate_proto.records.request import Effects, Phase
from agentgate_proto.rpc.wire_results import RowError


class CancelStatus(StrEnum):
    """What came of a ``cancel_request``."""

    CANCELLED = "cancelled"
    """It will not run."""
    TOO_LATE = "too_late"
    """It has run, or is approved, or another request that has joined it still wants it."""
    STOPPING = "stopping"
    """It runs, or was to run, and is being stopped; the outcome tells how that went."""
    UNKNOWN_REQUEST = "unknown_request"
    """There is no such request."""


class Expectation(StrEnum):
    """What the policy says to a tool, as far as that can be told without arguments."""

    ALLOW = "allow"
    ASK = "ask"
    DEPENDS = "depends"
    """On the arguments or on the circumstances."""


class CancelResult(msgspec.Struct, frozen=True):
    """The answer to ``cancel_request``."""

    status: CancelStatus


ToolForm = Literal["", "mcp"]
"""What the results of a tool are: any JSON, or a CallToolResult of MCP."""


class ToolRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tool.

    Attributes:
        name: what to ask for.
        description: what it does.
        effects: "read" (safe to run again) or "write".
        args: JSON Schema of its arguments.
        decision: what to expect of the policy.
        title: its name for people, if it has one.
        returns: JSON Schema of its result, if that is known.
        form: "mcp": its result is a CallToolResult of MCP.
    """

    name: str
    description: str
    effects: Effects
    args: dict[str, Any]
    decision: Expectation
    title: str = ""
    returns: dict[str, Any] = {}
    form: ToolForm = ""


class ToolList(msgspec.Struct, frozen=True):
    """The tools that the caller may ask for; what is denied in any case is left out."""

    tools: list[ToolRow]


class RequestRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request as its agent or an operator sees it. Times are RFC 3339.

    Attributes:
        id: the gateway's own id of the request.
        agent, client_id, request_id: whose it is, and under which id.
        on_behalf_of: if the agent is a relay: who asked at the gateway in front.
        tool, args, signature: what was asked.
        rule: the rule that decided.
        doubt: why it matches, where what was asked does not say it.
        phase: where the request is.
        created_at: when it was asked.
        delivered: whether its client has the outcome for certain.
        approval: what became of the approval, if a person was asked.
        expires_at: when the approval lapses or lapsed.
        decided_by, channel: who answered, and where.
        status: how the request ended, once it has.
        resolved_at: when it ended.
        data: the result, if it was executed.
        error: why there is no result, if it ended otherwise.
        why: what its agent said of why it asks.
        word: what people said to the agent when they were asked about it.
        edited: the arguments that they approved in place of ``args``.
        shortened: which of ``args``, ``signature``, ``data``, ``error`` and ``edited`` are not
            whole. Of JSON that is not whole there is a text with its beginning.
        args_bytes: how long ``args`` were, if the gateway has kept only their beginnings: an object
            whose long texts are cut.
    """

    id: str
    agent: str
    client_id: str
    request_id: int | str
    tool: str
    args: msgspec.Raw
    signature: str
    rule: str
    phase: Phase
    created_at: str
    delivered: bool
    approval: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    decided_by: str | UnsetType = UNSET
    channel: str | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    resolved_at: str | UnsetType = UNSET
    data: msgspec.Raw | UnsetType = UNSET
    error: RowError | UnsetType = UNSET
    on_behalf_of: str = ""
    doubt: str = ""
    shortened: tuple[str, ...] = ()
    args_bytes: int = 0
    why: str = ""
    word: str = ""
    edited: msgspec.Raw | UnsetType = UNSET


class RequestList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Requests, newest first.

    Attributes:
        requests: as many as one reply holds.
        more: there may be older ones: ask again, ``before`` the last one.
    """

    requests: list[RequestRow]
    more: bool = False


class GrantWords(msgspec.Struct, frozen=True):
    """What a grant would allow, in a sentence."""

    words: str


class EditPreview(msgspec.Struct, frozen=True):
    """What an edit would make of a request.

    Attributes:
        signature: what would run, in a form for people.
        args: its arguments, as the tool would get them.
        changes: a line for each argument that differs: what was asked, and what would run.
    """

    signature: str
    args: msgspec.Raw
    changes: tuple[str, ...]
