"""The SDK without ``await``: the same names, for scripts, threads and notebooks."""

from agentgate_client.sync.approvals import ApprovalsClient, ApprovalWatch
from agentgate_client.sync.client import AgentGateClient
from agentgate_client.sync.sessions import Agent, Agents, EventStream, Run, Session, Sessions

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
