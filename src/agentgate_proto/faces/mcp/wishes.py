"""What a message of an MCP client asks of whoever carries it: the wishes that ``dispatch`` makes.

Each names the request's id, under which it is answered, once. ``meta`` is what the request says of
itself: whether progress is wanted, and in the modern era what its client can do.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agentgate_proto.faces.mcp.messages import (
    EMPTY,
    NO_META,
    ClientCapabilities,
    Meta,
    Wanted,
)
from agentgate_proto.rpc.jsonrpc import ErrorObject, RequestId

LISTINGS: Final = frozenset(
    {
        "initialize",
        "server/discover",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "prompts/list",
        "subscriptions/listen",
    }
)
"""Methods that are answered with a list, or begin something: they count against the rate of their
principal, as calls do, which the ledger counts."""


class Ready(msgspec.Struct, frozen=True):
    """The answer is here: a JSON-RPC response, with the HTTP status that it goes out with."""

    body: bytes
    status: int = 200


class Nothing(msgspec.Struct, frozen=True):
    """There is nothing to answer and nothing to do."""


class Begin(msgspec.Struct, frozen=True):
    """A legacy session begins: send ``body``; over HTTP, with the id of a new session.

    Attributes:
        body: a JSON-RPC response.
        version: the revision that is spoken from now on.
        capabilities: what the client can do.
    """

    body: bytes
    version: str
    capabilities: ClientCapabilities


class ListTools(msgspec.Struct, frozen=True):
    """Answer with ``lists.tools``."""

    id: RequestId
    cursor: str


class ListResources(msgspec.Struct, frozen=True):
    """Answer with ``lists.resources``."""

    id: RequestId
    cursor: str


class ListTemplates(msgspec.Struct, frozen=True):
    """Answer with ``lists.templates``."""

    id: RequestId
    cursor: str


class ListPrompts(msgspec.Struct, frozen=True):
    """Answer with ``lists.prompts``."""

    id: RequestId
    cursor: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Call a tool.

    Attributes:
        name: its published name.
        arguments: a JSON object.
        input_responses, request_state: what the client was asked in an earlier round, and what it
            was given to bring along; b"" and {} if it was none (modern).
    """

    id: RequestId
    name: str
    arguments: msgspec.Raw = EMPTY
    meta: Meta = NO_META
    input_responses: dict[str, msgspec.Raw] = {}
    request_state: str = ""


class ReadResource(msgspec.Struct, frozen=True, kw_only=True):
    """Read a resource. Members as for :class:`Call`."""

    id: RequestId
    uri: str
    meta: Meta = NO_META
    input_responses: dict[str, msgspec.Raw] = {}
    request_state: str = ""


class GetPrompt(msgspec.Struct, frozen=True, kw_only=True):
    """Get a prompt. Members as for :class:`Call`."""

    id: RequestId
    name: str
    arguments: msgspec.Raw = EMPTY
    meta: Meta = NO_META
    input_responses: dict[str, msgspec.Raw] = {}
    request_state: str = ""


class Complete(msgspec.Struct, frozen=True, kw_only=True):
    """Complete an argument.

    Attributes:
        uri, prompt: of which template or prompt (by its published name): one is "".
        argument, context: raw, as the client sent them; ``context`` may be b"".
    """

    id: RequestId
    uri: str = ""
    prompt: str = ""
    argument: msgspec.Raw
    context: msgspec.Raw = msgspec.Raw(b"")
    meta: Meta = NO_META


class Subscribe(msgspec.Struct, frozen=True):
    """Tell of changes of a resource from now on, or no more (legacy)."""

    id: RequestId
    uri: str
    on: bool


class SetLevel(msgspec.Struct, frozen=True):
    """Tell the session's client of what backends log, from this level on (legacy)."""

    id: RequestId
    level: str


class ListenFor(msgspec.Struct, frozen=True):
    """Open a stream of notifications (modern). Acknowledge it first (``replies.subscribed``)."""

    id: RequestId
    wanted: Wanted
    meta: Meta


class GetTask(msgspec.Struct, frozen=True):
    """Say how a task is (modern). ``meta``: what its client can be asked is shown to who asks."""

    id: RequestId
    task_id: str
    meta: Meta = NO_META


class UpdateTask(msgspec.Struct, frozen=True):
    """Take answers to what a task has asked (modern)."""

    id: RequestId
    task_id: str
    input_responses: dict[str, msgspec.Raw]


class CancelTask(msgspec.Struct, frozen=True):
    """Withdraw a task (modern)."""

    id: RequestId
    task_id: str


class Cancel(msgspec.Struct, frozen=True):
    """The client does not want the answer to a request any more; nothing is answered."""

    request_id: int | str
    reason: str


class Answered(msgspec.Struct, frozen=True):
    """The client answered what it was asked (legacy); nothing is answered.

    Attributes:
        id: of the question.
        result: raw; None: it failed.
        error: why it failed.
    """

    id: RequestId
    result: msgspec.Raw | None
    error: ErrorObject | None = None


class RootsChanged(msgspec.Struct, frozen=True):
    """The client's roots are others than before (legacy); nothing is answered."""


Wish = (
    Ready
    | Nothing
    | Begin
    | ListTools
    | ListResources
    | ListTemplates
    | ListPrompts
    | Call
    | ReadResource
    | GetPrompt
    | Complete
    | Subscribe
    | SetLevel
    | ListenFor
    | GetTask
    | UpdateTask
    | CancelTask
    | Cancel
    | Answered
    | RootsChanged
)
