"""The import name that users know (seed 001, FR7): re-exports of the SDK.

``agentgate_client`` has more: approvals, and the types of callbacks and of ``health``.
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
    ModelFailed,
    OutcomeUnknown,
    OverBudget,
    Run,
    RunInProgress,
    Session,
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
    "ModelFailed",
    "OutcomeUnknown",
    "OverBudget",
    "Run",
    "RunInProgress",
    "Session",
    "SessionNotFound",
]
