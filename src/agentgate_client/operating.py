"""What operators ask of a gateway, for the SDK of people: how it is, and who may connect."""

from __future__ import annotations

from agentgate_client.decoding import view_from
from agentgate_client.driver import Driver
from agentgate_proto.principal import Role
from agentgate_proto.records.console_session import ConsoleSessionView
from agentgate_proto.rpc.audit_methods import AuditPage, AuditVerdict, ListAudit, VerifyAudit
from agentgate_proto.rpc.console_methods import (
    ConsoleSessionList,
    ListConsoleSessions,
    RevokeConsoleSession,
)
from agentgate_proto.rpc.health_methods import (
    DeviceList,
    DeviceRow,
    HealthReport,
    ListDevices,
    ReportHealth,
)
from agentgate_proto.rpc.messages import Reload, ReloadReport
from agentgate_proto.rpc.principal_methods import (
    ListPrincipals,
    MakeToken,
    PrincipalList,
    RevokeToken,
    TokenMade,
    TokenRevoked,
)
from agentgate_proto.rpc.upstream_methods import ListUpstreams, UpstreamList, UpstreamRow

Upstreams = list[UpstreamRow]
ConsoleSessions = list[ConsoleSessionView]

Devices = list[DeviceRow]


class Operating:
    """The calls of a client whose token is an operator's.

    Each raises ``AgentGateError`` if the role may not (-32010), or the call failed.
    """

    _driver: Driver

    async def reload(self) -> ReloadReport:
        """Let the gateway read policy, principals and tokens anew, as an operator.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        return view_from(await self._driver.call("reload", Reload(), None), ReloadReport)

    async def upstreams(self) -> Upstreams:
        """List the gateways behind this one, and how the link to each is, as an operator.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        result = await self._driver.call("list_upstreams", ListUpstreams(), None)
        return view_from(result, UpstreamList).upstreams

    async def principals(self, *, after: str = "") -> PrincipalList:
        """List who may connect, as an operator: a page of them.

        Args:
            after: the name after which to go on, where a page had ``more``.

        Raises:
            AgentGateError: nobody has that name any more (-32011), the role may not (-32010), or
                the call failed.
        """
        result = await self._driver.call("list_principals", ListPrincipals(after=after), None)
        return view_from(result, PrincipalList)

    async def make_token(self, name: str, role: Role) -> TokenMade:
        """Make a token for somebody new, as an operator. It counts at once; keep it, the gateway
        has only its hash.

        Raises:
            AgentGateError: nobody may be called so, or somebody is (-32602), the token can't be
                kept (-32603), or the role may not (-32010).
        """
        result = await self._driver.call("make_token", MakeToken(name=name, role=role), None)
        return view_from(result, TokenMade)

    async def revoke_token(self, name: str, *, confirm: bool = False) -> TokenRevoked:
        """Let somebody's token count no more, as an operator: their connections end.

        Args:
            name: whose.
            confirm: it is the caller's own token, and that is meant.

        Raises:
            AgentGateError: nobody of that name has one (-32011), it is that of the last operator,
                or the caller's own without ``confirm``, or the role may not (-32010), or that can't
                be kept (-32603).
        """
        params = RevokeToken(name=name, confirm=confirm)
        return view_from(await self._driver.call("revoke_token", params, None), TokenRevoked)

    async def list_audit(self, wanted: ListAudit | None = None) -> AuditPage:
        """List what happened, newest first, as an operator: a page of the entries that fit.

        A page may be empty and still have ``more``: go on with its ``before``.

        Args:
            wanted: what is looked for; None: the newest.

        Raises:
            AgentGateError: what it says is no time (-32602), the role may not (-32010), or the call
                failed.
        """
        result = await self._driver.call("list_audit", wanted or ListAudit(), None)
        return view_from(result, AuditPage)

    async def verify_audit(self, *, cursor: str = "") -> AuditVerdict:
        """Check that the audit is whole, as an operator: a part of it at a time.

        Args:
            cursor: of the verdict before, where that had ``more``.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        result = await self._driver.call("verify_audit", VerifyAudit(cursor=cursor), None)
        return view_from(result, AuditVerdict)

    async def console_sessions(self) -> ConsoleSessions:
        """List who is logged in at the console in the browser: an operator sees everybody, an
        approver their own logins.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        result = await self._driver.call("list_console_sessions", ListConsoleSessions(), None)
        return view_from(result, ConsoleSessionList).sessions

    async def revoke_console_session(self, session_id: str) -> ConsoleSessionView:
        """End a login at the console at once, and return it as it was.

        Raises:
            AgentGateError: there is no such login that is yours to end (-32011), the role may not
                (-32010), or the end could not be stored (-32603).
        """
        params = RevokeConsoleSession(id=session_id)
        result = await self._driver.call("revoke_console_session", params, None)
        return view_from(result, ConsoleSessionView)

    async def devices(self) -> Devices:
        """List the connections that provide tools: devices, programs.

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        result = await self._driver.call("list_devices", ListDevices(), None)
        return view_from(result, DeviceList).devices

    async def report_health(self) -> HealthReport:
        """Say how the gateway is; to an operator, with names, reasons and figures of each part.

        (``health`` says how this client stands to it.)

        Raises:
            AgentGateError: the role may not (-32010), or the call failed.
        """
        result = await self._driver.call("report_health", ReportHealth(), None)
        return view_from(result, HealthReport)
