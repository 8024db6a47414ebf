"""The methods of the native protocol: one table, with typed parameters and results.

Validation, dispatch, role checks and the protocol reference are all made from ``METHODS``.
Unknown members in parameters are ignored, so that either side may be newer than the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec

from agentgate_proto.limits import (
    CODE_CHARS_MAX,
    JOIN_S_MAX,
    LIST_ROWS_MAX,
    NAME_CHARS_MAX,
    TOKEN_CHARS_MAX,
    WORDS_CHARS_MAX,
)
from agentgate_proto.principal import Role
from agentgate_proto.records.approval import ApprovalView, GrantView
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.mute import MuteView
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.rpc.agent_methods import AgentLogin, AgentLogout, LoginAgent, LogoutAgent
from agentgate_proto.rpc.behalf import OnBehalf, RelayedApproval
from agentgate_proto.rpc.explain_methods import ExplainRequest, RequestExplained
from agentgate_proto.rpc.mute_methods import ListMutes, MuteAgent, MuteList
from agentgate_proto.rpc.results import (
    CancelResult,
    EditPreview,
    GrantWords,
    RequestList,
    ToolList,
)
from agentgate_proto.rpc.session_methods import (
    Attached,
    AttachSession,
    CancelRun,
    CreateSession,
    DeleteSession,
    Detached,
    DetachSession,
    GetSession,
    Inspection,
    InspectSession,
    ListSessions,
    MessageTaken,
    RunCancelled,
    SendMessage,
    SessionDeleted,
    SessionEvents,
    SessionList,
)
from agentgate_proto.rpc.tool_methods import (
    CallTool,
    ProvideTools,
    StopTool,
    ToolCalled,
    ToolsProvided,
)
from agentgate_proto.rpc.upstream_methods import ListUpstreams, UpstreamList
from agentgate_proto.rpc.usage_methods import ListModels, ModelList, ReportUsage, UsageReport
from agentgate_proto.rpc.wire_results import ExecutedResult, PendingReply

Token = Annotated[str, msgspec.Meta(min_length=1, max_length=TOKEN_CHARS_MAX)]
Name = Annotated[str, msgspec.Meta(max_length=NAME_CHARS_MAX)]
NameOfTool = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Code = Annotated[str, msgspec.Meta(max_length=CODE_CHARS_MAX)]
Words = Annotated[str, msgspec.Meta(max_length=WORDS_CHARS_MAX)]
IdOfRequest = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)] | Name


class Auth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Say who is calling. Must be the first message, within 10 s of the handshake.

    Attributes:
        token: the principal's secret.
        client_id: this client instance, or a stable name of the user's choosing. Request ids are
            scoped to it. Without it the connection is an *old client*.
        progress: send ``request_waiting`` when a person is asked.
    """

    token: Token
    client_id: Name = ""
    progress: bool = False


class AuthResult(msgspec.Struct, frozen=True, kw_only=True):
    """The token is good. A gateway of this version says all of it; a reader takes it with less.

    Attributes:
        status: always "authenticated" (seed 001).
        principal: whom the gateway takes the caller for.
        role: what it may do: one that is known, or a newer gateway's own.
        highest_id: the highest integer request id that the gateway knows for this ``client_id``;
            count on from there.
        epoch: id of the gateway's memory. Another epoch than before: requests sent under the old
            one are not known any more, and may have run.
        retention_s: seconds for which the gateway keeps outcomes that nobody collected; absent: as
            long as the epoch lasts.
    """

    status: Literal["authenticated"]
    principal: str = ""
    role: str = Role.AGENT
    highest_id: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    epoch: str = ""
    retention_s: float | msgspec.UnsetType = msgspec.UNSET


class ToolRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ask for a tool. Answered when the request has its outcome, which may take a person's time.

    Attributes:
        tool: name of the tool.
        args: its arguments.
        idempotency_key: the caller's own name for this very act. A second request of the same
            principal with the same key and content gets the first one's outcome and runs nothing.
        join_s: an identical request of the same principal that is under way, or ended at most so
            many seconds ago, is this one: a write that was executed is not run again, and nobody is
            asked again for what was denied or is not delivered yet. It says nothing beside a key.
        why: for people who are asked about it: why the agent asks, in its own words. Policy never
            sees it, and it makes no difference to what a repeat is.
        on_behalf_of: of a relay: whose request it passes on (-32018: it was here before).
        approved: of a relay: a person has said yes there.
        must_ask: of a relay: ask a person here, even where the policy allows it.
    """

    tool: NameOfTool
    args: dict[str, Any] = {}
    idempotency_key: Name = ""
    join_s: Annotated[float, msgspec.Meta(ge=0, le=JOIN_S_MAX)] = 0.0
    why: Words = ""
    on_behalf_of: OnBehalf | None = None
    approved: RelayedApproval | None = None
    must_ask: bool = False


class GetPendingResults(msgspec.Struct, frozen=True, kw_only=True):
    """Collect the outcomes that could not be delivered before (seed 001, FR5)."""


class ListTools(msgspec.Struct, frozen=True, kw_only=True):
    """List the tools that the caller may ask for."""


class ListRequests(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """List the caller's own requests, newest first; an operator sees everybody's. Changes nothing.

    A row has the beginning of what is long, and names it in ``shortened``.

    Attributes:
        open_only: only what is not done, or done and not collected.
        limit: rows at most. There may be fewer, if they are large: ``more`` says so.
        before: the ``id`` of a request: only older ones. That of the last row gets the next page.
        id: of one request, which is answered whole; the other parameters do not count then.
    """

    open_only: bool = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIST_ROWS_MAX)] = 100
    before: Name = ""
    id: Name = ""


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Withdraw a request of one's own. The result's ``status`` says what came of it.

    ``cancelled``: it will not run. ``too_late``: it has run, or another request of yours, which
    has joined it, still wants it. ``stopping``: it was to run, or runs, and is being stopped; the
    outcome tells how that went. ``unknown_request``: there is no such request.
    """

    request_id: IdOfRequest


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to this sequence number has arrived and need not be kept (I6)."""

    seq: int


class ListApprovals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """List the approvals that wait for a person, oldest first.

    A view has the beginning of what is long, and names it in ``shortened``.

    Attributes:
        after: the ``id`` of an approval: only what came after it. That of the last gets the next
            page.
        id: of one approval, which is answered whole if it waits.
    """

    after: Name = ""
    id: Name = ""


class WatchApprovals(msgspec.Struct, frozen=True, kw_only=True):
    """Like ``list_approvals``; from now on ``approval_changed`` reports each change."""


class DecideApproval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Answer an approval. The first durable answer wins; a later one gets -32009 with the facts.

    Attributes:
        id: the approval's id.
        decision: "approve" or "deny".
        code: the approver's one-time code, where the approval needs one to say yes.
        grant: what else this yes is to cover, if anything.
        word: what the person says to the agent with it.
        edit: with a yes: what it is a yes to instead of what was asked. The policy is asked about
            that, and what it denies goes on waiting as it was asked (-32003).
    """

    id: Name
    decision: Literal["approve", "deny"]
    code: Code = ""
    grant: GrantTerms | None = None
    word: Words = ""
    edit: EditTerms | None = None


class ApprovalList(msgspec.Struct, frozen=True, omit_defaults=True):
    """The approvals that wait, oldest first.

    Attributes:
        approvals: as many as one reply holds.
        more: there are others: ask again, ``after`` the last one.
    """

    approvals: list[ApprovalView]
    more: bool = False


