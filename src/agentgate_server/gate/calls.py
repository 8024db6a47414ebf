"""Calls: what each method of the native protocol does here. Roles were checked by the core."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from agentgate_proto.connection.events import Called, Unread
from agentgate_proto.errors import ErrorCode
from agentgate_proto.faces import http_api
from agentgate_proto.ledger.admission import Asked
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.principal import Principal, Role
from agentgate_proto.quotas import arguments
from agentgate_proto.records.request import NOT_RELAYED, Relayed
from agentgate_proto.rpc.agent_methods import LoginAgent, LogoutAgent
from agentgate_proto.rpc.behalf import heard, objection_to
from agentgate_proto.rpc.explain_methods import ExplainRequest
from agentgate_proto.rpc.messages import (
    CancelRequest,
    DecideApproval,
    GetPendingResults,
    ListApprovals,
    ListGrants,
    ListRequests,
    ListTools,
    PreviewEdit,
    PreviewGrant,
    Reload,
    RevokeGrant,
    ToolRequest,
    WatchApprovals,
)
from agentgate_proto.rpc.mute_methods import ListMutes, MuteAgent, MuteList
from agentgate_proto.rpc.results import GrantWords, ToolList, ToolRow
from agentgate_proto.rpc.tool_methods import ProvideTools
from agentgate_proto.rpc.upstream_methods import ListUpstreams, UpstreamList
from agentgate_proto.sessions.runs import EXCEED_BUDGET
from agentgate_server.approvals.desk import Desk
from agentgate_server.approvals.watchers import Watchers
from agentgate_server.errors import ArgumentError
from agentgate_server.gate.explaining import Explainer
from agentgate_server.gate.in_turn import InTurn
from agentgate_server.gate.judge import Judge
from agentgate_server.gate.listing import Listing, Task, tool_rows
from agentgate_server.gate.nearest import OF_SESSION, unknown_for
from agentgate_server.gate.providing import Providing
from agentgate_server.gate.session_calls import NO_SESSIONS, SESSION_METHODS, SessionCalls
from agentgate_server.observing import Observers
from agentgate_server.policy import person_sees
from agentgate_server.relay.link import OpenUpstreams
from agentgate_server.secrets.masking import CallInProgress, Masker
from agentgate_server.sessions.agents import AgentDesk
from agentgate_server.sessions.desk import SessionDesk
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import NativeReply, Reply, answer_with
from agentgate_server.store.writer import StoreWriter
from agentgate_server.tools.catalogue import Catalogue
from agentgate_server.tools.tool import Tool

encode = msgspec.json.Encoder().encode


class Calls:
    """The methods.

    Args:
        catalogue: the tools.
        ledger: where requests live.
        desk: where people's answers go.
        watchers: who hears of every change of an approval.
        judge: says what to expect of the policy.
        writer: asks the store.
        masker: hides secrets from people.
        observers: hears what is refused.
        utc: the clock of the ledger, UTC seconds.
        rids: makes the id of a request that comes now.
        reload: reads policy and principals anew; the reply gets the report.
        providing: takes the tools that clients offer.
        explainer: says what the policy would say.
        epoch: of this gateway, once it is known.
        upstreams: the gateways behind this one, if there are any.
        spawn: runs a task as the work of whoever has a turn now.
        charged: makes a task that is run later that, too.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        ledger: Ledger,
        desk: Desk,
        watchers: Watchers,
        *,
        judge: Judge,
        writer: StoreWriter,
        masker: Masker,
        observers: Observers,
        utc: Callable[[], float],
        rids: Callable[[float], str],
        reload: Callable[[Reply], None],
        providing: Providing,
        explainer: Explainer,
        epoch: Callable[[], str],
        upstreams: OpenUpstreams | None = None,
        spawn: Callable[..., None],
        charged: Callable[[Task], Task],
    ) -> None:
        self.catalogue = catalogue
        self.ledger = ledger
        self.desk = desk
        self.watchers = watchers
        self.judge = judge
        self.writer = writer
        self.masker = masker
        self.observers = observers
        self.utc = utc
        self.rids = rids
        self.reload = reload
        self.providing = providing
        self.explainer = explainer
        self.epoch = epoch
        self.upstreams = upstreams
        self.spawn = spawn
        self.charged = charged
        limits = ledger.limits
        self._small_bytes = arguments.small_bytes(limits.args_bytes_max, limits.args_values_max)
        self._lists = InTurn()
        self.sessions: SessionDesk | None = None
        self.session_calls = SessionCalls(None, never)

    def serve_sessions(
        self, sessions: SessionDesk, agents: AgentDesk, spawn: Callable[..., None]
    ) -> None:
        """There are sessions."""
        self.sessions = sessions
        self.session_calls = SessionCalls(sessions, spawn, agents, self.epoch)

    def closed(self, peer: Peer) -> None:
        """A connection is over."""
        self.watchers.remove(peer)
        self.providing.closed(peer)
        self.session_calls.closed(peer)

    def take(self, peer: Peer, event: Called | Unread) -> None:
        """Act on a call that came on a connection, or count one that was too large to be read."""
        if isinstance(event, Unread):
            self._owe(peer.name, event.size)
            return
        request_id, params, size = event.id, event.params, event.size
        match params:
            case ToolRequest():
                assert request_id is not None, "the core refuses a tool request without an id"
                self._request_tool(peer, request_id, params, size)
            case GetPendingResults():
                self.ledger.collect(peer.number, request_id)
            case CancelRequest(request_id=target):
                self.ledger.cancel(peer.number, request_id, target, self.utc())
            case LoginAgent() | LogoutAgent():
                self.session_calls.agents.take(peer, request_id, params)
            case ProvideTools():
                self.providing.take(peer, request_id, params)
            case _ if isinstance(params, SESSION_METHODS):
                self.session_calls.take(peer, request_id, params)
            case _:
                principal = peer.connection.principal
                assert principal is not None, "the core lets nobody else call"
                reply = NativeReply(peer, request_id)
                if isinstance(params, WatchApprovals):
                    self.watchers.add(peer)
                self.answer(principal, params, "terminal", reply)

    def answer(
        self, principal: Principal, params: msgspec.Struct, channel: str, reply: Reply
    ) -> None:
        """Act on a call that any face may make; the reply may come later."""
        match params:
            case ListApprovals(after=after, id=rid):
                answer_with(reply, lambda: self.desk.listed(after, rid))
            case WatchApprovals():
                reply.result(self.desk.listed())
            case DecideApproval():
                self.desk.decide(
                    params.id,
                    approve=params.decision == "approve",
                    approver=principal.name,
                    channel=channel,
                    now=self.utc(),
                    reply=reply,
                    code=params.code,
                    grant=params.grant,
                    word=params.word,
                    edit=params.edit,
                )
            case ListGrants(before=before):
                answer_with(reply, lambda: self.desk.listed_grants(before))
            case PreviewGrant() | PreviewEdit():
                self._preview(params, reply)
            case RevokeGrant(id=grant_id):
                self.desk.revoke(
                    grant_id,
                    approver=principal.name,
                    channel=channel,
                    now=self.utc(),
                    reply=reply,
                )
            case MuteAgent(agent=agent, minutes=minutes):
                answer_with(
                    reply,
                    lambda: self.desk.mute(
                        agent, minutes, approver=principal.name, channel=channel, now=self.utc()
                    ),
                )
            case ListMutes():
                reply.result(MuteList(self.desk.mutes()))
            case ListTools():
                if self._may_list(principal, reply):
                    reply.result(ToolList(self.list_tools(principal)))
            case ListRequests():
                self._list_requests(principal, params, reply)
            case Reload():
                self.reload(reply)
            case _:
                self._tell_operators(principal, params, reply)

    def list_tools(self, principal: Principal, *, listed_only: bool = False) -> list[ToolRow]:
        """What a principal may ask for, with the decision to expect; what is denied is left out.

        Args:
            principal: who asks.
            listed_only: leave out what has a method of its own in MCP.
        """
        return tool_rows(self.catalogue, self.judge, principal.name, listed_only=listed_only)

    def decide(
        self, principal: Principal, params: DecideApproval, channel: str, reply: Reply
    ) -> None:
        """Take a person's answer that came by a face; other roles give none."""
        if http_api.may_call(principal, params):
            self.answer(principal, params, channel, reply)
        else:
            text = f"approvals are not for the role {principal.role.value}"
            reply.error(ErrorCode.FORBIDDEN, text, None)

    def ask_for_session(self, link: int, call: str, tool: str, args: dict[str, Any]) -> None:
        """A session asks for a tool; what can't be taken is told to it at once."""
        assert self.sessions is not None, "a session asks"
        name = f"{OF_SESSION}{link}"
        params = ToolRequest(tool=tool, args=args)
        refusal = self._ask_for_tool(link, name, call, params)
        if refusal is not None:
            self.sessions.tools.refused(link, call, *refusal)

    def ask_for_face(
        self, link: int, who: str, number: int, params: ToolRequest
    ) -> tuple[ErrorCode, str] | None:
        """A face asks for a tool; see ``_ask_for_tool``."""
        if params.tool == EXCEED_BUDGET:  # it is for sessions only
            params = ToolRequest(tool="")
        return self._ask_for_tool(link, who, number, params)

    def _request_tool(
        self, peer: Peer, request_id: int | str, params: ToolRequest, size: int
    ) -> None:
        if params.tool == EXCEED_BUDGET:  # it is for sessions only
            params = ToolRequest(tool="")
        principal = peer.connection.principal
        assert principal is not None, "the core lets nobody else call"
        says_more = params.must_ask or params.approved is not None
        refusal = objection_to(
            params.on_behalf_of, principal.role, self.epoch(), says_more=says_more
        )
        if refusal is not None:
            self.observers.refused(peer.name, params.tool, refusal[0])
        else:
            approved = params.approved if principal.approves else None
            relayed = heard(params.on_behalf_of, approved, params.must_ask)
            refusal = self._ask_for_tool(peer.number, peer.name, request_id, params, relayed, size)
        if refusal is not None:
            peer.connection.send_error(request_id, *refusal)

    def _ask_for_tool(
        self,
        link: int,
        who: str,
        request_id: int | str,
        params: ToolRequest,
        relayed: Relayed = NOT_RELAYED,
        size: int = 0,
    ) -> tuple[ErrorCode, str] | None:
        """See that the tool exists and the arguments fit, before anybody is asked about it.

        What costs least is asked first: who asks too often, or for too much, makes no work.

        Args:
            link, who, request_id: who asks, and as what.
            params: what for.
            relayed: see ``Asked``.
            size: bytes of the parameters as they came; 0: they are counted.

        Returns:
            Why it is not even asked for; None: the ledger has it, or has told why not.
        """
        now, args = self.utc(), params.args
        size = size or len(encode(args))
        if not self.ledger.admits(link, request_id, size, now):
            self.observers.capped(who, "requests")
            return None
        tool = self.catalogue.get(params.tool)
        if tool is None:
            text = unknown_for(who, params.tool, self.catalogue, self.judge)
            self.observers.refused(who, params.tool, ErrorCode.TOOL_FAILED)
            return ErrorCode.TOOL_FAILED, text
        is_small = size <= self._small_bytes and tool.args_bytes_max is None
        objection = "" if is_small else self._too_large(tool, args, size)
        if objection:
            self.observers.capped(who, "arguments")
            self.observers.refused(who, tool.name, ErrorCode.INVALID_PARAMS)
            return ErrorCode.INVALID_PARAMS, f"Invalid params: {objection}"
        try:
            bound = tool.bound(args)
        except ArgumentError as error:
            with CallInProgress(tool.name, args):
                text = self.masker.told(f"Invalid params: {error}")
            self.observers.refused(who, tool.name, ErrorCode.INVALID_PARAMS)
            return ErrorCode.INVALID_PARAMS, text
        # A record in a list may be some bytes as it is written, and many with all its defaults.
        if bound is not None and (objection := self._too_large(tool, bound, len(encode(bound)))):
            self.observers.refused(who, tool.name, ErrorCode.INVALID_PARAMS)
            return ErrorCode.INVALID_PARAMS, f"Invalid params: with defaults {objection}"
        asked = Asked(
            link=link,
            rid=self.rids(now),
            request_id=request_id,
            tool=tool.name,
            args=args,
            bound=bound,
            effects=tool.effects,
            signature=person_sees(tool.name, args if bound is None else bound),
            definition=tool.definition,
            idempotency_key=params.idempotency_key,
            why=params.why,
            relayed=relayed,
            join_s=params.join_s,
        )
        self.ledger.receive(asked, now)
        return None

    def _too_large(self, tool: Tool, args: Mapping[str, Any], size: int) -> str:
        """Say why the arguments are too large for a tool; "": they are not."""
        limits = self.ledger.limits
        given = tool.args_bytes_max
        return arguments.objection_to(
            args,
            size,
            tool=tool.name,
            bytes_max=limits.args_bytes_max if given is None else given,
            values_max=limits.args_values_max,
        )

    def _list_requests(self, principal: Principal, params: ListRequests, reply: Reply) -> None:
        if not self._may_list(principal, reply):
            return
        name = principal.name
        whose = None if principal.role is Role.OPERATOR else name
        over = partial(self._lists.over, name)
        tasks = self.spawn, self.charged
        listing = Listing(params, whose, reply, self.masker, self._owe, *tasks, over)
        self._lists.ask(name, lambda: self.writer.ask(listing.query, listing, name))

    def _owe(self, principal: str, size: int) -> None:
        self.ledger.owe(principal, size, self.utc())

    def _tell_operators(self, principal: Principal, params: msgspec.Struct, reply: Reply) -> None:
        match params:
            case ExplainRequest():
                self.explainer.answer(principal, params, self.utc(), reply)
            case ListUpstreams():
                rows = self.upstreams.rows() if self.upstreams is not None else []
                reply.result(UpstreamList(rows))
            case _:
                reply.error(ErrorCode.METHOD_NOT_FOUND, "", None)

    def _may_list(self, principal: Principal, reply: Reply) -> bool:
        """Count a listing; whoever wants too many is told so."""
        objection = self.ledger.objection_to_listing(principal.name, self.utc())
        if objection is None:
            return True
        text, pause = objection
        self.observers.capped(principal.name, "requests")
        reply.error(ErrorCode.LIMIT_EXCEEDED, text, {"retry_after_s": round(pause, 3)})
        return False

    def _preview(self, params: PreviewGrant | PreviewEdit, reply: Reply) -> None:
        now = self.utc()
        if isinstance(params, PreviewEdit):
            edit = params.edit
            answer_with(reply, lambda: self.desk.preview_edit(params.id, edit, now))
        else:
            terms, of = params.grant, params.edit
            answer_with(reply, lambda: GrantWords(self.desk.preview(params.id, terms, now, of)))


def never(*_: Any) -> None:
    """There is nothing to start."""
    raise AssertionError(NO_SESSIONS)
