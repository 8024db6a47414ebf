"""The SDK: the client machine of the core on real sockets, for asyncio and trio."""

from agentgate_client.approvals import ApprovalsClient, ApprovalWatch
from agentgate_client.client import AgentGateClient
from agentgate_client.health import Health
from agentgate_proto.client.events import ClientState, StateChanged
from agentgate_proto.errors import (
    AgentGateConnectionError,
    AgentGateDenied,
    AgentGateError,
    AgentGateTimeout,
    ErrorCode,
    OutcomeUnknown,
)
from agentgate_proto.records.approval import ApprovalView, GrantView
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.rpc.messages import (
    RequestWaiting,
)

__all__ = [
    "AgentGateClient",
    "AgentGateConnectionError",
    "AgentGateDenied",
    "AgentGateError",
    "AgentGateTimeout",
    "ApprovalView",
    "ApprovalWatch",
    "ApprovalsClient",
    "ClientState",
    "ErrorCode",
    "GrantTerms",
    "GrantView",
    "Health",
    "OutcomeUnknown",
    "RequestWaiting",
    "StateChanged",
]
