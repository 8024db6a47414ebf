"""The import name that users know (seed 001, FR7): re-exports of the SDK.

``agentgate_client`` has more: approvals, and the types of callbacks and of ``health``.
``agentgate_local`` has a gateway in the program's own process.
"""

from agentgate_client import (
    AgentGateClient,
    AgentGateConnectionError,
    AgentGateDenied,
    AgentGateError,
    AgentGateTimeout,
    ClientState,
    Cursor,
    Event,
    GatewayRequest,
    GatewayResponse,
    ModelFailed,
    OutcomeUnknown,
    OverBudget,
    RemoteSessions,
    Run,
    RunInProgress,
    Session,
    SessionGateway,
    SessionNotFound,
)

__all__ = [
    "AgentGateClient",
    "AgentGateConnectionError",
    "AgentGateDenied",
    "AgentGateError",
    "AgentGateTimeout",
    "ClientState",
    "Cursor",
    "Event",
    "GatewayRequest",
    "GatewayResponse",
    "ModelFailed",
    "OutcomeUnknown",
    "OverBudget",
    "RemoteSessions",
    "Run",
    "RunInProgress",
    "Session",
    "SessionGateway",
    "SessionNotFound",
]
