"""The SDK: the client machine of the core on real sockets, for asyncio and trio."""

from agentgate_client.agents import Agent, Agents
from agentgate_client.approvals import ApprovalsClient, ApprovalWatch
from agentgate_client.client import AgentGateClient
from agentgate_client.health import Health
from agentgate_client.outcomes import CallResult
from agentgate_client.providing import Tool
from agentgate_client.session_gateway import (
    GatewayRequest,
    GatewayResponse,
    RemoteSessions,
    SessionGateway,
)
from agentgate_client.session_streams import EventStream, Run
from agentgate_client.sessions import Session, Sessions
from agentgate_client.toolkits.kit import AnthropicTools, OpenAITools, ResponsesTools
from agentgate_proto.client.events import ClientState, StateChanged
from agentgate_proto.client.session_feed import Cursor, Event
from agentgate_proto.errors import (
    AgentGateConnectionError,
    AgentGateDenied,
    AgentGateError,
    AgentGateTimeout,
    AlreadySettled,
    ApprovalExpired,
    AuthenticationFailed,
    CodeNeeded,
    DeniedByPerson,
    DeniedByPolicy,
    Disconnected,
    ErrorCode,
    Forbidden,
    GatewayFailed,
    InvalidArguments,
    InvalidRequest,
    LimitExceeded,
    LoginFailed,
    ModelFailed,
    NotFound,
    NotSupported,
    OutcomeUnknown,
    OverBudget,
    RateLimited,
    RelayLoop,
    RequestCancelled,
    RunInProgress,
    SessionNotFound,
    TooLarge,
    ToolFailed,
    UnknownTool,
)
from agentgate_proto.records.approval import ApprovalView, GrantView
from agentgate_proto.records.edit import EditTerms
from agentgate_proto.records.grant import GrantTerms
from agentgate_proto.records.session_views import SessionView
from agentgate_proto.records.usage import Usage
from agentgate_proto.rpc.messages import (
    RequestWaiting,
)
from agentgate_proto.rpc.results import EditPreview
from agentgate_proto.rpc.session_methods import Inspection, RunCancelled
from agentgate_proto.rpc.usage_methods import ModelRow, UsageReport

__all__ = [
    "Agent",
    "AgentGateClient",
    "AgentGateConnectionError",
    "AgentGateDenied",
    "AgentGateError",
    "AgentGateTimeout",
    "Agents",
    "AlreadySettled",
    "AnthropicTools",
    "ApprovalExpired",
    "ApprovalView",
    "ApprovalWatch",
    "ApprovalsClient",
    "AuthenticationFailed",
    "CallResult",
    "ClientState",
    "CodeNeeded",
    "Cursor",
    "DeniedByPerson",
    "DeniedByPolicy",
    "Disconnected",
    "EditPreview",
    "EditTerms",
    "ErrorCode",
    "Event",
    "EventStream",
    "Forbidden",
    "GatewayFailed",
    "GatewayRequest",
    "GatewayResponse",
    "GrantTerms",
    "GrantView",
    "Health",
    "Inspection",
    "InvalidArguments",
    "InvalidRequest",
    "LimitExceeded",
    "LoginFailed",
    "ModelFailed",
    "ModelRow",
    "NotFound",
    "NotSupported",
    "OpenAITools",
    "OutcomeUnknown",
    "OverBudget",
    "RateLimited",
    "RelayLoop",
    "RemoteSessions",
    "RequestCancelled",
    "RequestWaiting",
    "ResponsesTools",
    "Run",
    "RunCancelled",
    "RunInProgress",
    "Session",
    "SessionGateway",
    "SessionNotFound",
    "SessionView",
    "Sessions",
    "StateChanged",
    "TooLarge",
    "Tool",
    "ToolFailed",
    "UnknownTool",
    "Usage",
    "UsageReport",
]
