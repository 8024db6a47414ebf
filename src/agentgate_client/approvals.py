"""The SDK of a person: see what waits for an answer, and give it."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any, Literal, get_args
from uuid import uuid4
from weakref import WeakSet

import anyio
import msgspec
from anyio.lowlevel import checkpoint

from agentgate_client.approval_results import (
    ApprovalRows,
    Approvals,
    GrantRows,
    Grants,
    Mutes,
    OneApproval,
    Preview,
    rows_of,
    view_of,
)
from agentgate_client.decoding import view_from
from agentgate_client.driver import Driver, fresh
from agentgate_client.endpoint import make_endpoint
from agentgate_client.lifecycle import Client, OnState, make_backoff
from agentgate_client.tls import FilePath
from agentgate_proto.client.backoff import Backoff
from agentgate_proto.client.events import ClientState, Settled, StateChanged
from agentgate_proto.errors import AgentGateError, ErrorCode
from agentgate_proto.limits import CLIENT_LIMITS, Limits
from agentgate_proto.records.approval import ApprovalView, GrantView
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.mute import MuteView
from agentgate_proto.rpc.explain_methods import ExplainRequest, RequestExplained
from agentgate_proto.rpc.messages import (
    DecideApproval,
    ListApprovals,
    ListGrants,
    PreviewEdit,
    PreviewGrant,
    Reload,
    ReloadReport,
    RevokeGrant,
    WatchApprovals,
)
from agentgate_proto.rpc.mute_methods import ListMutes, MuteAgent, MuteList
from agentgate_proto.rpc.results import EditPreview
from agentgate_proto.rpc.upstream_methods import ListUpstreams, UpstreamList, UpstreamRow

WATCHED_MAX = 10_000
"""Approvals that a watch holds. Beyond it the one who watches is too slow to need each change: the
watch forgets them all and asks for a fresh list when it is looked at again."""

Decision = Literal["approve", "deny"]

Upstreams = list[UpstreamRow]


class ApprovalsClient(Client):
    """An approver's connection to a gateway, for a token with the role approver or operator.

    Connecting, closing, state and health are as for
    :class:`agentgate_client.client.AgentGateClient`, and so are the arguments.
    """

    def __init__(
        self,
        url: str,
        token: str,
        max_retries: int | None = None,
        *,
        ca_file: FilePath | None = None,
        cert_file: FilePath | None = None,
        key_file: FilePath | None = None,
        ssl_context: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        insecure: bool | None = None,
        on_state: OnState | None = None,
        jitter: bool = False,
        backoff: Backoff | None = None,
        limits: Limits = CLIENT_LIMITS,
    ) -> None:
        endpoint = make_endpoint(
            url=url,
            token=token,
            client_id=str(uuid4()),
            progress=False,
            ca_file=ca_file,
            cert_file=cert_file,
            key_file=key_file,
            ssl_context=ssl_context,
            headers=headers,
            limits=limits,
            proxy=proxy,
            insecure=insecure,
        )
        super().__init__(endpoint, make_backoff(max_retries, jitter, backoff), on_state)
        self._watches: WeakSet[ApprovalWatch] = WeakSet()

    async def reload(self) -> ReloadReport:
        """Let the gateway read policy, principals and tokens anew, as an operator.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        return view_from(await self._driver.call("reload", Reload(), None), ReloadReport)

    async def explain(
        self, tool: str, args: Mapping[str, Any] | None = None, *, agent: str = ""
    ) -> RequestExplained:
        """Say what the policy in force decides about a request, and why; nothing runs.

        Args:
            tool: the tool's name.
            args: its arguments, JSON.
            agent: who would ask; "": the gateway's first agent.

        Raises:
            AgentGateError: there is no such tool (-32011), its arguments do not fit (-32602), or
                the call failed.
        """
        params = ExplainRequest(tool=tool, args=dict(args or {}), agent=agent)
        result = await self._driver.call("explain_request", params, None)
        return view_from(result, RequestExplained)

    async def upstreams(self) -> Upstreams:
        """List the gateways behind this one, and how the link to each is, as an operator.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        result = await self._driver.call("list_upstreams", ListUpstreams(), None)
        return view_from(result, UpstreamList).upstreams

    async def list(self) -> Approvals:
        """List the approvals that wait for an answer, oldest first.

        What is long in one of them is not whole, and named in its ``shortened``: ``get`` has it.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        views: Approvals = []
        page = ApprovalRows([], more=True)
        while page.more and len(views) < WATCHED_MAX:
            params = ListApprovals(after=views[-1].id if views else "")
            try:
                page = rows_of(await self._driver.call("list_approvals", params, None))
            except AgentGateError as error:
                if error.code != ErrorCode.NOT_FOUND or not views:
                    raise
                views.clear()  # the last one was settled meanwhile: nobody knows what follows it
                continue
            views += page.approvals
        return views

    async def get(self, approval_id: str) -> ApprovalView:
        """Return one approval that waits for an answer, whole.

        Raises:
            AgentGateError: no such approval waits (-32011), or the role may not (-32010).
        """
        result = await self._driver.call("list_approvals", ListApprovals(id=approval_id), None)
        return view_from(result, OneApproval).approvals[0]

    def watch(self) -> ApprovalWatch:
        """Follow the approvals: first those that wait now, then each change.

        Raises:
            AgentGateConnectionError: the client is not connected, nor about to be.
        """
        watch = ApprovalWatch(self._driver)
        watch.subscribe()
        self._watches.add(watch)
        return watch

    async def decide(
        self,
        approval_id: str,
        decision: Decision,
        *,
        code: str = "",
        grant: GrantTerms | None = None,
        word: str = "",
        edit: EditTerms | None = None,
    ) -> ApprovalView:
        """Answer an approval. The first answer counts, whichever way it came.

        Where it takes several people, a yes that is not the last leaves it "waiting", with one more
        name in ``approved_by``.

        If the connection breaks meanwhile, the answer is given again after reconnecting; if it
        turns out that it had been taken the first time, that counts as success.

        Args:
            approval_id: which one.
            decision: "approve" or "deny".
            code: the person's one-time code, where saying yes takes one.
            grant: what else a yes is to cover; see ``preview_grant``.
            word: what the person says to the agent with it, up to 500 characters.
            edit: what the yes is to instead of what was asked; see ``preview_edit``.

        Returns:
            The approval as it stands now.

        Raises:
            AgentGateError: it was settled before, or you have said yes already (-32009; ``data`` is
                the approval as it stands), there is no such approval (-32011), it takes a one-time
                code (-32012), no such grant can be given (-32602, -32006), no such edit be made
                (-32602), policy denies what it would make of it (-32003), or the role may not
                decide (-32010).
            AgentGateConnectionError: the client was closed or has given up; whether the answer was
                taken is not known.
            ValueError: the decision is neither "approve" nor "deny".
        """
        if decision not in get_args(Decision):
            raise ValueError('decision is "approve" or "deny"')
        params = DecideApproval(
            id=approval_id, decision=decision, code=code, grant=grant, word=word, edit=edit
        )
        return view_of(await self._driver.call("decide_approval", params, None))

    async def grants(self) -> Grants:
        """List the grants, newest first: those in force, and for some days those that are over.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        grants: Grants = []
        page = GrantRows([], more=True)
        while page.more and len(grants) < WATCHED_MAX:
            params = ListGrants(before=grants[-1].id if grants else "")
            page = view_from(await self._driver.call("list_grants", params, None), GrantRows)
            grants += page.grants
        return grants

    async def preview_grant(
        self, approval_id: str, grant: GrantTerms, edit: EditTerms | None = None
    ) -> str:
        """Return in words what a grant would allow, for a person to confirm. Changes nothing.

        Args:
            approval_id: the approval with which it would be given.
            grant: its terms.
            edit: what would be approved with it, instead of what was asked.

        Raises:
            AgentGateError: no such approval waits (-32011), no such grant can be given with it
                (-32602), or the role may not (-32010).
        """
        params = PreviewGrant(id=approval_id, grant=grant, edit=edit)
        result = await self._driver.call("preview_grant", params, None)
        return view_from(result, Preview).words

    async def preview_edit(self, approval_id: str, edit: EditTerms) -> EditPreview:
        """Return what an edit would make of a request, for a person to confirm. Changes nothing.

        Raises:
            AgentGateError: no such approval waits (-32011), the edit can't be made (-32602), policy
                denies it (-32003), or the role may not (-32010).
        """
        params = PreviewEdit(id=approval_id, edit=edit)
        return view_from(await self._driver.call("preview_edit", params, None), EditPreview)

    async def revoke_grant(self, grant_id: str) -> GrantView:
        """End a grant at once; doing so twice is harmless.

        Raises:
            AgentGateError: there is no such grant (-32011), its end could not be stored (-32603),
                or the role may not (-32010).
        """
        result = await self._driver.call("revoke_grant", RevokeGrant(id=grant_id), None)
        return view_from(result, GrantView)

    async def mute(self, agent: str, minutes: float = 60.0) -> MuteView:
        """Let nobody be asked about an agent's requests for a time; 0 minutes end that.

        What would ask is refused meanwhile (-32006); what waits already may be answered.

        Raises:
            AgentGateError: there is no such agent (-32011), that is no time (-32602), or the role
                may not (-32010).
        """
        params = MuteAgent(agent=agent, minutes=minutes)
        return view_from(await self._driver.call("mute_agent", params, None), MuteView)

    async def mutes(self) -> Mutes:
        """List the agents about whose requests nobody is asked at present.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        return view_from(await self._driver.call("list_mutes", ListMutes(), None), MuteList).mutes

    def state_changed(self, change: StateChanged) -> None:
        """See :class:`agentgate_client.driver.Listener`."""
        super().state_changed(change)
        for watch in list(self._watches):
            if change.state is ClientState.CONNECTED:
                watch.reconnected()
            elif change.state is ClientState.CLOSED:
                watch.end(change.error)

    def pushed(self, params: msgspec.Struct) -> None:
        """See :class:`agentgate_client.driver.Listener`."""
        if isinstance(params, ApprovalView):
            for watch in list(self._watches):
                watch.take(params)


