"""The SDK without ``await``: ``from agent_gate.sync import AgentGateClient``.

The errors are those of ``agent_gate``.
"""

from agentgate_client.sync import (
    Agent,
    AgentGateClient,
    Agents,
    AnthropicTools,
    ApprovalsClient,
    ApprovalWatch,
    EventStream,
    OpenAITools,
    ResponsesTools,
    Run,
    Session,
    Sessions,
)

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
