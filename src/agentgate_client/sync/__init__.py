"""The SDK without ``await``: the same names, for scripts, threads and notebooks."""

from agentgate_client.sync.approvals import ApprovalsClient, ApprovalWatch
from agentgate_client.sync.client import AgentGateClient
from agentgate_client.sync.sessions import Agent, Agents, EventStream, Run, Session, Sessions
from agentgate_client.sync.toolkits import AnthropicTools, OpenAITools, ResponsesTools

__all__ = [
    "Agent",
    "AgentGateClient",
    "Agents",
    "AnthropicTools",
    "ApprovalWatch",
    "ApprovalsClient",
    "EventStream",
    "OpenAITools",
    "ResponsesTools",
    "Run",
    "Session",
    "Sessions",
]
