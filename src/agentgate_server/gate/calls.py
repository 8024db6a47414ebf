"""Calls: what each method of the native protocol does here. Roles were checked by the core."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec import UNSET

from agentgate_proto.errors import ErrorCode
from agentgate_proto.ledger.admission import Asked
from agentgate_proto.ledger.ledger import Ledger
from agentgate_proto.principal import Principal, Role
from agentgate_proto.records.approval import approval_status
from agentgate_proto.records.request import Record, rfc3339
from agentgate_proto.records.storage import Answer as StoreAnswer
from agentgate_proto.records.storage import ListRequests as ListRequestsQuery
from agentgate_proto.rpc.jsonrpc import RequestId
from agentgate_proto.rpc.messages import (
    ApprovalList,
    CancelRequest,
    DecideApproval,
    GetPendingResults,
    GrantList,
    ListApprovals,
    ListGrants,
    ListRequests,
    ListTools,
    PreviewGrant,
    Reload,
    RevokeGrant,
    ToolRequest,
    WatchApprovals,
)
from agentgate_proto.rpc.results import (
    Expectation,
    GrantWords,
    RequestList,
    RequestRow,
    ToolList,
    ToolRow,
)
from agentgate_proto.rpc.wire_results import RowError
from agentgate_server.approvals.desk import Desk
from agentgate_server.approvals.watchers import Watchers
from agentgate_server.errors import ArgumentError
from agentgate_server.gate.judge import Judge
from agentgate_server.observing import Observers
from agentgate_server.policy import signature_of
from agentgate_server.secrets.masking import CallInProgress, Masker
from agentgate_server.sockets.peer import Peer
from agentgate_server.sockets.replies import NativeReply, Reply
from agentgate_server.store.writer import StoreWriter
from agentgate_server.tools.catalogue import Catalogue


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

    def take(self, peer: Peer, request_id: RequestId, params: msgspec.Struct) -> None:
        """Act on a call that came on a connection."""
        match params:
            case ToolRequest():
                assert request_id is not None, "the core refuses a tool request without an id"
                self._request_tool(peer, request_id, params)
            case GetPendingResults():
                self.ledger.collect(peer.number, request_id)
            case CancelRequest(request_id=target):
                self.ledger.cancel(peer.number, request_id, target, self.utc())
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
            case ListApprovals() | WatchApprovals():
                reply.result(ApprovalList(self.desk.waiting()))
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
                )
            case ListGrants():
                reply.result(GrantList(self.desk.grants()))
            case PreviewGrant():
                self._preview_grant(params, reply)
            case RevokeGrant(id=grant_id):
                self.desk.revoke(
                    grant_id,
                    approver=principal.name,
                    channel=channel,
                    now=self.utc(),
                    reply=reply,
                )
            case ListTools():
                reply.result(ToolList(self._list_tools(principal)))
            case ListRequests(open_only=open_only, limit=limit):
                whose = None if principal.role is Role.OPERATOR else principal.name
                query = ListRequestsQuery(whose, limit, open_only)
                self.writer.ask(query, Listing(reply, self.masker, to_asker=whose is not None))
            case Reload():
                self.reload(reply)
            case _:
                reply.error(ErrorCode.METHOD_NOT_FOUND, "", None)

    def _request_tool(self, peer: Peer, request_id: int | str, params: ToolRequest) -> None:
        """See that the tool exists and the arguments fit, before anybody is asked about it."""
        tool = self.catalogue.get(params.tool)
        if tool is None:
            text = f"Unknown tool: {params.tool}; list_tools says what there is"
            self.observers.refused(peer.name, params.tool, ErrorCode.TOOL_FAILED)
            peer.connection.send_error(request_id, ErrorCode.TOOL_FAILED, text)
            return
        try:
            tool.check(params.args)
        except ArgumentError as error:
            with CallInProgress(tool.name, params.args):
                text = self.masker.told(f"Invalid params: {error}")
            self.observers.refused(peer.name, tool.name, ErrorCode.INVALID_PARAMS)
            peer.connection.send_error(request_id, ErrorCode.INVALID_PARAMS, text)
            return
        now = self.utc()
        asked = Asked(
            link=peer.number,
            rid=self.rids(now),
            request_id=request_id,
            tool=tool.name,
            args=params.args,
            effects=tool.effects,
            signature=signature_of(tool.name, params.args),
            idempotency_key=params.idempotency_key,
        )
        self.ledger.receive(asked, now)

    def _preview_grant(self, params: PreviewGrant, reply: Reply) -> None:
        try:
            words = self.desk.preview(params.id, params.grant, self.utc())
        except LookupError as error:
            reply.error(ErrorCode.NOT_FOUND, str(error), None)
        except ValueError as error:
            reply.error(ErrorCode.INVALID_PARAMS, str(error), None)
        else:
            reply.result(GrantWords(words))

    def _list_tools(self, principal: Principal) -> list[ToolRow]:
        """What a principal may ask for, with the decision to expect; what is denied is left out."""
        rows = []
        for tool in self.catalogue:
            expected = self.judge.expect(principal.name, tool)
            if expected == "deny":
                continue
            rows.append(
                ToolRow(
                    name=tool.name,
                    description=tool.description,
                    effects=tool.effects,
                    args=tool.schema,
                    decision=Expectation(expected or "depends"),
                )
            )
        return rows


class Listing:
    """Turns the store's answer to ``list_requests`` into a reply, without secrets."""

    def __init__(self, reply: Reply, masker: Masker, *, to_asker: bool) -> None:
        self.reply = reply
        self.masker = masker
        self.to_asker = to_asker

    def __call__(self, answer: StoreAnswer, problem: str) -> None:
        """Take the answer, or why there is none."""
        if problem:
            self.reply.error(ErrorCode.INTERNAL_ERROR, problem, None)
        else:
            assert isinstance(answer, list), "the query is for a list"
            shown = [self.masker.record(record, to_asker=self.to_asker) for record in answer]
            rows = [request_row(record) for record in shown]
            self.reply.result(RequestList(rows))


def request_row(record: Record) -> RequestRow:
    """One row of ``list_requests``."""
    outcome = record.outcome
    failed = outcome is not None and outcome.code
    return RequestRow(
        id=record.rid,
        agent=record.principal,
        client_id=record.client_id,
        request_id=record.request_id,
        tool=record.tool,
        args=record.args,
        signature=record.signature,
        rule=record.rule,
        phase=record.phase,
        created_at=rfc3339(record.created_at),
        delivered=record.delivered,
        approval=approval_status(record) if record.expires_at else UNSET,
        expires_at=rfc3339(record.expires_at) if record.expires_at else UNSET,
        decided_by=record.approver or UNSET,
        channel=record.channel if record.approver else UNSET,
        status=outcome.status if outcome else UNSET,
        resolved_at=rfc3339(record.resolved_at) if outcome else UNSET,
        data=outcome.data if outcome and not failed else UNSET,
        error=RowError(outcome.code, outcome.message) if outcome and failed else UNSET,
    )
