"""The SDK without ``await``: ``from agent_gate.sync import AgentGateClient``.

The errors are those of ``agent_gate``.
"""

from agentgate_client.sync import (
    Agent,
    AgentGateClient,
    Agents,
    ApprovalsClient,
    ApprovalWatch,
    EventStream,
    Run,
    Session,
    Sessions,
)

__all__ = [
    "Agent",
    "AgentGateClient",
    "Agents",
    "ApprovalWatch",
    "ApprovalsClient",
    "EventStream",
    "Run",
    "Session",
    "Sessions",
]
