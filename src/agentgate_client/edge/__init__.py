"""Small devices that ask an agent, act on its answers, and provide their data (seed 000)."""

from agentgate_client.edge.asked import Asked
from agentgate_client.edge.channels import ChannelError
from agentgate_client.edge.client import EdgeClient
from agentgate_client.edge.handlers import HandlerFailed
from agentgate_client.edge.health import Answered, AnswerEvent, EdgeHealth
from agentgate_client.edge.spool import SpoolError
from agentgate_client.providing import Tool
from agentgate_proto.client.prompts import Answer, WhenFull

__all__ = [
    "Answer",
    "AnswerEvent",
    "Answered",
    "Asked",
    "ChannelError",
    "EdgeClient",
    "EdgeHealth",
    "HandlerFailed",
    "SpoolError",
    "Tool",
    "WhenFull",
]
