"""What the messages of MCP carry that the gate looks at: both eras, both directions.

Only what is looked at has a member here. What passes through stays raw JSON, with whatever members
it has: arguments, results, definitions of tools. The envelope is JSON-RPC's (``rpc.jsonrpc``).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from agentgate_proto.faces.mcp.eras import (
    CAPABILITIES_KEY,
    CLIENT_KEY,
    LOG_LEVEL_KEY,
    VERSION_KEY,
    WHY_KEY,
)
from agentgate_proto.limits import NAME_CHARS_MAX, WORDS_CHARS_MAX

EMPTY = msgspec.Raw(b"{}")

Token = int | str
"""Of a request for progress."""

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Cursor = Annotated[str, msgspec.Meta(max_length=4_096)]


class Implementation(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on the other end, by its own word. Nothing may depend on it."""

    name: str = ""
    version: str = ""


class Elicitation(msgspec.Struct, frozen=True, kw_only=True):
    """How a client can ask its user: ``{}`` means by forms."""

    form: dict[str, Any] | None = None
    url: dict[str, Any] | None = None


class ClientCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says it can do. Absent: it can't."""

    elicitation: Elicitation | None = None
    sampling: dict[str, Any] | None = None
    roots: dict[str, Any] | None = None
    extensions: dict[str, Any] = {}

    def can(self) -> frozenset[str]:
        """What its user, or its model, may be asked for in the midst of a call."""
        found = set()
        if self.elicitation is not None:
            if self.elicitation.url is not None:
                found.add("elicitation.url")
            if self.elicitation.form is not None or self.elicitation.url is None:
                found.add("elicitation.form")
        if self.sampling is not None:
            found.add("sampling")
            if "tools" in self.sampling:
                found.add("sampling.tools")
        if self.roots is not None:
            found.add("roots")
        return frozenset(found)


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """``_meta`` of a request. UNSET: it does not say so.

    Attributes:
        version, client, capabilities, log_level: of the modern era.
        progress_token: progress is wanted under it.
        why: why it is called, for the person who may be asked: any text counts, and no other thing.
    """

    version: str | msgspec.UnsetType = msgspec.field(name=VERSION_KEY, default=msgspec.UNSET)
    client: Implementation | msgspec.UnsetType = msgspec.field(
        name=CLIENT_KEY, default=msgspec.UNSET
    )
    capabilities: ClientCapabilities | msgspec.UnsetType = msgspec.field(
        name=CAPABILITIES_KEY, default=msgspec.UNSET
    )
    log_level: str | msgspec.UnsetType = msgspec.field(name=LOG_LEVEL_KEY, default=msgspec.UNSET)
    progress_token: Token | msgspec.UnsetType = msgspec.field(
        name="progressToken", default=msgspec.UNSET
    )
    why: Any = msgspec.field(name=WHY_KEY, default="")

    @property
    def reason(self) -> str:
        """Why it is called, as far as that fits."""
        return self.why[:WORDS_CHARS_MAX] if isinstance(self.why, str) else ""


NO_META = Meta()


class AnyParams(msgspec.Struct, frozen=True, kw_only=True):
    """What each request may have."""

    meta: Meta = msgspec.field(name="_meta", default=NO_META)


class InitializeParams(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``initialize`` (legacy)."""

    protocol_version: str
    capabilities: ClientCapabilities = ClientCapabilities()
    client_info: Implementation = Implementation()


class ListParams(AnyParams, frozen=True, kw_only=True):
    """``tools/list`` and the other lists."""

    cursor: Cursor = ""


class CallParams(AnyParams, frozen=True, kw_only=True, rename="camel"):
    """``tools/call``, in both eras.

    Attributes:
        name: the published one.
        arguments: an object, or absent.
        task: a legacy client (2025-11-25) wants a task.
        input_responses, request_state: a modern client calls again with what was asked of it.
    """

    name: Name
    arguments: msgspec.Raw = EMPTY
    task: dict[str, Any] | None = None
    input_responses: dict[str, msgspec.Raw] = {}
    request_state: str = ""


class ReadParams(AnyParams, frozen=True, kw_only=True, rename="camel"):
    """``resources/read``, ``resources/subscribe`` and ``resources/unsubscribe``."""

    uri: Annotated[str, msgspec.Meta(min_length=1, max_length=8_192)]
    input_responses: dict[str, msgspec.Raw] = {}
    request_state: str = ""


class PromptParams(AnyParams, frozen=True, kw_only=True, rename="camel"):
    """``prompts/get``."""

    name: Name
    arguments: msgspec.Raw = EMPTY
    input_responses: dict[str, msgspec.Raw] = {}
    request_state: str = ""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What an argument belongs to: a prompt by its ``name``, or a template by its ``uri``."""

    uri: Annotated[str, msgspec.Meta(max_length=8_192)] = ""
    name: Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)] = ""


class CompleteParams(AnyParams, frozen=True, kw_only=True):
    """``completion/complete``."""

    ref: Reference
    argument: msgspec.Raw
    context: msgspec.Raw = msgspec.Raw(b"")


class LevelParams(AnyParams, frozen=True, kw_only=True):
    """``logging/setLevel`` (legacy)."""

    level: str


class TaskParams(AnyParams, frozen=True, kw_only=True, rename="camel"):
    """``tasks/get``, ``tasks/update`` and ``tasks/cancel`` (modern)."""

    task_id: Annotated[str, msgspec.Meta(min_length=1, max_length=1_024)]
    input_responses: dict[str, msgspec.Raw] = {}


class Wanted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which notifications a modern client wants."""

    tools_list_changed: bool = False
    prompts_list_changed: bool = False
    resources_list_changed: bool = False
    resource_subscriptions: list[str] = []
    task_ids: list[str] = []


class ListenParams(AnyParams, frozen=True, kw_only=True):
    """``subscriptions/listen`` (modern)."""

    notifications: Wanted = Wanted()


class CancelledParams(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``notifications/cancelled``: the request with this id is not wanted any more."""

    request_id: int | str
    reason: str = ""


class ProgressParams(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``notifications/progress``."""

    progress_token: Token = msgspec.field(name="progressToken")
    progress: float
    total: float | None = None
    message: str = ""