class ListGrants(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """List the grants, newest first: those in force, and for some days those that are over.

    Attributes:
        before: the ``id`` of a grant: only older ones. That of the last gets the next page.
    """

    before: Name = ""


class PreviewGrant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Say in words what a grant would allow, for a person to confirm. Changes nothing.

    Attributes:
        id: the id of the approval with which it would be given.
        grant: its terms.
        edit: what would be approved with it, instead of what was asked.
    """

    id: Name
    grant: GrantTerms
    edit: EditTerms | None = None


class PreviewEdit(msgspec.Struct, frozen=True, kw_only=True):
    """Say what an edit would make of a request, for a person to confirm. Changes nothing.

    Answered with an error as ``decide_approval`` would be, if it can't be approved so.

    Attributes:
        id: the id of the approval that it is about.
        edit: what is changed.
    """

    id: Name
    edit: EditTerms


class RevokeGrant(msgspec.Struct, frozen=True, kw_only=True):
    """End a grant now. Doing so twice is harmless.

    Attributes:
        id: the grant's id.
    """

    id: Name


class GrantList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Grants, newest first.

    Attributes:
        grants: as many as one reply holds.
        more: there are older ones: ask again, ``before`` the last one.
    """

    grants: list[GrantView]
    more: bool = False


class Reload(msgspec.Struct, frozen=True, kw_only=True):
    """Read policy, principals and tokens anew. What can't be used leaves the old in force."""


class ReloadReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a reload.

    Attributes:
        status: "reloaded", or "refused": everything is as it was before.
        policy, rules, digest: the policy in force, how many rules it has, the SHA-256 of its file
            in hex ("" if it is no file).
        principals: how many may connect.
        warnings: what the operator should know, each one line.
        restart: keys of the configuration that have changed and need a restart.
        errors: why it was refused, each with file and line.
    """

    status: Literal["reloaded", "refused"]
    policy: str
    rules: int
    digest: str
    principals: int
    warnings: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


class RequestWaiting(msgspec.Struct, frozen=True, kw_only=True):
    """Gateway to client: a person is asked about a request of yours."""

    request_id: int | str
    expires_at: str
    rule: str = ""


class Kind(Enum):
    """Whether a method is answered."""

    REQUEST = "request"
    NOTIFICATION = "notification"


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the table.

    Attributes:
        name: the JSON-RPC method name.
        params: type of its parameters; its docstring documents the method.
        result: type of its result; None for a notification.
        roles: who may call it; empty: a gateway only.
        kind: request or notification.
        before_auth: allowed on a connection that is not authenticated yet.
        alone: one at a time on a connection: it reads much, and is answered later.
    """

    name: str
    params: type[msgspec.Struct]
    result: type[msgspec.Struct] | None = None
    roles: frozenset[Role] = frozenset()
    kind: Kind = Kind.REQUEST
    before_auth: bool = False
    alone: bool = False

    def not_for(self, role: Role) -> str:
        """Say to somebody that the method is for others, and for whom."""
        others = " or ".join(sorted(self.roles))
        return f"{self.name} is not for the role {role.value}, but for {others}"


AGENTS = frozenset({Role.AGENT})
ASKERS = AGENTS | {Role.RELAY}
"""Who may ask for tools."""
OPERATORS = frozenset({Role.OPERATOR})
PEOPLE = frozenset({Role.APPROVER, Role.OPERATOR})
LOOKERS = AGENTS | {Role.OPERATOR}
"""Who may look at sessions: whose they are, and who runs the gateway."""
TALKERS = frozenset({Role.CONSOLE, Role.RELAY})
"""Who talks to named agents, when logged in; of sessions they see those agents' only."""
EVERYONE = frozenset(Role)

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("auth", Auth, AuthResult, EVERYONE, before_auth=True),
        Method("tool_request", ToolRequest, ExecutedResult, ASKERS),
        Method("get_pending_results", GetPendingResults, PendingReply, ASKERS),
        Method("cancel_request", CancelRequest, CancelResult, ASKERS),
        Method("ack", Ack, None, ASKERS, Kind.NOTIFICATION),
        Method("list_tools", ListTools, ToolList, ASKERS),
        Method("list_requests", ListRequests, RequestList, LOOKERS | ASKERS, alone=True),
        Method("tools.provide", ProvideTools, ToolsProvided, AGENTS),
        Method("list_approvals", ListApprovals, ApprovalList, PEOPLE),
        Method("watch_approvals", WatchApprovals, ApprovalList, PEOPLE),
        Method("decide_approval", DecideApproval, ApprovalView, PEOPLE),
        Method("list_grants", ListGrants, GrantList, PEOPLE),
        Method("preview_grant", PreviewGrant, GrantWords, PEOPLE),
        Method("preview_edit", PreviewEdit, EditPreview, PEOPLE),
        Method("revoke_grant", RevokeGrant, GrantView, PEOPLE),
        Method("mute_agent", MuteAgent, MuteView, PEOPLE),
        Method("list_mutes", ListMutes, MuteList, PEOPLE),
        Method("explain_request", ExplainRequest, RequestExplained, PEOPLE),
        Method("reload", Reload, ReloadReport, OPERATORS),
        Method("list_upstreams", ListUpstreams, UpstreamList, OPERATORS),
        Method("list_models", ListModels, ModelList, LOOKERS),
        Method("create_session", CreateSession, SessionView, AGENTS),
        Method("list_sessions", ListSessions, SessionList, LOOKERS, alone=True),
        Method("get_session", GetSession, SessionView, LOOKERS | TALKERS),
        Method("delete_session", DeleteSession, SessionDeleted, LOOKERS),
        Method("send_message", SendMessage, MessageTaken, AGENTS | TALKERS),
        Method("attach_session", AttachSession, Attached, LOOKERS | TALKERS),
        Method("detach_session", DetachSession, Detached, LOOKERS | TALKERS),
        Method("cancel_run", CancelRun, RunCancelled, AGENTS | TALKERS),
        Method("inspect_session", InspectSession, Inspection, LOOKERS, alone=True),
        Method("report_usage", ReportUsage, UsageReport, LOOKERS, alone=True),
        Method("tools.call", CallTool, ToolCalled),
        Method("tools.cancel", StopTool, kind=Kind.NOTIFICATION),
        Method("login_agent", LoginAgent, AgentLogin, TALKERS),
        Method("logout_agent", LogoutAgent, AgentLogout, TALKERS),
        Method("session_event", SessionEvents, kind=Kind.NOTIFICATION),
        Method("request_waiting", RequestWaiting, kind=Kind.NOTIFICATION),
        Method("approval_changed", ApprovalView, kind=Kind.NOTIFICATION),
    )
}
