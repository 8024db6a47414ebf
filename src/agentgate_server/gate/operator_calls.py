"""The methods by which people look after a gateway. Roles were checked by the core."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from agentgate_proto.errors import ErrorCode
from agentgate_proto.principal import Principal
from agentgate_proto.rpc.audit_methods import ListAudit, VerifyAudit
from agentgate_proto.rpc.health_methods import DeviceList, ListDevices, ReportHealth
from agentgate_proto.rpc.principal_methods import ListPrincipals, MakeToken, RevokeToken
from agentgate_proto.rpc.replay_methods import CompareApproval, ReadPolicy, ReplayCalls
from agentgate_proto.rpc.upstream_methods import ListUpstreams, UpstreamList
from agentgate_server.gate.auditing import AuditDesk
from agentgate_server.gate.looking_back import LookingBack
from agentgate_server.gate.principals import PrincipalDesk
from agentgate_server.relay.link import OpenUpstreams
from agentgate_server.sockets.replies import Reply, answer_with


class OperatorCalls:
    """See the module.

    Args:
        principals: who may connect.
        audit: what happened.
        looking_back: says what would have been.
        upstreams: the gateways behind this one, if there are any.
        devices: lists who provides tools.
        report_health: says how the gateway is, to somebody; the reply comes later.
    """

    def __init__(
        self,
        principals: PrincipalDesk,
        audit: AuditDesk,
        looking_back: LookingBack,
        upstreams: OpenUpstreams | None,
        *,
        devices: Callable[[], DeviceList],
        report_health: Callable[[Principal, Reply], None],
    ) -> None:
        self._looking_back = looking_back
        self._principals = principals
        self._audit = audit
        self._upstreams = upstreams
        self._devices = devices
        self._report_health = report_health

    def answer(
        self, principal: Principal, params: msgspec.Struct, channel: str, reply: Reply
    ) -> None:
        """Act on a call; the reply may come later."""
        match params:
            case ListPrincipals():
                answer_with(reply, lambda: self._principals.list(params))
            case MakeToken():
                self._principals.make(principal, params, channel, reply)
            case RevokeToken():
                self._principals.revoke(principal, params, channel, reply)
            case ListAudit():
                self._audit.look_back(params, reply)
            case VerifyAudit():
                self._audit.verify(params, reply)
            case ReplayCalls() | CompareApproval() | ReadPolicy():
                self._looking_back.answer(principal, params, reply)
            case ListDevices():
                reply.result(self._devices())
            case ReportHealth():
                self._report_health(principal, reply)
            case ListUpstreams():
                rows = self._upstreams.rows() if self._upstreams is not None else []
                reply.result(UpstreamList(rows))
            case _:
                reply.error(ErrorCode.METHOD_NOT_FOUND, "", None)