class ApprovalWatch:
    """An asynchronous iterator of approvals: first those that wait, then each that changed.

    It outlives connections: after a reconnect it goes on with what has changed meanwhile. An
    approval that was settled while nobody was connected comes with the status "settled": the
    gateway's list no longer has it, and says no more. If several changes of one approval come
    faster than they are taken, only the newest is kept.

    It ends when the client is closed, and raises the reason if the client gave up.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._waiting: dict[str, ApprovalView] = {}
        self._news: dict[str, ApprovalView] = {}
        self._arrived = anyio.Event()
        self._asking = False
        self._listing: Approvals = []
        self._overrun = False
        self._ended = False
        self._error: AgentGateError | None = None

    def __aiter__(self) -> ApprovalWatch:
        return self

    async def __anext__(self) -> ApprovalView:
        await checkpoint()
        while not self._news:
            if self._error is not None:
                raise fresh(self._error)
            if self._ended:
                raise StopAsyncIteration
            if self._overrun:
                self._overrun = False
                self.subscribe()
            self._arrived = anyio.Event()
            await self._arrived.wait()
        return self._news.pop(next(iter(self._news)))

    async def aclose(self) -> None:
        """Watch no longer. Not needed if the watch is simply dropped."""
        self._news.clear()
        self.end(None)

    # What the client tells

    def subscribe(self) -> None:
        """Ask for the list, and for changes on this connection."""
        self._asking = True
        self._listing = []
        self._driver.submit("watch_approvals", WatchApprovals(), None, self._listed)

    def reconnected(self) -> None:
        """There is a new connection, which knows of no watch; an open question goes out again."""
        if not self._asking and not self._overrun and not self._ended:
            self.subscribe()

    def take(self, view: ApprovalView) -> None:
        """An approval changed."""
        if self._ended or self._overrun:
            return
        if view.status == "waiting":
            self._waiting[view.id] = view
        else:
            self._waiting.pop(view.id, None)
        self._news[view.id] = view
        if max(len(self._news), len(self._waiting)) > WATCHED_MAX:
            self._overrun = True
            self._news.clear()
            self._waiting.clear()
        self._arrived.set()

    def end(self, error: AgentGateError | None) -> None:
        """Nothing more will come."""
        self._ended = True
        self._error = self._error or error
        self._arrived.set()

    def _listed(self, settled: Settled) -> None:
        self._asking = False
        if settled.error is not None:
            if settled.error.code == ErrorCode.NOT_FOUND and self._listing:
                self.subscribe()  # where a page was to go on was settled meanwhile
            else:
                self.end(settled.error)
            return
        try:
            page = rows_of(settled.result)
        except AgentGateError as odd:
            self.end(odd)
            return
        self._listing += page.approvals
        if page.more and page.approvals and len(self._listing) < WATCHED_MAX:
            self._asking = True
            after = ListApprovals(after=page.approvals[-1].id)
            self._driver.submit("list_approvals", after, None, self._listed)
            return
        views, self._listing = self._listing, []
        listed = {view.id for view in views}
        if not page.more:
            gone = [view for view in self._waiting.values() if view.id not in listed]
            for view in gone:
                self.take(msgspec.structs.replace(view, status="settled"))
        for view in views:
            known = self._waiting.get(view.id)
            if known is None or known.approved_by != view.approved_by:
                self.take(view)
